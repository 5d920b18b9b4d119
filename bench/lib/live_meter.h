// Measures how many bytes are live across threads without a shared counter: each thread publishes
// its own net bytes (allocated minus freed by that thread, may be negative) with a plain store, and
// now and then somebody adds them up.
#ifndef BENCH_LIB_LIVE_METER_H_
#define BENCH_LIB_LIVE_METER_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hz3::bench {

// The peak is the greatest sum that was sampled. A sum mixes moments that lie up to kMaxSumTime
// apart; one that took longer (its thread was preempted) says nothing about any moment and is
// thrown away. Publish is for the thread that owns the index, everything else for any thread.
//
// The samples of the last kRemembered are kept, the greatest of each kGrain, so that the greatest
// one during a call that is just over can be told.
class LiveMeter {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::microseconds kMaxSumTime{20};
  static constexpr std::chrono::microseconds kGrain{100};
  static constexpr size_t kGrains = 8192;
  static constexpr std::chrono::microseconds kRemembered = kGrain * (kGrains - 1);

  explicit LiveMeter(size_t threads) : counters_(threads) {}

  void Publish(size_t thread, int64_t net_bytes) {
    counters_[thread].net_bytes.store(net_bytes, std::memory_order_relaxed);
  }

  // The live bytes now; exact only while no thread publishes.
  int64_t Sum() const {
    int64_t sum = 0;
    for (const Counter& counter : counters_) {
      sum += counter.net_bytes.load(std::memory_order_relaxed);
    }
    return sum;
  }

  // Adds up and raises the peak. Returns the sum, also one that took too long to count.
  int64_t Sample() {
    const Clock::time_point start = Clock::now();
    const int64_t sum = Sum();
    const Clock::time_point end = Clock::now();
    if (end - start <= kMaxSumTime) {
      Raise(&peak_, sum);
      Remember(GrainOf(start), sum);
    }
    return sum;
  }

  // The greatest sample of the time from the first whole grain after `since` up to now, as far as
  // it is remembered; INT64_MIN when there was none.
  int64_t GreatestSince(Clock::time_point since) const {
    const int64_t now = GrainOf(Clock::now());
    const int64_t oldest = now - static_cast<int64_t>(kGrains) + 1;
    int64_t greatest = INT64_MIN;
    for (int64_t grain = std::max(GrainOf(since) + 1, oldest); grain <= now; ++grain) {
      const Grain& entry = RememberedAt(grain);
      // Acquire: the sum is of this grain or of a later one, which is as good.
      if (entry.number.load(std::memory_order_acquire) != grain) continue;
      greatest = std::max(greatest, entry.sum.load(std::memory_order_relaxed));
    }
    return greatest;
  }

  int64_t peak() const { return peak_.load(std::memory_order_relaxed); }

 private:
  struct Grain {
    std::atomic<int64_t> number{-1};  // since the clock's epoch
    std::atomic<int64_t> sum{INT64_MIN};
  };

  static int64_t GrainOf(Clock::time_point time) { return time.time_since_epoch() / kGrain; }
  const Grain& RememberedAt(int64_t grain) const {
    return remembered_[static_cast<size_t>(grain) % kGrains];
  }
  Grain& RememberedAt(int64_t grain) { return remembered_[static_cast<size_t>(grain) % kGrains]; }

  static void Raise(std::atomic<int64_t>* greatest, int64_t sum) {
    int64_t before = greatest->load(std::memory_order_relaxed);
    while (sum > before && !greatest->compare_exchange_weak(before, sum, std::memory_order_relaxed)) {
    }
  }

  // Of those who begin a grain at once, some lose their sample.
  void Remember(int64_t grain, int64_t sum) {
    Grain& entry = RememberedAt(grain);
    int64_t number = entry.number.load(std::memory_order_relaxed);
    if (number == grain) return Raise(&entry.sum, sum);
    if (number > grain) return;
    if (!entry.number.compare_exchange_strong(number, -1, std::memory_order_relaxed)) return;
    entry.sum.store(sum, std::memory_order_relaxed);
    entry.number.store(grain, std::memory_order_release);
  }

  struct alignas(128) Counter {
    std::atomic<int64_t> net_bytes{0};
  };

  std::vector<Counter> counters_;
  alignas(128) std::atomic<int64_t> peak_{0};
  std::array<Grain, kGrains> remembered_;
};

}  // namespace hz3::bench

#endif  // BENCH_LIB_LIVE_METER_H_
