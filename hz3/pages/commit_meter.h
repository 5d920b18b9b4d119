// CommitMeter: how many pages may hold memory of the machine, and how many may at most. A page is
// committed from the moment it is handed out for the first time until its memory is given back
// (Purge), whether or not the program has touched it: the meter counts promises.
//
// Lock-free, any thread; slow path only (a page that is reused while dirty is not charged again,
// so a steady program never comes here). The policy that sets the limit is mem_budget's.
#ifndef HZ3_PAGES_COMMIT_METER_H_
#define HZ3_PAGES_COMMIT_METER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hz3 {

class CommitMeter {
 public:
  // Counts n more pages as committed; false, with nothing counted, when that would cross the limit.
  bool Charge(size_t n) {
    // Relaxed throughout: the numbers order nothing else; the fetch_add alone decides who crosses.
    const size_t now = committed_.fetch_add(n, std::memory_order_relaxed) + n;
    if (now <= limit_.load(std::memory_order_relaxed)) {
      RaisePeak(now);
      return true;
    }
    committed_.fetch_sub(n, std::memory_order_relaxed);
    return false;
  }
  void Uncharge(size_t n) { committed_.fetch_sub(n, std::memory_order_relaxed); }

  size_t committed() const { return committed_.load(std::memory_order_relaxed); }
  size_t peak() const { return peak_.load(std::memory_order_relaxed); }
  size_t limit() const { return limit_.load(std::memory_order_relaxed); }
  void set_limit(size_t pages) { limit_.store(pages, std::memory_order_relaxed); }

 private:
  void RaisePeak(size_t now) {
    size_t peak = peak_.load(std::memory_order_relaxed);
    while (now > peak && !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
    }
  }

  // Relaxed atomics: statistics and a threshold, see Charge.
  std::atomic<size_t> committed_{0};
  std::atomic<size_t> peak_{0};
  std::atomic<size_t> limit_{SIZE_MAX};
};

}  // namespace hz3

#endif  // HZ3_PAGES_COMMIT_METER_H_
