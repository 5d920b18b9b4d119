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
  occupied_ |= 1u << bucket;
}

void SegmentSet::Remove(Arena& arena, Segment& segment) {
  const unsigned bucket = segment.bucket;
  if (bucket == kFull) return;
  if (segment.previous != kNoIndex) {
    arena.segment(SlotIndex(segment.previous)).next = segment.next;
  } else {
    heads_[bucket] = segment.next;
    if (segment.next == kNoIndex) occupied_ &= ~(1u << bucket);
  }
  if (segment.next != kNoIndex) arena.segment(SlotIndex(segment.next)).previous = segment.previous;
  segment.bucket = kFull;
}

Segment* SegmentSet::Find(Arena& arena, unsigned n, unsigned align, Pages pages, bool exhaustive,
                          unsigned* first) const {
  const unsigned smallest = BucketOf(n);
  uint32_t lists = occupied_ & (~0u << smallest);
  if constexpr (!kConfig.fullest_first) {
    // The other arm of the study: emptiest first.
    while (lists != 0) {
      const unsigned bucket = 31 - static_cast<unsigned>(std::countl_zero(lists));
      Segment& segment = arena.segment(SlotIndex(heads_[bucket]));
      *first = segment.FindRun(n, align, pages);
      if (*first != Segment::kNone) return &segment;
      lists &= ~(1u << bucket);
    }
  }
  for (; lists != 0; lists &= lists - 1) {
    const unsigned bucket = static_cast<unsigned>(std::countr_zero(lists));
    unsigned probes = kMaxProbes;
    for (uint32_t slot = heads_[bucket]; slot != kNoIndex && (probes > 0 || exhaustive);) {
      Segment& segment = arena.segment(SlotIndex(slot));
      *first = segment.FindRun(n, align, pages);
      if (*first != Segment::kNone) return &segment;
      slot = segment.next;
      if (probes > 0) --probes;
    }
  }
  return nullptr;
}

}  // namespace hz3
