#include "hz3/base/metadata_pool.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>

#include "hz3/base/words.h"

namespace hz3 {

unsigned MetadataPool::SizeIndex(size_t bytes) {
  const size_t block = std::bit_ceil(std::max(bytes, kMinBlock));
  return static_cast<unsigned>(std::countr_zero(block) - std::countr_zero(kMinBlock));
}

void* MetadataPool::Allocate(size_t bytes) {
  MemoryRange ahead;
  void* result;
  bool grow;
  {
    LeaseHolder hold(lease_);
    result = AllocateUnderLease(bytes, &ahead);
    grow = result != nullptr && StartsToGrow();  // else it was just refused
  }
  // Others may use the pages by now: they have page faults then, or wait for these.
  if (ahead.bytes > 0) os_->Populate(ahead.start, ahead.bytes);
  if (grow) GrowAhead();
  return result;
}

char* MetadataPool::AllocateUnderLease(size_t bytes, MemoryRange* ahead) {
  const unsigned index = SizeIndex(bytes);
  const size_t block = kMinBlock << index;
  if (free_[index] != nullptr) {
    FreeBlock* head = free_[index];
    free_[index] = head->next;
    return reinterpret_cast<char*>(head);
  }
  if (block >= kPageSize) return CutPages(block, ahead);
  char* result = page_.Cut(block);
  if (result != nullptr) return result;
  // What is left of the old page stays unused: less than a block of this size and its alignment.
  char* page = CutPages(kPageSize, ahead);
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

char* MetadataPool::CutPages(size_t size, MemoryRange* ahead) {
  char* result = chunk_.Cut(size);
  if (result == nullptr) {
    const Piece fresh = TakeNextChunk();
    if (fresh.left == 0) return nullptr;
    // What is left of the old chunk was never touched; it costs address space only.
    chunk_ = fresh;
    populated_ = chunk_.start;
    result = chunk_.Cut(size);
  }
  used_.store(bytes() + size, std::memory_order_relaxed);
  *ahead = PopulateAhead(result + size);
  return result;
}

size_t MetadataPool::NextChunkBytes() const {
  const size_t half = chunk_bytes_.load(std::memory_order_relaxed) / 2;
  return std::clamp(RoundUp(half, kFirstChunk), kFirstChunk, kLargestChunk);
}

// Empty when the OS refuses.
MetadataPool::Piece MetadataPool::CommitChunk() {
  for (const size_t bytes : {NextChunkBytes(), kLeastChunk}) {
    void* fresh = CommitBetweenGuards(*os_, bytes);
    if (fresh == nullptr) continue;
    chunk_bytes_.fetch_add(bytes, std::memory_order_relaxed);
    return {static_cast<char*>(fresh), bytes};
  }
  return {};
}

MetadataPool::Piece MetadataPool::TakeNextChunk() {
  return next_chunk_.left > 0 ? std::exchange(next_chunk_, {}) : CommitChunk();
}

// A chunk is had while something is left of the one before, by one thread, outside of the lease:
// where many threads come at once, they would all stand in line behind one that waits for the
// kernel.
bool MetadataPool::StartsToGrow() {
  if (grows_ || next_chunk_.left > 0 || chunk_.left >= NextChunkBytes() / 2) return false;
  grows_ = chunk_bytes_.load(std::memory_order_relaxed) > 0;
  return grows_;
}

void MetadataPool::GrowAhead() {
  const Piece fresh = CommitChunk();
  LeaseHolder hold(lease_);
  next_chunk_ = fresh;
  grows_ = false;
}

// What to populate now that the chunk is cut up to `end`: many threads that come at once would have
// a page fault for each page otherwise.
MemoryRange MetadataPool::PopulateAhead(char* end) {
  if (end <= populated_) return {};
  // With the last page that was just cut.
  char* const start = end - kPageSize;
  const size_t most = std::min(bytes() / kPopulatePart, kMostPopulated) & ~(kPageSize - 1);
  const size_t length = std::max(kPageSize, std::min(most, kPageSize + chunk_.left));
  populated_ = start + length;
  return length > kPageSize ? MemoryRange{start, length} : MemoryRange{};
}

void MetadataPool::Free(void* block, size_t bytes) {
  const unsigned index = SizeIndex(bytes);
  LeaseHolder hold(lease_);
  FreeBlock* head = static_cast<FreeBlock*>(block);
  head->next = free_[index];
  free_[index] = head;
}

}  // namespace hz3
