#include "hz3/base/metadata_pool.h"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "hz3/base/words.h"

namespace hz3 {

unsigned MetadataPool::SizeIndex(size_t bytes) {
  const size_t block = std::bit_ceil(std::max(bytes, kMinBlock));
  return static_cast<unsigned>(std::countr_zero(block) - std::countr_zero(kMinBlock));
}

void* MetadataPool::Allocate(size_t bytes) {
  const unsigned index = SizeIndex(bytes);
  const size_t block = kMinBlock << index;
  LeaseHolder hold(lease_);
  if (free_[index] != nullptr) {
    FreeBlock* head = free_[index];
    free_[index] = head->next;
    return head;
  }
  const size_t align = std::min(block, kPageSize);
  const size_t pad = (~reinterpret_cast<uintptr_t>(chunk_) + 1) & (align - 1);
  if (left_ < pad + block) {
    void* fresh = CommitBetweenGuards(*os_, kChunk);
    if (fresh == nullptr) return nullptr;
    // What is left of the old chunk was never touched; it costs address space only.
    chunk_ = static_cast<char*>(fresh);
    left_ = kChunk;
    bytes_.store(bytes_.load(std::memory_order_relaxed) + kChunk, std::memory_order_relaxed);
    char* result = chunk_;
    chunk_ += block;
    left_ -= block;
    return result;
  }
  char* result = chunk_ + pad;
  chunk_ = result + block;
  left_ -= pad + block;
  return result;
}

void MetadataPool::Free(void* block, size_t bytes) {
  const unsigned index = SizeIndex(bytes);
  LeaseHolder hold(lease_);
  FreeBlock* head = static_cast<FreeBlock*>(block);
  head->next = free_[index];
  free_[index] = head;
}

}  // namespace hz3
