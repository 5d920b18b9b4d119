// HugePages: whether huge pages come cheap, judged by what the last ones cost. In a virtual machine
// the memory behind one may have to come from the host first: free page reporting gives it back
// there in blocks of that size when it has lain free for some seconds (linux/page_reporting.h,
// mm/page_reporting.c), while single pages that were in use a moment ago still have theirs. Then
// 512 page faults on such pages cost a fifth.
//
// Thread-safe; two threads at once may lose each other's note. Slow path.
#ifndef HZ3_PAGES_HUGE_PAGES_H_
#define HZ3_PAGES_HUGE_PAGES_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace hz3 {

class HugePages {
 public:
  // In nanoseconds of CPU time, 4 µs for each of its pages: a page fault costs 0.5 to 2.5 µs where
  // it is cheap.
  static constexpr uint64_t kDearNs = 2'000'000;
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
  // One was had for so much CPU time.
  void NoteCost(uint64_t cpu_ns) {
    if (cpu_ns <= kDearNs) {
      if (pause_.load(std::memory_order_relaxed) != 0) pause_.store(0, std::memory_order_relaxed);
      return;
    }
    const unsigned longer = pause_.load(std::memory_order_relaxed) * 2;
    const unsigned pause = std::clamp(longer, kFirstPause, kLongestPause);
    pause_.store(pause, std::memory_order_relaxed);
    left_.store(pause, std::memory_order_relaxed);
  }

 private:
  // Relaxed: notes for the next decision, which guard nothing.
  std::atomic<unsigned> left_{0};
  std::atomic<unsigned> pause_{0};  // the last one, 0 after a cheap one
};

}  // namespace hz3

#endif  // HZ3_PAGES_HUGE_PAGES_H_
