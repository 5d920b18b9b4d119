// MetadataPool: memory for hz3's own records of changing number (thread caches and the arrays of
// their bins), in blocks of a power of two. Outside of the arena, never given back to the system;
// freed blocks are used again.
//
// Thread-safe, under its own lease; slow path.
#ifndef HZ3_BASE_METADATA_POOL_H_
#define HZ3_BASE_METADATA_POOL_H_

#include <atomic>
#include <cstddef>

#include "hz3/base/lease.h"
#include "hz3/base/os_memory.h"
#include "hz3/base/thread_annotations.h"
#include "hz3/base/words.h"

namespace hz3 {

class MetadataPool {
 public:
  static constexpr size_t kMinBlock = 64;
  static constexpr size_t kMaxBlock = size_t{1} << 16;

  explicit constexpr MetadataPool(OsMemory* os = nullptr) : os_(os) {}
  void Init(OsMemory& os) { os_ = &os; }

  // A block of at least `bytes` (<= kMaxBlock), aligned to its own size (at most kPageSize); its
  // contents are undefined. nullptr when the OS refuses.
  void* Allocate(size_t bytes);
  // `bytes` as for Allocate.
  void Free(void* block, size_t bytes);
  // Bytes that blocks were cut from, free ones too; pages of the pool beyond were never touched,
  // but for some that were populated ahead.
  size_t bytes() const { return used_.load(std::memory_order_relaxed); }

  void LockForFork() HZ3_NO_ANALYSIS { lease_.Lock(); }
  void UnlockAfterFork() HZ3_NO_ANALYSIS { lease_.Unlock(); }
  void ResetAfterFork() HZ3_NO_ANALYSIS {
    lease_.ResetAfterFork();
    grows_ = false;  // whoever did is not in this process
  }

 private:
  static constexpr unsigned kSizes = 11;  // 64 B << 0 .. 64 B << 10
  // What the pool gets from the OS at a time: half of what it has, within these bounds; where that
  // is refused, the least. Room for the caches of some hundred threads, of which only pages that
  // are used take memory.
  static constexpr size_t kLeastChunk = size_t{256} << 10;
  static constexpr size_t kFirstChunk = size_t{4} << 20;
  static constexpr size_t kLargestChunk = size_t{64} << 20;
  // Pages that get memory in one system call as the pool grows: this part of what it uses already,
  // and at most so many.
  static constexpr size_t kPopulatePart = 8;
  static constexpr size_t kMostPopulated = 16 * kPageSize;
  static unsigned SizeIndex(size_t bytes);

  // Memory that was not used before.
  struct Piece {
    char* start = nullptr;
    size_t left = 0;

    char* Cut(size_t block);
  };
  char* AllocateUnderLease(size_t bytes, MemoryRange* ahead) HZ3_REQUIRES(lease_);
  char* CutPages(size_t size, MemoryRange* ahead) HZ3_REQUIRES(lease_);
  MemoryRange PopulateAhead(char* end) HZ3_REQUIRES(lease_);
  size_t NextChunkBytes() const;
  Piece CommitChunk();
  Piece TakeNextChunk() HZ3_REQUIRES(lease_);
  bool StartsToGrow() HZ3_REQUIRES(lease_);
  void GrowAhead();

  struct FreeBlock {
    FreeBlock* next;
  };

  OsMemory* os_;
  Lease lease_;
  FreeBlock* free_[kSizes] HZ3_GUARDED_BY(lease_) = {};
  Piece chunk_ HZ3_GUARDED_BY(lease_);  // whole pages
  Piece next_chunk_ HZ3_GUARDED_BY(lease_);
  bool grows_ HZ3_GUARDED_BY(lease_) = false;         // somebody is about to have next_chunk_
  Piece page_ HZ3_GUARDED_BY(lease_);                 // the page that smaller blocks are cut from
  char* populated_ HZ3_GUARDED_BY(lease_) = nullptr;  // of the chunk, up to here
  // Both relaxed: figures, by which steps become longer.
  std::atomic<size_t> used_{0};
  std::atomic<size_t> chunk_bytes_{0};  // of all chunks
};

}  // namespace hz3

#endif  // HZ3_BASE_METADATA_POOL_H_
