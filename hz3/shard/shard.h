// Shard: a set of segments, the spans in them by class, and everything that happens to them under
// one lease: refill and flush of a batch, runs, mail.
//
// Whoever holds lease() is the shard for the time being. Functions under "With the lease" need it;
// those under "Without" are for everybody else and write to mailboxes and stashes only. Slow path.
// Failure is a value: fewer objects than wanted, or nullptr; the shard never waits and never looks
// beyond itself except to the arena for a slot.
#ifndef HZ3_SHARD_SHARD_H_
#define HZ3_SHARD_SHARD_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hz3/base/counter.h"
#include "hz3/base/lease.h"
#include "hz3/base/thread_annotations.h"
#include "hz3/base/words.h"
#include "hz3/config/config.h"
#include "hz3/objects/central.h"
#include "hz3/objects/owner_stash.h"
#include "hz3/objects/size_classes.h"
#include "hz3/objects/span_table.h"
#include "hz3/pages/arena.h"
#include "hz3/pages/fresh_runs.h"
#include "hz3/pages/inbox.h"
#include "hz3/pages/segment_set.h"

namespace hz3 {

// How hard a request may search and what it may take.
struct Effort {
  Pages pages = Pages::kAny;
  bool grow = true;         // may take a slot from the arena
  bool exhaustive = false;  // the ladder: no bound on probes, and mail is collected first
  bool best_fit = false;    // memory is scarce: looks for holes of exactly the length first
  bool open = true;         // small: may cut a run into objects
  // First from segments without a large hole, fresh pages too: a hole that is kept whole serves a
  // wide run later, or its segment drains.
  bool scattered_first = false;
};
inline constexpr Effort kDirtyEffort{Pages::kDirtyOnly, false, false};
inline constexpr Effort kNoGrowthEffort{Pages::kAny, false, false};
inline constexpr Effort kFullEffort{Pages::kAny, true, false};
// The own shard's.
inline constexpr Effort kOwnDirtyEffort{Pages::kDirtyOnly,  false, false, false, true,
                                        kConfig.spare_holes};
inline constexpr Effort kOwnFullEffort{Pages::kAny, true, false, false, true, kConfig.spare_holes};
inline constexpr Effort kOpenSpansEffort{Pages::kAny, false, false, true, false};
inline constexpr Effort kBestFitEffort{Pages::kAny, false, false, true};
inline constexpr Effort kLadderEffort{Pages::kAny, true, true, true};

class alignas(2 * kCacheLine) Shard {
 public:
  // Figures for stats; each has one writer, the lease's holder.
  struct Counters {
    Counter refills, flushes, spans_opened, spans_closed, runs_carved, segments_opened,
        segments_closed, mail_collected, purged_pages;

    uint64_t SegmentsNow() const { return segments_opened.Get() - segments_closed.Get(); }
  };

  // One of so many shards of the process.
  void Init(Arena& arena, ShardId id, unsigned shards);

  Lease& lease() HZ3_THREAD_ANNOTATION(lock_returned(lease_)) { return lease_; }
  ShardId id() const { return id_; }

  // -- With the lease ---------------------------------------------------------------------------

  // Fills out[0..want) with objects of class c (small or medium); returns how many there were.
  unsigned Refill(SizeClass c, void** out, unsigned want, const Effort& effort)
      HZ3_REQUIRES(lease_);
  // A run of n pages (<= kMaxRunPages) at a multiple of `align` pages, with `tag` on its first
  // page; nullptr when there is none. *clean: all of it reads as zero.
  void* AllocateRun(unsigned n, unsigned align, Tag tag, const Effort& effort, bool* clean)
      HZ3_REQUIRES(lease_);
  // What should get memory after the last Refill or AllocateRun, best after the lease, by
  // Arena::Populate: runs that it handed out, of which nobody else knows yet, or the whole segment
  // that it has added for them.
  MemoryRange TakeToPopulate() HZ3_REQUIRES(lease_);
  // Whether fresh runs were written so far.
  bool ExpectsWrites() const HZ3_REQUIRES(lease_) { return fresh_runs_.expects_writes(); }
  // Owner stashes from which nothing was taken since the last call, and all while they have grown
  // by more than they may now, lose half of their room, down to what they began with, and half of
  // what they hold, which becomes free: at most kMostUnstashed objects in a call.
  void ShrinkIdleStashes() HZ3_REQUIRES(lease_);
  // Objects of class c, all in segments of this shard, become free. Reports misuse and aborts.
  void FreeObjects(SizeClass c, void* const* objects, unsigned n) HZ3_REQUIRES(lease_);
  // The run at `p` (medium or large, in a segment of this shard) becomes free.
  void FreeRun(void* p) HZ3_REQUIRES(lease_);
  // Changes the number of pages of the large or wide run at `p` in place; it is a large one then.
  // False when that cannot be.
  bool ResizeRun(void* p, unsigned pages) HZ3_REQUIRES(lease_);
  // Everything in the mailboxes of this shard's segments becomes free.
  void CollectMail() HZ3_REQUIRES(lease_);
  // The same, and what lies in the owner stashes.
  void CollectHandedOver() HZ3_REQUIRES(lease_);
  // The same, and empty spans become free pages: rungs 1 and 3 of the ladder.
  void CollectAll() HZ3_REQUIRES(lease_);
  // Empty segments go back to the arena, the retained ones too.
  void ReleaseEmptySegments() HZ3_REQUIRES(lease_) { ReturnEmptySegments(0); }

