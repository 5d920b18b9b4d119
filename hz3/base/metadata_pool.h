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
  // Bytes that the pool has from the OS.
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

  void LockForFork() HZ3_NO_ANALYSIS { lease_.Lock(); }
  void UnlockAfterFork() HZ3_NO_ANALYSIS { lease_.Unlock(); }
  void ResetAfterFork() { lease_.ResetAfterFork(); }

 private:
  static constexpr unsigned kSizes = 11;  // 64 B << 0 .. 64 B << 10
  static constexpr size_t kChunk = size_t{256} << 10;
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
  char* CutPages(size_t bytes) HZ3_REQUIRES(lease_);
  void PopulateAhead(char* end) HZ3_REQUIRES(lease_);

  struct FreeBlock {
    FreeBlock* next;
  };

  OsMemory* os_;
  Lease lease_;
  FreeBlock* free_[kSizes] HZ3_GUARDED_BY(lease_) = {};
  Piece chunk_ HZ3_GUARDED_BY(lease_);  // whole pages
  Piece page_ HZ3_GUARDED_BY(lease_);   // the page that smaller blocks are cut from
  char* populated_ HZ3_GUARDED_BY(lease_) = nullptr;  // of the chunk, up to here
  size_t used_ HZ3_GUARDED_BY(lease_) = 0;            // bytes cut from chunks so far
  // Written under the lease; relaxed: a statistic elsewhere.
  std::atomic<size_t> bytes_{0};
};

}  // namespace hz3

#endif  // HZ3_BASE_METADATA_POOL_H_
