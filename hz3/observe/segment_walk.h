// SegmentWalk: what each slot of the arena holds, one slot at a time.
//
// Thread-safe. A segment is looked at under its owner's lease, which is given back before anybody
// hears of it; event path. A walk is bounded by the slots that had been used when it began. A block
// of whole slots belongs to one caller who may resize or free it meanwhile: what is told of it is
// a moment old.
#ifndef HZ3_OBSERVE_SEGMENT_WALK_H_
#define HZ3_OBSERVE_SEGMENT_WALK_H_

#include <cstddef>
#include <cstdint>

#include "hz3/base/lease.h"
#include "hz3/base/words.h"
#include "hz3/pages/arena.h"
#include "hz3/shard/shard_table.h"

namespace hz3 {

// Pages and objects of a segment or of a block of whole slots.
struct SegmentFigures {
  size_t bytes = 0;       // 2 MiB; of a block of whole slots, all of them
  bool is_block = false;  // a block of whole slots: no shard has it
  ShardId owner;
  // All pages are in one of these.
  size_t free_clean_pages = 0;
  size_t free_dirty_pages = 0;
  size_t small_pages = 0;    // spans
  size_t medium_pages = 0;   // runs of up to kMaxMediumPages
  size_t large_pages = 0;    // longer ones
  size_t private_pages = 0;  // of first-class heaps, whose blocks are not counted below
  // Objects of spans and runs that are live or in bins and stashes; those in spans that are free.
  size_t objects_out = 0;
  size_t objects_free = 0;
};

// Calls f(segment) under the lease of the shard that has the slot as a segment. False: none has.
template <typename F>
bool WithSegment(const ShardTable& shards, SlotIndex slot, F f) {
  Arena& arena = shards.arena();
  const Segment& segment = arena.segment(slot);
  if (segment.use() != Segment::Use::kSegment) return false;
  const ShardId owner = arena.owner(slot);
  LeaseHolder hold(shards[owner].lease());
  // It may have changed hands before the lease was ours.
  if (segment.use() != Segment::Use::kSegment || arena.owner(slot) != owner) return false;
  f(segment);
  return true;
}

// What is in the slot, or nothing (bytes == 0). Returns how many slots that covers, at least 1.
uint32_t ReadSlot(const ShardTable& shards, SlotIndex slot, SegmentFigures* out);

}  // namespace hz3

#endif  // HZ3_OBSERVE_SEGMENT_WALK_H_
