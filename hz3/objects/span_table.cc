#include "hz3/objects/span_table.h"

namespace hz3 {

Span& SpanTable::Open(Arena& arena, Segment& segment, unsigned first, SizeClass c) {
  Span* const records = Records(arena) + FirstPageOf(segment.slot()).value();
  uint16_t number = segment.free_record;
  if (number != Segment::kNone) {
    segment.free_record = static_cast<uint16_t>(records[number].next);
  } else {
    number = segment.records++;  // a span has a page at least: never more than kPagesPerSegment
  }
  const PageIndex page(FirstPageOf(segment.slot()).value() + first);
  for (unsigned i = 0; i < InfoOf(c).pages; ++i) {
    arena.record_number(PageIndex(page.value() + i)) = number;
  }
  records[number].Open(c, page);
  return records[number];
}

void SpanTable::Close(Arena& arena, Span& span) {
  Segment& segment = arena.SegmentOf(span.first_page());
  span.Close();
  span.next = segment.free_record;
  segment.free_record = arena.record_number(span.first_page());
}

}  // namespace hz3
