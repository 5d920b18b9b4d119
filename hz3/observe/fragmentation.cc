#include "hz3/observe/fragmentation.h"

#include "hz3/objects/span_table.h"
#include "hz3/objects/watched_blocks.h"

namespace hz3 {
namespace {

// The part of a run of n pages in what its segment pins.
double PinnedByRun(const Segment& segment, unsigned n) {
  const unsigned used = kPagesPerSegment - segment.free_pages();
  return static_cast<double>(segment.free_pages()) * kPageSize * n / used;
}

// Blocks of whole slots keep the rest of their last one.
Fragmentation ByHugeBlock(const Segment& head) {
  const size_t bytes = head.huge.slots * kSegmentSize;
  const size_t used = RoundUp(head.huge.bytes, kPageSize);
  return {0, bytes > used ? static_cast<double>(bytes - used) : 0};
}

Fragmentation ByObject(const Segment& segment, const Span& span, const SpanMail& mail) {
  const unsigned free = span.free_count() + mail.Count();
  if (free >= span.info().objects) return {};
  const unsigned taken = span.info().objects - free;
  return {static_cast<double>(free) * span.info().size / taken,
          PinnedByRun(segment, span.info().pages) / taken};
}

// For the holder of the lease.
Fragmentation ByBlock(Arena& arena, const Segment& segment, PageIndex page) {
  const Tag tag = PlainTag(arena, page);
  if (tag == 0 || segment.IsFree(PageInSegment(page))) return {};
  if (IsSmall(tag)) {
    const Span& span = SpanTable::Find(arena, page);
    if (span.size_class() != SizeClass(tag) || !span.Has(page)) return {};
    return ByObject(segment, span, arena.page_mail<SpanMail>(span.first_page()));
  }
  const unsigned first = PageInSegment(page);
  if (!segment.IsRunStart(first)) return {};
  return {0, PinnedByRun(segment, segment.RunLength(first))};
}

}  // namespace

Fragmentation FragmentationBy(const ShardTable& shards, const void* block) {
  Arena& arena = shards.arena();
  const PageIndex page = arena.segmap().PageOf(block);
  const Segment& segment = arena.SegmentOf(page);
  if (segment.use() == Segment::Use::kHugeHead) return ByHugeBlock(segment);
  if (segment.use() != Segment::Use::kSegment) return {};
  const ShardId owner = shards.OwnerOf(block);
  LeaseHolder hold(shards[owner].lease());
  // It may have changed hands before the lease was ours.
  if (segment.use() != Segment::Use::kSegment || !(shards.OwnerOf(block) == owner)) return {};
  return ByBlock(arena, segment, page);
}

}  // namespace hz3
