// SpanTable: where the records of shards' spans lie. The spans of a segment are numbered from 0 on,
// a number that became free first, so that their records lie side by side wherever the spans do:
// those of few spans are one page of memory, and one page fault under the lease.
//
// Under the lease of the segment's owner; but Find is for everybody who holds an object there: what
// it reads does not change as long as the span is open. Slow path. Open takes time by the span's
// pages, the rest is constant.
#ifndef HZ3_OBJECTS_SPAN_TABLE_H_
#define HZ3_OBJECTS_SPAN_TABLE_H_

#include "hz3/base/words.h"
#include "hz3/objects/span.h"
#include "hz3/pages/arena.h"

namespace hz3 {

class SpanTable {
 public:
  static Span* Records(Arena& arena) { return arena.slot_records<Span>(); }

  // The span that the page belongs to. If it belongs to none this is some record that does not have
  // it: who is not sure asks Span::Has.
  static Span& Find(Arena& arena, PageIndex page) {
    return Records(arena)[FirstPageOf(SlotOf(page)).value() + arena.record_number(page)];
  }

  // A span of class c, all objects free, in the run of `segment` that begins at page `first` of it.
  static Span& Open(Arena& arena, Segment& segment, unsigned first, SizeClass c);
  // The pages belong to no span any more.
  static void Close(Arena& arena, Span& span);
};

}  // namespace hz3

#endif  // HZ3_OBJECTS_SPAN_TABLE_H_
