#include "hz3/objects/central.h"

namespace hz3 {

void Central::Insert(Span* table, Span& span, unsigned bucket) {
  span.bucket = static_cast<uint8_t>(bucket);
  if (bucket == 0) return;
  const auto place = static_cast<uint32_t>(&span - table);
  span.previous = kNoIndex;
  span.next = heads_[bucket];
  if (span.next != kNoIndex) table[span.next].previous = place;
  heads_[bucket] = place;
  occupied_ |= 1u << bucket;
}

void Central::Remove(Span* table, Span& span) {
  if (span.bucket == 0) return;
  if (span.previous != kNoIndex) {
    table[span.previous].next = span.next;
  } else {
    heads_[span.bucket] = span.next;
    if (span.next == kNoIndex) occupied_ &= ~(1u << span.bucket);
  }
  if (span.next != kNoIndex) table[span.next].previous = span.previous;
  span.next = span.previous = kNoIndex;
  span.bucket = 0;
}

}  // namespace hz3
