#include "hz3/observe/segment_walk.h"

#include <algorithm>

#include "hz3/objects/size_classes.h"
#include "hz3/objects/span_table.h"
#include "hz3/objects/watched_blocks.h"

namespace hz3 {
namespace {

void AddSpan(Arena& arena, PageIndex page, unsigned pages, SegmentFigures& figures) {
  const Span& span = SpanTable::Find(arena, page);
  const unsigned free = span.free_count() + arena.page_mail<SpanMail>(page).Count();
  figures.small_pages += pages;
  figures.objects_free += free;
  figures.objects_out += InfoOf(span.size_class()).objects - free;
}

void AddRun(Arena& arena, PageIndex page, unsigned pages, SegmentFigures& figures) {
  const Tag tag = PlainTag(arena, page);
  if (IsSmall(tag)) return AddSpan(arena, page, pages, figures);
  if (tag == 0) {  // free pages whose memory is on its way back to the system
    figures.free_dirty_pages += pages;
    return;
  }
  if (tag == kTagPrivate) {
    figures.private_pages += pages;
    return;
  }
  (pages <= kMaxMediumPages ? figures.medium_pages : figures.large_pages) += pages;
  ++figures.objects_out;
}

void AddSegment(Arena& arena, const Segment& segment, SegmentFigures& figures) {
  figures.free_dirty_pages = segment.FreeDirty().Count();
  figures.free_clean_pages = segment.free_pages() - figures.free_dirty_pages;
  const uint32_t base = FirstPageOf(segment.slot()).value();
  const PageBits& starts = segment.start_bits();
  for (unsigned i = starts.NextSet(0); i != PageBits::kNone; i = starts.NextSet(i + 1)) {
    AddRun(arena, PageIndex(base + i), segment.RunLength(i), figures);
  }
}

// Returns its slots. Nobody's lease guards the numbers: they are read once, and cut to what is
// possible.
uint32_t AddBlock(const Arena& arena, SlotIndex head, SegmentFigures& figures) {
  const Segment::Huge huge = arena.segment(head).huge;
  const uint32_t most = arena.used_slots() - head.value();
  const uint32_t slots = std::clamp<uint32_t>(huge.slots, 1, most);
  const size_t pages = size_t{slots} * kPagesPerSegment;
  size_t dirty = 0;
  for (uint32_t i = 0; i < slots; ++i) {
    dirty += arena.segment(SlotIndex(head.value() + i)).DirtyPages();
  }
  figures.bytes = slots * kSegmentSize;
  figures.is_block = true;
  const size_t taken = std::min(PagesFor(huge.bytes), pages);
  const size_t rest = pages - taken;
  figures.free_dirty_pages = std::min(rest, dirty - std::min(dirty, taken));
  figures.free_clean_pages = rest - figures.free_dirty_pages;
  const bool is_private = arena.segmap().Get(FirstPageOf(head)) == kTagPrivate;
  (is_private ? figures.private_pages : figures.large_pages) = taken;
  figures.objects_out = is_private ? 0 : 1;
  return slots;
}

}  // namespace

uint32_t ReadSlot(const ShardTable& shards, SlotIndex slot, SegmentFigures* out) {
  Arena& arena = shards.arena();
  *out = SegmentFigures();
  if (arena.segment(slot).use() == Segment::Use::kHugeHead) return AddBlock(arena, slot, *out);
  WithSegment(shards, slot, [&](const Segment& segment) {
    out->bytes = kSegmentSize;
    out->owner = arena.owner(slot);
    AddSegment(arena, segment, *out);
  });
  return 1;
}

}  // namespace hz3
