#include "testing/lib/heap_user.h"

#include <algorithm>

namespace hz3::testlib {

std::atomic<int> HeapUser::giants_{0};

void Exchange::FreeAll(CheckedHeap& heap) {
  for (Block& block : slots_) {
    if (block.live()) heap.Free(block);
  }
}

size_t HeapUser::Largest() { return random_.Below(200) == 0 ? options_.largest : options_.usual; }

void HeapUser::Allocate(Block& block) {
  const uint64_t key = options_.seed << 40 | steps_;
  size_t largest = Largest();
  const bool giant = largest > kGiant;
  if (giant && giants_.fetch_add(1, std::memory_order_relaxed) >= kMostGiants) largest = kGiant;
  block = heap_.AllocateRandomly(random_, largest, key);
  // What became no giant after all is counted as none.
  if (giant && (!block.live() || block.size <= kGiant)) {
    giants_.fetch_sub(1, std::memory_order_relaxed);
  }
}

void HeapUser::Free(Block& block) {
  const bool giant = block.size > kGiant;
  heap_.Free(block);
  if (giant) giants_.fetch_sub(1, std::memory_order_relaxed);
}

void HeapUser::Step() {
  ++steps_;
  Block& block = own_[random_.Below(own_.size())];
  if (!block.live()) {
    Allocate(block);
  } else if (options_.exchange != nullptr && random_.Below(2) == 0) {
    block = options_.exchange->Swap(random_.Below(options_.exchange->size()), block);
  } else if (block.resizable() && block.size <= kGiant && random_.Below(4) == 0) {
    heap_.Resize(block, LogUniformSize(random_, std::min(Largest(), kGiant)),
                 random_.Below(2) == 0);
  } else {
    Free(block);
  }
}

void HeapUser::FreeAll() {
  for (Block& block : own_) {
    if (block.live()) Free(block);
  }
}

}  // namespace hz3::testlib
