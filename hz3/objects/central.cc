#include "hz3/objects/central.h"

namespace hz3 {

void Central::Insert(Arena& arena, PageIndex page, Span& span, unsigned bucket) {
  span.bucket = static_cast<uint8_t>(bucket);
  if (bucket == 0) return;
  span.previous = kNoIndex;
  span.next = heads_[bucket];
  if (span.next != kNoIndex) arena.page_record<Span>(PageIndex(span.next)).previous = page.value();
  heads_[bucket] = page.value();
  occupied_ |= 1u << bucket;
}

void Central::Remove(Arena& arena, Span& span) {
  if (span.bucket == 0) return;
  if (span.previous != kNoIndex) {
    arena.page_record<Span>(PageIndex(span.previous)).next = span.next;
  } else {
    heads_[span.bucket] = span.next;
    if (span.next == kNoIndex) occupied_ &= ~(1u << span.bucket);
  }
  if (span.next != kNoIndex) {
    arena.page_record<Span>(PageIndex(span.next)).previous = span.previous;
  }
  span.next = span.previous = kNoIndex;
  span.bucket = 0;
}

}  // namespace hz3
