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
  if (block >= kPageSize) return CutPages(block);
  char* result = page_.Cut(block);
  if (result != nullptr) return result;
  // What is left of the old page stays unused: less than a block of this size and its alignment.
  char* page = CutPages(kPageSize);
  if (page == nullptr) return nullptr;
  page_ = {page, kPageSize};
  return page_.Cut(block);
}

// A block aligned to its own size, at most a page; nullptr when too little is left.
char* MetadataPool::Piece::Cut(size_t block) {
  const size_t pad = (~reinterpret_cast<uintptr_t>(start) + 1) & (std::min(block, kPageSize) - 1);
  if (left < pad + block) return nullptr;
  char* const result = start + pad;
  start = result + block;
  left -= pad + block;
  return result;
}

char* MetadataPool::CutPages(size_t bytes) {
  char* result = chunk_.Cut(bytes);
  if (result == nullptr) {
    void* fresh = CommitBetweenGuards(*os_, kChunk);
    if (fresh == nullptr) return nullptr;
    // What is left of the old chunk was never touched; it costs address space only.
    chunk_ = {static_cast<char*>(fresh), kChunk};
    populated_ = chunk_.start;
    bytes_.store(bytes_.load(std::memory_order_relaxed) + kChunk, std::memory_order_relaxed);
    result = chunk_.Cut(bytes);
  }
  used_ += bytes;
  PopulateAhead(result + bytes);
  return result;
}

// Many threads that come at once would have a page fault for each page otherwise.
void MetadataPool::PopulateAhead(char* end) {
  if (end <= populated_) return;
  // With the last page that was just cut.
  char* const start = end - kPageSize;
  const size_t most = std::min(used_ / kPopulatePart, kMostPopulated) & ~(kPageSize - 1);
  const size_t bytes = std::min(most, kPageSize + chunk_.left);
  populated_ = end;
  if (bytes > kPageSize && os_->Populate(start, bytes)) populated_ = start + bytes;
}

void MetadataPool::Free(void* block, size_t bytes) {
  const unsigned index = SizeIndex(bytes);
  LeaseHolder hold(lease_);
  FreeBlock* head = static_cast<FreeBlock*>(block);
  head->next = free_[index];
  free_[index] = head;
}

}  // namespace hz3
