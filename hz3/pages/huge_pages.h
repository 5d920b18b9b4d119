// HugePages: whether huge pages come cheap, judged by what the last ones cost beside pages of
// 4 KiB. In a virtual machine the memory behind one may have to come from the host first: free
// page reporting gives it back there in blocks of that size when it has lain free for some seconds
// (mm/page_reporting.c of Linux), while single pages that were in use a moment ago still have
// theirs, and cost a fifth.
//
// Thread-safe; two threads at once may lose each other's note. Slow path.
#ifndef HZ3_PAGES_HUGE_PAGES_H_
#define HZ3_PAGES_HUGE_PAGES_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hz3/base/words.h"

namespace hz3 {

class HugePages {
 public:
  // What a page of 4 KiB is taken to cost in CPU time before any is known, and at least: what the
  // kernel saves in one call may come back at the first touch.
  static constexpr uint64_t kFirstPageNs = 2000;
  static constexpr uint64_t kLeastPageNs = 1000;
  // After a dear one so many are not asked for; twice as many after the next.
  static constexpr unsigned kFirstPause = 8;
  static constexpr unsigned kLongestPause = 64;

  // Whether to ask for one now.
  bool AskForOne() {
    const unsigned left = left_.load(std::memory_order_relaxed);
    if (left == 0) return true;
    left_.store(left - 1, std::memory_order_relaxed);
    return false;
  }
  // One was had for so much CPU time: dear is more than twice what its pages would have cost.
  void NoteCost(uint64_t cpu_ns) {
    const uint64_t page_ns = std::max(page_ns_.load(std::memory_order_relaxed), kLeastPageNs);
    if (cpu_ns <= 2 * page_ns * kPagesPerSegment) {
      if (pause_.load(std::memory_order_relaxed) != 0) pause_.store(0, std::memory_order_relaxed);
      return;
    }
    const unsigned longer = pause_.load(std::memory_order_relaxed) * 2;
    const unsigned pause = std::clamp(longer, kFirstPause, kLongestPause);
    pause_.store(pause, std::memory_order_relaxed);
    left_.store(pause, std::memory_order_relaxed);
  }
  // So many pages of 4 KiB (at least one) were populated for so much.
  void NoteCostOfPages(size_t pages, uint64_t cpu_ns) {
    const uint64_t before = page_ns_.load(std::memory_order_relaxed);
    page_ns_.store((before * 3 + cpu_ns / pages) / 4, std::memory_order_relaxed);
  }

 private:
  // All relaxed: notes for the next decision, which guard nothing.
  std::atomic<unsigned> left_{0};
  std::atomic<unsigned> pause_{0};  // the last one, 0 after a cheap one
  std::atomic<uint64_t> page_ns_{kFirstPageNs};
};

}  // namespace hz3

#endif  // HZ3_PAGES_HUGE_PAGES_H_
