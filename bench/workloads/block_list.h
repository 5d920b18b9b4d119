// The blocks that one thread of a workload holds, in memory of its own. Used by one thread at a
// time.
#ifndef BENCH_WORKLOADS_BLOCK_LIST_H_
#define BENCH_WORKLOADS_BLOCK_LIST_H_

#include <algorithm>
#include <cstddef>

#include "bench/lib/block.h"
#include "bench/lib/mapped_array.h"
#include "bench/workloads/ledger.h"

namespace hz3::bench {

class BlockList {
 public:
  explicit BlockList(size_t capacity) : blocks_(capacity) {}

  size_t size() const { return size_; }
  bool full() const { return size_ == blocks_.size(); }
  Block& operator[](size_t index) { return blocks_[index]; }

  // Not when full().
  void Add(Block block) {
    blocks_[size_++] = block;
    most_ = std::max(most_, size_);
  }

  // Takes one out; the last one takes its place.
  Block TakeAt(size_t index) {
    const Block block = blocks_[index];
    blocks_[index] = blocks_[--size_];
    return block;
  }

  // Leaves out what keep(index, block) is false for, and gives it to `account`.
  template <typename Keep>
  void FreeUnless(const Keep& keep, Account* account) {
    size_t kept = 0;
    for (size_t i = 0; i < size_; ++i) {
      if (keep(i, blocks_[i])) {
        blocks_[kept++] = blocks_[i];
      } else {
        account->Free(blocks_[i]);
      }
    }
    size_ = kept;
  }

  void FreeAll(Account* account) {
    while (size_ > 0) account->Free(blocks_[--size_]);
  }

  uint64_t TouchedBytes() const { return most_ * sizeof(Block); }

 private:
  MappedArray<Block> blocks_;
  size_t size_ = 0;
  size_t most_ = 0;
};

}  // namespace hz3::bench

#endif  // BENCH_WORKLOADS_BLOCK_LIST_H_
