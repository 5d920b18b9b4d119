// WatchedBlocks: single blocks whose next free must not be missed, because something is known about
// them (observe/heap_profile.h). They stay where they are among their neighbours. What makes the
// hot path miss is the tag of the page that the block begins on: it becomes kTagWatched, which has
// no bin, so that every free of a block on this page takes the slow path. There the page's record
// tells the class, and a bit beside the span's mailbox (the run's, for a run) tells which block it
// is.
//
// Blocks without bins (kTagLarge, kTagHuge) keep their tag: their frees are slow anyway.
//
// A block may be watched from the moment that it has left the bitmaps, and is so no longer when it
// goes back to them: whoever gives it back calls Unwatch before. So a page cannot change what it is
// while it is watched.
//
// Watch and Unwatch are thread-safe under a lease of its own, the innermost one. Looking needs
// none: who asks about a block has it, and nobody else changes its bit. Slow path.
#ifndef HZ3_OBJECTS_WATCHED_BLOCKS_H_
#define HZ3_OBJECTS_WATCHED_BLOCKS_H_

#include "hz3/base/lease.h"
#include "hz3/base/thread_annotations.h"
#include "hz3/base/words.h"
#include "hz3/objects/span_table.h"
#include "hz3/pages/arena.h"

namespace hz3 {

// The tag of a page as it would be if no block on it were watched.
inline Tag PlainTag(Arena& arena, PageIndex page) {
  const Tag tag = arena.segmap().Get(page);
  if (tag != kTagWatched) [[likely]]
    return tag;
  // Acquire pairs with Watch's release.
  std::atomic_thread_fence(std::memory_order_acquire);
  return arena.page_record<Span>(page).plain_tag.load(std::memory_order_relaxed);
}

class WatchedBlocks {
 public:
  void Init(Arena& arena) { arena_ = &arena; }

  // The block at `p`, with the plain tag `tag`, is not watched yet.
  void Watch(const void* p, Tag tag);
  // Nothing to do for a block that is not watched.
  void Unwatch(const void* p);
  // `p` is a pointer into the pages of some block; false when it is not a block's start.
  bool IsWatched(const void* p) const;

  void LockForFork() HZ3_NO_ANALYSIS { lease_.Lock(); }
  void UnlockAfterFork() HZ3_NO_ANALYSIS { lease_.Unlock(); }
  void ResetAfterFork() { lease_.ResetAfterFork(); }

 private:
  // Where a block's bit is. Of none: where `number` is kMaxObjects.
  struct Place {
    PageIndex page;    // where the block begins
    PageIndex record;  // whose record has the bit
    unsigned number;
    Tag tag;
  };
  Place Find(const void* p) const;
  std::atomic<uint64_t>& WordOf(const Place& place) const {
    return arena_->page_mail<SpanMail>(place.record).watched_[place.number / 64];
  }
  static uint64_t BitOf(const Place& place) { return uint64_t{1} << (place.number % 64); }
  bool IsAnyWatchedOn(const Place& place) const;

  Arena* arena_ = nullptr;
  Lease lease_;
};

}  // namespace hz3

#endif  // HZ3_OBJECTS_WATCHED_BLOCKS_H_
