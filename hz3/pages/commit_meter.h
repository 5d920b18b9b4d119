// CommitMeter: how many pages may hold memory of the machine, and how many may at most. A page is
// committed from the moment it is handed out for the first time until its memory is given back
// (Purge), whether or not the program has touched it: the meter counts promises. Metadata is not
// counted here (MetadataPool counts its own).
//
// Besides the limit there is an alarm: a threshold whose crossing is granted and remembered, so
// that somebody who holds no lease can give memory back before the pages are used.
//
// Lock-free, any thread; slow path only (a page that is reused while dirty is not charged again,
// so a steady program never comes here). The policy that sets the limit is mem_budget's.
#ifndef HZ3_PAGES_COMMIT_METER_H_
#define HZ3_PAGES_COMMIT_METER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hz3/base/words.h"

namespace hz3 {

class CommitMeter {
 public:
  // Counts n more pages as committed; false, with nothing counted, when that would cross the limit.
  bool Charge(size_t n) {
    // Relaxed throughout: the numbers order nothing else. A charge that is refused is never seen by
    // others, whose own, smaller ones it would make fail.
    size_t before = committed_.load(std::memory_order_relaxed);
    do {
      const size_t limit = limit_.load(std::memory_order_relaxed);
      if (before > limit || n > limit - before) {
        refusals_.fetch_add(1, std::memory_order_relaxed);
        return false;
      }
    } while (!committed_.compare_exchange_weak(before, before + n, std::memory_order_relaxed));
    const size_t now = before + n;
    RaisePeak(now);
    if (now > alarm_.load(std::memory_order_relaxed)) [[unlikely]] {
      alarmed_.store(true, std::memory_order_relaxed);
    }
    return true;
  }
  void Uncharge(size_t n) { committed_.fetch_sub(n, std::memory_order_relaxed); }

  size_t committed() const { return committed_.load(std::memory_order_relaxed); }
  size_t peak() const { return peak_.load(std::memory_order_relaxed); }
  // How many charges were refused so far.
  uint64_t refusals() const { return refusals_.load(std::memory_order_relaxed); }
  size_t limit() const { return limit_.load(std::memory_order_relaxed); }
  void set_limit(size_t pages) { limit_.store(pages, std::memory_order_relaxed); }

  // Whether there is a limit or an alarm at all.
  bool IsLimited() const {
    return limit() != SIZE_MAX || alarm_.load(std::memory_order_relaxed) != SIZE_MAX;
  }
  // Whether a charge has crossed the alarm since TakeAlarm was last true.
  bool alarmed() const { return alarmed_.load(std::memory_order_relaxed); }
  // True for one of those who ask.
  bool TakeAlarm() { return alarmed() && alarmed_.exchange(false, std::memory_order_relaxed); }
  size_t alarm() const { return alarm_.load(std::memory_order_relaxed); }
  void set_alarm(size_t pages) { alarm_.store(pages, std::memory_order_relaxed); }

 private:
  friend class HeapLayoutMaker;
  void RaisePeak(size_t now) {
    size_t peak = peak_.load(std::memory_order_relaxed);
    while (now > peak && !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
    }
  }

  // Relaxed atomics: statistics and thresholds, see Charge.
  std::atomic<size_t> committed_{0};
  std::atomic<size_t> peak_{0};
  std::atomic<uint64_t> refusals_{0};
  // Read by every slow path: away from the words that every charge writes.
  alignas(2 * kCacheLine) std::atomic<size_t> limit_{SIZE_MAX};
  std::atomic<size_t> alarm_{SIZE_MAX};
  std::atomic<bool> alarmed_{false};
};

}  // namespace hz3

#endif  // HZ3_PAGES_COMMIT_METER_H_
