// Counter: a statistic with one writer at a time (under some lease, or one thread) and any number
// of readers. Costs a plain load and store.
#ifndef HZ3_BASE_COUNTER_H_
#define HZ3_BASE_COUNTER_H_

#include <atomic>
#include <cstdint>

namespace hz3 {

class Counter {
 public:
  void Add(uint64_t n) {
    // Relaxed and not a read-modify-write: there is one writer, and readers want a figure only.
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void Subtract(uint64_t n) { Add(~n + 1); }
  uint64_t Get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};  // relaxed, see Add
};

}  // namespace hz3

#endif  // HZ3_BASE_COUNTER_H_
