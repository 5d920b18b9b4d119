// OwnerStash: objects (or runs) of one class and one shard on their way from bin to bin, as
// pointers, past the bitmaps. Whoever flushes hands whole batches over; whoever refills takes whole
// batches. The objects in it are cached: neither live nor free.
//
// It begins with room for a little. One that is found full by a thread that puts and then empty by
// another that takes is too small for what passes between them, and may be given twice the room;
// one that nobody takes from loses it again.
//
// Any thread, under the stash's own lease (held for one copy of a batch); slow path. Bounded by
// MostOf(class).
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
  // Most entries that one begins with, and that one grows to.
  static constexpr unsigned kFirstEntries = 256;
  static constexpr unsigned kMaxEntries = 2048;

  // The room that a stash of class c begins with, in entries; 0 where the class has none.
  static constexpr unsigned FirstOf(SizeClass c) {
    if (c.value() < 1 || c.value() >= kClasses || !kConfig.owner_stash) return 0;
    if (InfoOf(c).size > kMaxSmallSize) {
      return static_cast<unsigned>(
          std::min<size_t>(kConfig.run_stash_bytes / InfoOf(c).size, kFirstEntries));
    }
    return static_cast<unsigned>(
        std::clamp<size_t>(kConfig.stash_bytes / InfoOf(c).size, 8, kFirstEntries));
  }
  // The room that it may grow to.
  static constexpr unsigned MostOf(SizeClass c) {
    const unsigned first = FirstOf(c);
    if (first == 0) return 0;
    const bool small = InfoOf(c).size <= kMaxSmallSize;
    const size_t bytes = small ? kConfig.stash_most_bytes : kConfig.run_stash_most_bytes;
    return static_cast<unsigned>(std::clamp<size_t>(bytes / InfoOf(c).size, first, kMaxEntries));
  }

  // Where the entries lie: room for FirstOf(c), and for MostOf(c) when it has grown; both may be
  // fresh memory. Once, before the rest.
  void Init(SizeClass c, void** first_entries, void** most_entries) {
    entries_ = first_entries;
    most_entries_ = most_entries;
    room_.store(FirstOf(c), std::memory_order_relaxed);
  }

  // Takes as many of objects[0..n) as there is room for, from the end; returns how many. `who` is
  // different for each thread, and never followed.
  unsigned Put(void* const* objects, unsigned n, const void* who) {
    // A look without the lease: a full stash is not worth its lock. Stale values cost a detour.
    if (count() >= room()) {
      NoteOverflow(who);
      return 0;
    }
    LeaseHolder hold(lease_);
    const unsigned before = count();
    const unsigned left = room() > before ? room() - before : 0;
    if (n > left) NoteOverflow(who);
    const unsigned moved = std::min(n, left);
    memcpy(entries_ + before, objects + (n - moved), moved * sizeof(void*));
    count_.store(before + moved, std::memory_order_relaxed);
    return moved;
  }
  // Moves up to `want` objects to out[0..], the last put first, but leaves `keep`; returns how
  // many.
  unsigned Take(void** out, unsigned want, unsigned keep = 0) {
    if (count() <= keep) return 0;
    LeaseHolder hold(lease_);
    const unsigned before = count();
    const unsigned moved = std::min(want, before - std::min(before, keep));
    memcpy(out, entries_ + (before - moved), moved * sizeof(void*));
    count_.store(before - moved, std::memory_order_relaxed);
    return moved;
  }
  unsigned count() const { return count_.load(std::memory_order_relaxed); }

  // Entries that it may hold now. It may hold more for a while after it has lost room.
  unsigned room() const { return room_.load(std::memory_order_relaxed); }
  // For who took less than he wanted: whether another was the last to meet it full since it got its
  // room.
  bool TooSmallFor(const void* who) const {
    const void* const met_full = met_full_.load(std::memory_order_relaxed);
    return met_full != nullptr && met_full != who;
  }
  // Room for `room` entries (<= MostOf) instead of `had`. False when others were faster.
  bool Grow(unsigned had, unsigned room) {
    LeaseHolder hold(lease_);
    met_full_.store(nullptr, std::memory_order_relaxed);
    if (this->room() != had) return false;
    if (entries_ != most_entries_) memcpy(most_entries_, entries_, count() * sizeof(void*));
    entries_ = most_entries_;
    room_.store(room, std::memory_order_relaxed);
    return true;
  }
  void NoteUse() {
    if (!used_.load(std::memory_order_relaxed)) used_.store(true, std::memory_order_relaxed);
  }
  // Whether nobody noted a use since the last call.
  bool WasIdle() { return !used_.exchange(false, std::memory_order_relaxed); }
  // Halves the room, down to FirstOf(c); returns how many entries it is less. What the stash holds
  // above its room stays until it is taken.
  unsigned Shrink(SizeClass c) {
    if (room() <= FirstOf(c)) return 0;
    LeaseHolder hold(lease_);
    const unsigned had = room();
    const unsigned kept = std::max(had / 2, FirstOf(c));
    met_full_.store(nullptr, std::memory_order_relaxed);
    room_.store(kept, std::memory_order_relaxed);
    return had - kept;
  }

  void LockForFork() HZ3_NO_ANALYSIS { lease_.Lock(); }
  void UnlockAfterFork() HZ3_NO_ANALYSIS { lease_.Unlock(); }
  void ResetAfterFork() { lease_.ResetAfterFork(); }

 private:
  friend class HeapLayoutMaker;
  void NoteOverflow(const void* who) {
    if (met_full_.load(std::memory_order_relaxed) == who) return;
    met_full_.store(who, std::memory_order_relaxed);
  }

  Lease lease_;
  // Written under the lease; read without it as a hint only, hence relaxed.
  std::atomic<uint32_t> count_{0};
  std::atomic<uint32_t> room_{0};
  // Relaxed: notes for the next look.
  std::atomic<const void*> met_full_{nullptr};
  std::atomic<bool> used_{false};
  void** entries_ = nullptr;
  void** most_entries_ = nullptr;
};

// Entries of the stashes of all classes together, in what they begin with and grown.
inline constexpr unsigned kStashEntries = [] {
  unsigned entries = 0;
  for (unsigned c = 1; c < kClasses; ++c) {
    const SizeClass size_class(static_cast<uint8_t>(c));
    entries += OwnerStash::FirstOf(size_class) + OwnerStash::MostOf(size_class);
  }
  return entries;
}();

}  // namespace hz3

#endif  // HZ3_OBJECTS_OWNER_STASH_H_
