// SegmentSet: the segments of one shard that have free pages, listed by their longest free run.
// A request goes to the shortest list that can serve it, so that the fullest segments are cut
// first and sparse ones drain.
//
// A segment's longest run is kept as an upper bound: carving does not compute it anew, a search
// that was misled by it does. So no run is ever missed, and a batch costs no more than it must.
//
// Owned by a shard: every call under its lease, slow path. The search is bounded: for runs of up
// to kExactBuckets pages any member of a list fits; for longer ones at most kMaxProbes members of
// the one list of mixed lengths are looked at, unless the caller asks for an exhaustive search.
#ifndef HZ3_PAGES_SEGMENT_SET_H_
#define HZ3_PAGES_SEGMENT_SET_H_

#include <atomic>
#include <bit>
#include <cstdint>

#include "hz3/base/words.h"
#include "hz3/config/config.h"
#include "hz3/pages/arena.h"
#include "hz3/pages/segment.h"

namespace hz3 {

class SegmentSet {
 public:
  // Lists 1..kExactBuckets hold segments whose longest run is exactly that many pages; each list
  // after that covers a doubling: 9-15, 16-31, ... 256-511, 512 (empty segments).
  static constexpr unsigned kExactBuckets = 8;
  static constexpr unsigned kBuckets = 16;
  static constexpr unsigned kEmptyBucket = 15;
  static constexpr unsigned kMaxProbes = 16;
  // A search for a hole of exactly the length asked for looks at so many segments.
  static constexpr unsigned kMaxExactProbes = 64;

  // Lists from this one on hold segments with a large hole: a run of 64 pages or more.
  static constexpr unsigned kLargeHoleBucket = 12;

  // How far a search goes.
  struct Reach {
    bool exhaustive = false;  // probes without a bound
    bool scattered = false;   // not into segments with a large hole
  };

  SegmentSet() {
    for (uint32_t& head : heads_) head = kNoIndex;
  }

  static constexpr unsigned BucketOf(unsigned longest) {
    if (longest <= kExactBuckets) return longest;
    return 5 + static_cast<unsigned>(std::bit_width(longest));
  }

  // The segment is new in the set, or its longest run has changed.
  void Insert(Arena& arena, Segment& segment);
  void Remove(Arena& arena, Segment& segment);
  void Update(Arena& arena, Segment& segment) {
    if (BucketOf(segment.longest()) == segment.bucket) return;
    Remove(arena, segment);
    Insert(arena, segment);
  }

  // A segment with a run of n pages that `pages` and `align` allow; *first is where. nullptr when
  // the search found none.
  Segment* Find(Arena& arena, unsigned n, unsigned align, Pages pages, Reach reach,
                unsigned* first);

  // A segment with a free run of exactly n pages, so that nothing is cut in two, among the
  // kMaxExactProbes fullest that have n; nullptr when there is none.
  Segment* FindExact(Arena& arena, unsigned n);

  // The least list that has a run of n pages, 0 when none has: the lower, the better n fits.
  // Without the lease it is a hint.
  unsigned BestFit(unsigned n) const {
    const uint32_t lists = ListsFor(n, false);
    return lists == 0 ? 0 : static_cast<unsigned>(std::countr_zero(lists));
  }

  // As Find for align 1, without the place: for a caller who takes a batch.
  Segment* FindAny(Arena& arena, unsigned n, Pages pages, Reach reach);

  // Whether a search that is to leave large holes alone has where to look; without the lease a
  // hint.
  bool HasScattered(unsigned n) const { return ListsFor(n, true) != 0; }

  // Walks the lists; for event paths.
  template <typename F>
  void ForEach(Arena& arena, F f) const {
    for (uint32_t head : heads_) {
      for (uint32_t slot = head; slot != kNoIndex;) {
        Segment& segment = arena.segment(SlotIndex(slot));
        slot = segment.next;
        f(segment);
      }
    }
  }
  uint32_t empty_segment() const { return heads_[kEmptyBucket]; }

 private:
  // Segment::bucket of one that is in no list: it has no free page, or is not in the set.
  static constexpr uint8_t kFull = 0;

  template <typename Accept>
  Segment* Search(Arena& arena, unsigned n, Reach reach, Accept accept);

  // The lists that are not empty and may hold a run of n pages, as bits.
  uint32_t ListsFor(unsigned n, bool scattered) const {
    const uint32_t lists = occupied() & (~0u << BucketOf(n));
    return scattered ? lists & ((1u << kLargeHoleBucket) - 1) : lists;
  }

  uint32_t occupied() const { return occupied_.load(std::memory_order_relaxed); }
  void set_occupied(uint32_t lists) { occupied_.store(lists, std::memory_order_relaxed); }

  uint32_t heads_[kBuckets];
  // Bit b: list b is not empty. Relaxed: written under the lease, a hint elsewhere.
  std::atomic<uint32_t> occupied_{0};
};

static_assert(SegmentSet::BucketOf(9) == 9 && SegmentSet::BucketOf(15) == 9 &&
              SegmentSet::BucketOf(16) == 10 && SegmentSet::BucketOf(511) == 14 &&
              SegmentSet::BucketOf(64) == SegmentSet::kLargeHoleBucket &&
              SegmentSet::BucketOf(512) == SegmentSet::kEmptyBucket);

}  // namespace hz3

#endif  // HZ3_PAGES_SEGMENT_SET_H_
