// HeapUser: one thread's random program on a CheckedHeap: it allocates, resizes, frees, and gives
// blocks to other threads in exchange for theirs. The same seed gives the same program.
#ifndef TESTING_LIB_HEAP_USER_H_
#define TESTING_LIB_HEAP_USER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "testing/lib/checked_heap.h"
#include "testing/lib/random.h"

namespace hz3::testlib {

// Where threads leave blocks for others; a slot that is taken gives its old block in exchange.
// Any thread.
class Exchange {
 public:
  Block Swap(size_t slot, const Block& block) {
    const std::lock_guard<std::mutex> lock(mutexes_[slot % mutexes_.size()]);
    return std::exchange(slots_[slot % slots_.size()], block);
  }
  size_t size() const { return slots_.size(); }
  // While nobody else uses it.
  void FreeAll(CheckedHeap& heap);

 private:
  std::array<Block, 1024> slots_;
  std::array<std::mutex, 64> mutexes_;
};

// Belongs to one thread; must be emptied with FreeAll, or its blocks leak.
class HeapUser {
 public:
  struct Options {
    uint64_t seed = 1;
    size_t blocks = 100;           // of its own at a time
    size_t usual = 300 << 10;      // the largest size of most blocks
    size_t largest = 24 << 20;     // of one in 200
    Exchange* exchange = nullptr;  // none: it keeps to itself
  };
  HeapUser(CheckedHeap& heap, const Options& options)
      : heap_(heap), options_(options), random_(options.seed), own_(options.blocks) {}

  void Step();
  void FreeAll();

 private:
  // Blocks above this size are memory that a machine may not have many times over: of all users
  // together at most kMostGiants at a time.
  static constexpr size_t kGiant = size_t{64} << 20;
  static constexpr int kMostGiants = 2;

  void Allocate(Block& block);
  void Free(Block& block);
  size_t Largest();

  CheckedHeap& heap_;
  const Options options_;
  Random random_;
  std::vector<Block> own_;
  uint64_t steps_ = 0;

  // Relaxed: only its value matters.
  static std::atomic<int> giants_;
};

}  // namespace hz3::testlib

#endif  // TESTING_LIB_HEAP_USER_H_
