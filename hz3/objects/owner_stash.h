// OwnerStash: objects (or runs) of one class and one shard on their way from bin to bin, as pointers,
// past the bitmaps. Whoever flushes hands whole batches over; whoever refills takes whole batches.
// The objects in it are cached: neither live nor free.
//
// Any thread, under the stash's own lease (held for one copy of a batch); slow path. Bounded by
// the capacity, which is the class's share of kConfig.stash_bytes.
#ifndef HZ3_OBJECTS_OWNER_STASH_H_
#define HZ3_OBJECTS_OWNER_STASH_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>

#include "hz3/base/lease.h"
#include "hz3/base/words.h"
#include "hz3/config/config.h"
#include "hz3/objects/size_classes.h"

namespace hz3 {

class alignas(2 * kCacheLine) OwnerStash {
 public:
  static constexpr unsigned kMaxEntries = 256;

  static constexpr unsigned CapacityOf(SizeClass c) {
    if (c.value() < 1 || c.value() >= kClasses || !kConfig.owner_stash) return 0;
    if (InfoOf(c).size > kMaxSmallSize) {
      return static_cast<unsigned>(
          std::min<size_t>(kConfig.run_stash_bytes / InfoOf(c).size, kMaxEntries));
    }
    return static_cast<unsigned>(
        std::clamp<size_t>(kConfig.stash_bytes / InfoOf(c).size, 8, kMaxEntries));
  }

  // Where the entries lie: room for CapacityOf(c), which may be fresh memory. Once, before the rest.
  void SetRoom(void** entries) { entries_ = entries; }

  // Takes as many of objects[0..n) as there is room for, from the end; returns how many.
  unsigned Put(SizeClass c, void* const* objects, unsigned n) {
    const unsigned capacity = CapacityOf(c);
    // A look without the lease: a full stash is not worth its lock. Stale values cost a detour.
    if (count_.load(std::memory_order_relaxed) >= capacity) return 0;
    LeaseHolder hold(lease_);
    const unsigned count = count_.load(std::memory_order_relaxed);
    const unsigned moved = std::min(n, capacity - count);
    memcpy(entries_ + count, objects + (n - moved), moved * sizeof(void*));
    count_.store(count + moved, std::memory_order_relaxed);
    return moved;
  }
  // Moves up to `want` objects to out[0..], the last put first; returns how many.
  unsigned Take(void** out, unsigned want) {
    if (count_.load(std::memory_order_relaxed) == 0) return 0;
    LeaseHolder hold(lease_);
    const unsigned count = count_.load(std::memory_order_relaxed);
    const unsigned moved = std::min(want, count);
    memcpy(out, entries_ + (count - moved), moved * sizeof(void*));
    count_.store(count - moved, std::memory_order_relaxed);
    return moved;
  }
  unsigned count() const { return count_.load(std::memory_order_relaxed); }

  void LockForFork() HZ3_NO_ANALYSIS { lease_.Lock(); }
  void UnlockAfterFork() HZ3_NO_ANALYSIS { lease_.Unlock(); }
  void ResetAfterFork() { lease_.ResetAfterFork(); }

 private:
  friend class HeapLayoutMaker;
  Lease lease_;
  // Written under the lease; read without it as a hint only, hence relaxed.
  std::atomic<uint32_t> count_{0};
  void** entries_ = nullptr;
};

// Entries of the stashes of all classes together.
inline constexpr unsigned kStashEntries = [] {
  unsigned entries = 0;
  for (unsigned c = 1; c < kClasses; ++c) {
    entries += OwnerStash::CapacityOf(SizeClass(static_cast<uint8_t>(c)));
  }
  return entries;
}();

}  // namespace hz3

#endif  // HZ3_OBJECTS_OWNER_STASH_H_
