#include "hz3/pages/segment_set.h"

namespace hz3 {

void SegmentSet::Insert(Arena& arena, Segment& segment) {
  const unsigned bucket = BucketOf(segment.longest());
  segment.bucket = static_cast<uint8_t>(bucket);
  if (bucket == kFull) return;
  const uint32_t slot = segment.slot().value();
  segment.previous = kNoIndex;
  segment.next = heads_[bucket];
  if (segment.next != kNoIndex) arena.segment(SlotIndex(segment.next)).previous = slot;
  heads_[bucket] = slot;
  set_occupied(occupied() | 1u << bucket);
}

void SegmentSet::Remove(Arena& arena, Segment& segment) {
  const unsigned bucket = segment.bucket;
  if (bucket == kFull) return;
  if (segment.previous != kNoIndex) {
    arena.segment(SlotIndex(segment.previous)).next = segment.next;
  } else {
    heads_[bucket] = segment.next;
    if (segment.next == kNoIndex) set_occupied(occupied() & ~(1u << bucket));
  }
  if (segment.next != kNoIndex) arena.segment(SlotIndex(segment.next)).previous = segment.previous;
  segment.bucket = kFull;
}

// The first segment that `accept` takes, from the lists that can hold a run of n pages.
template <typename Accept>
Segment* SegmentSet::Search(Arena& arena, unsigned n, Reach reach, Accept accept) {
  uint32_t lists = ListsFor(n, reach.scattered);
  while (lists != 0) {
    const unsigned bucket = static_cast<unsigned>(
        kConfig.fullest_first ? std::countr_zero(lists) : 31 - std::countl_zero(lists));
    lists &= ~(1u << bucket);
    unsigned probes = kMaxProbes;
    for (uint32_t slot = heads_[bucket]; slot != kNoIndex && (probes > 0 || reach.exhaustive);) {
      Segment& segment = arena.segment(SlotIndex(slot));
      slot = segment.next;
      if (probes > 0) --probes;
      if (accept(segment)) return &segment;
      // Its list was only an upper bound: put right here, where somebody was misled by it.
      if (segment.HasRun(n, Pages::kAny)) continue;
      segment.UpdateLongest();
      Update(arena, segment);
    }
  }
  return nullptr;
}

Segment* SegmentSet::Find(Arena& arena, unsigned n, unsigned align, Pages pages, Reach reach,
                          unsigned* first) {
  return Search(arena, n, reach, [&](const Segment& segment) {
    *first = segment.FindRun(n, align, pages);
    return *first != Segment::kNone;
  });
}

Segment* SegmentSet::FindExact(Arena& arena, unsigned n) {
  unsigned probes = kMaxExactProbes;
  for (uint32_t lists = ListsFor(n, false); lists != 0; lists &= lists - 1) {
    for (uint32_t slot = heads_[std::countr_zero(lists)]; slot != kNoIndex;) {
      if (probes-- == 0) return nullptr;
      Segment& segment = arena.segment(SlotIndex(slot));
      slot = segment.next;
      if (segment.free_bits().ExactRunsOf(n).Any()) return &segment;
    }
  }
  return nullptr;
}

Segment* SegmentSet::FindAny(Arena& arena, unsigned n, Pages pages, Reach reach) {
  return Search(arena, n, reach, [&](const Segment& segment) { return segment.HasRun(n, pages); });
}

}  // namespace hz3
