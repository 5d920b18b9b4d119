// A heap full of holes: blocks that are written and then freed but for a few, so that most of their
// memory is free and still resident, and nowhere in one piece. One thread.

#ifndef TESTING_INTEGRATION_PINNED_BLOCKS_H_
#define TESTING_INTEGRATION_PINNED_BLOCKS_H_

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "testing/lib/allocator_under_test.h"

namespace hz3::testlib {

class PinnedBlocks {
 public:
  PinnedBlocks() = default;
  PinnedBlocks(const PinnedBlocks&) = delete;
  PinnedBlocks& operator=(const PinnedBlocks&) = delete;
  ~PinnedBlocks() {
    for (void* block : blocks_) free(block);
  }

  // Writes `bytes` of blocks; false when malloc failed.
  bool Fill(std::size_t block_bytes, std::size_t bytes) {
    for (std::size_t n = 0; n < bytes / block_bytes; ++n) {
      void* block = malloc(Opaque(block_bytes));
      if (block == nullptr) return false;
      std::memset(block, 1, block_bytes);
      blocks_.push_back(block);
    }
    return true;
  }
  // Frees all but every `keep`-th block.
  void Thin(std::size_t keep) {
    for (std::size_t n = 0; n < blocks_.size(); ++n) {
      if (n % keep == 0) continue;
      free(blocks_[n]);
      blocks_[n] = nullptr;
    }
  }

 private:
  std::vector<void*> blocks_;
};

}  // namespace hz3::testlib

#endif  // TESTING_INTEGRATION_PINNED_BLOCKS_H_
