// Measures how many bytes are live across threads without a shared counter: each thread publishes
// its own net bytes (allocated minus freed by that thread, may be negative) with a plain store, and
// now and then somebody adds them up.
#ifndef BENCH_LIB_LIVE_METER_H_
#define BENCH_LIB_LIVE_METER_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hz3::bench {

// The peak is the greatest sum that was sampled. A sum mixes moments that lie up to kMaxSumTime
// apart; one that took longer (its thread was preempted) says nothing about any moment and is
// thrown away. Publish is for the thread that owns the index, everything else for any thread.
class LiveMeter {
 public:
  static constexpr std::chrono::microseconds kMaxSumTime{20};

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
    const auto start = std::chrono::steady_clock::now();
    const int64_t sum = Sum();
    if (std::chrono::steady_clock::now() - start <= kMaxSumTime) RaisePeak(sum);
    return sum;
  }

  int64_t peak() const { return peak_.load(std::memory_order_relaxed); }

 private:
  void RaisePeak(int64_t sum) {
    int64_t peak = peak_.load(std::memory_order_relaxed);
    while (sum > peak && !peak_.compare_exchange_weak(peak, sum, std::memory_order_relaxed)) {
    }
  }

  struct alignas(128) Counter {
    std::atomic<int64_t> net_bytes{0};
  };

  std::vector<Counter> counters_;
  alignas(128) std::atomic<int64_t> peak_{0};
};

}  // namespace hz3::bench

#endif  // BENCH_LIB_LIVE_METER_H_