  // Claims up to max_pages free dirty pages of one segment, so that they can be purged without
  // the lease. nullptr when there are none (or fewer than `floor` altogether).
  Segment* ClaimDirty(size_t max_pages, PageBits* claimed) HZ3_REQUIRES(lease_);
  // Gives back what ClaimDirty claimed.
  void UnclaimDirty(Segment& segment, const PageBits& claimed) HZ3_REQUIRES(lease_);
  // The fewest free dirty pages since the last call: pages that nobody needed in that time.
  size_t TakeDirtyLowWater() HZ3_REQUIRES(lease_);

  template <typename F>
  void ForEachSpanWithRoom(F f) HZ3_REQUIRES(lease_) {
    for (unsigned c = 1; c <= kSmallClasses; ++c) central_[c].ForEach(spans(), f);
  }

  // -- Without ----------------------------------------------------------------------------------

  // Leaves objects of class c, all in segments of this shard, in its mailboxes. Reports a double
  // free that it meets and aborts.
  void PostObjects(SizeClass c, void* const* objects, unsigned n);
  // Leaves the run at `p` in the mailbox of its segment.
  void PostRun(void* p) { PostRuns(&p, 1); }
  OwnerStash& stash(SizeClass c) { return stashes_[c.value()]; }
  // Takes up to `want` objects of class c out of its stash; returns how many. Lets the stash grow
  // when it is too small for what others hand over to `who`, see OwnerStash.
  unsigned TakeStashed(SizeClass c, void** out, unsigned want, const void* who);
  // Free pages that hold memory; stale by nature.
  size_t dirty_free_pages() const { return dirty_free_.load(std::memory_order_relaxed); }
  // How well a run of n pages fits here, see SegmentSet; a hint.
  unsigned BestFit(unsigned n) const HZ3_NO_ANALYSIS { return segments_.BestFit(n); }
  size_t free_pages() const { return free_.load(std::memory_order_relaxed); }
  bool HasMail() const { return !mail_.Empty(); }
  // Changes whenever something of this shard became free, or was left for it.
  uint64_t releases() const { return releases_.Get() + posts_.load(std::memory_order_acquire); }
  void NotePost() { posts_.fetch_add(1, std::memory_order_release); }
  const Counters& counters() const { return counters_; }

  void LockForFork() HZ3_NO_ANALYSIS;
  void UnlockAfterFork() HZ3_NO_ANALYSIS;
  void ResetAfterFork();

 private:
  friend class HeapLayoutMaker;
  friend class ShardPeer;  // the test's: posts a hint as late as a preempted thread would

  unsigned RefillSmall(SizeClass c, void** out, unsigned want, const Effort& effort)
      HZ3_REQUIRES(lease_);
  unsigned RefillRuns(SizeClass c, void** out, unsigned want, const Effort& effort)
      HZ3_REQUIRES(lease_);
  Segment* FindForRuns(unsigned n, const Effort& effort, bool first, Pages* pages)
      HZ3_REQUIRES(lease_);
  unsigned TakeRuns(Segment& segment, SizeClass c, Pages pages, void** out, unsigned want)
      HZ3_REQUIRES(lease_);
  void FreeRuns(SizeClass c, void* const* objects, unsigned n) HZ3_REQUIRES(lease_);
  Segment& CheckedRun(void* p, unsigned* first) HZ3_REQUIRES(lease_);
  Span* spans() const { return SpanTable::Records(*arena_); }
  unsigned TakeFromSpan(Central& central, Span& span, void** out, unsigned want)
      HZ3_REQUIRES(lease_);
  // nullptr: there is no room for one.
  Span* OpenSpan(SizeClass c, const Effort& effort) HZ3_REQUIRES(lease_);
  void CloseSpan(Span& span) HZ3_REQUIRES(lease_);
  void SpanGained(Span& span) HZ3_REQUIRES(lease_);

  // Where a run of n pages can be cut; nullptr when it cannot.
  Segment* FindHole(unsigned n, unsigned align, const Effort& effort, unsigned* first)
      HZ3_REQUIRES(lease_);
  void Populate(Segment& segment, unsigned first, unsigned n) HZ3_REQUIRES(lease_);
  void NoteFreshRuns(void* const* runs, unsigned count, unsigned n, unsigned used, bool populate)
      HZ3_REQUIRES(lease_);
  // A carved run's segment, or nullptr. *fresh: how many of its pages were never used before.
  // `kind` judges whether fresh pages will be written.
  Segment* Carve(FreshRuns& kind, unsigned n, unsigned align, const Effort& effort, unsigned* first,
                 unsigned* fresh) HZ3_REQUIRES(lease_);
  bool TakeRun(Segment& segment, unsigned first, unsigned n, unsigned* fresh) HZ3_REQUIRES(lease_);
  void NoLongerEmpty(Segment& segment) HZ3_REQUIRES(lease_);
  // For runs of n pages. `kind` as in Carve.
  Segment* Grow(FreshRuns& kind, unsigned n) HZ3_REQUIRES(lease_);
  bool WantsHugePage(const Segment& segment, FreshRuns& kind, unsigned n) const
      HZ3_REQUIRES(lease_);
  void Uncarve(Segment& segment, unsigned first, unsigned n) HZ3_REQUIRES(lease_);
  void Uncarved(Segment& segment, unsigned n) HZ3_REQUIRES(lease_);
  void ReturnEmptySegments(unsigned keep) HZ3_REQUIRES(lease_);
  void CollectSegment(Segment& segment) HZ3_REQUIRES(lease_);
  void CollectSpan(PageIndex page) HZ3_REQUIRES(lease_);
  void EmptyStash(SizeClass c) HZ3_REQUIRES(lease_);
  void GrowStash(SizeClass c);
  size_t MostStashGrowth() const;
  void AddFree(size_t pages) HZ3_REQUIRES(lease_);
  void SubtractFree(size_t pages) HZ3_REQUIRES(lease_);
  void SetDirtyFree(size_t pages) HZ3_REQUIRES(lease_);
  void PostRuns(void* const* objects, unsigned n);
  uint64_t PostPages(SlotIndex slot, Inbox::Kind kind, unsigned w, uint64_t pages);

  Arena* arena_ = nullptr;
  ShardId id_;
  unsigned shards_ = 1;
  Lease lease_;
  SegmentSet segments_ HZ3_GUARDED_BY(lease_);
  Central central_[kSmallClasses + 1] HZ3_GUARDED_BY(lease_);
  uint64_t opened_ HZ3_GUARDED_BY(lease_) = 0;  // classes that have had a span
  static_assert(kSmallClasses < 64);
  unsigned empty_segments_ HZ3_GUARDED_BY(lease_) = 0;
  bool collecting_ HZ3_GUARDED_BY(lease_) = false;
  size_t dirty_low_water_ HZ3_GUARDED_BY(lease_) = 0;
  FreshRuns fresh_spans_ HZ3_GUARDED_BY(lease_);
  FreshRuns fresh_runs_ HZ3_GUARDED_BY(lease_);
  MemoryRange to_populate_ HZ3_GUARDED_BY(lease_);
  Counters counters_;
  Counter releases_;
  // Relaxed: written under the lease, hints elsewhere.
  std::atomic<size_t> dirty_free_{0};
  std::atomic<size_t> free_{0};

  // Written by everybody: away from the line that the holder works on.
  alignas(2 * kCacheLine) MailList mail_;
  // Release/acquire: who sees the number sees what was posted before it.
  std::atomic<uint64_t> posts_{0};
  // What the stashes may hold beyond what they began with. Relaxed: charged before a stash grows,
  // so that it is never less than that.
  std::atomic<size_t> stash_growth_{0};
  OwnerStash stashes_[kClasses];
  // Not initialised, and apart from the stashes: fresh memory that is not used stays untouched.
  void* stash_entries_[kStashEntries + 1];
};

}  // namespace hz3

#endif  // HZ3_SHARD_SHARD_H_
