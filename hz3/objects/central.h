// Central: the spans of one small size class that have free objects, of one shard or one
// first-class heap, listed by how many free objects they have. Refill goes to the fullest span, so
// that sparse ones drain, become free and give their pages back. Full spans are in no list; they
// come back when an object is freed.
//
// Lists are linked by the places of records in a table, the owner's, which each call is given.
// Every call under the owner's lease; slow path. A list is found by one bit scan.
#ifndef HZ3_OBJECTS_CENTRAL_H_
#define HZ3_OBJECTS_CENTRAL_H_

#include <bit>
#include <cstdint>

#include "hz3/base/words.h"
#include "hz3/config/config.h"
#include "hz3/objects/span.h"

namespace hz3 {

class Central {
 public:
  // List b holds spans with 2^(b-1) .. 2^b - 1 free objects.
  static constexpr unsigned kBuckets = 10;

  Central() {
    for (uint32_t& head : heads_) head = kNoIndex;
  }

  static constexpr unsigned BucketOf(unsigned free_count) {
    return static_cast<unsigned>(std::bit_width(free_count));
  }

  // Where the fullest span with a free object is, or kNoIndex.
  uint32_t Fullest() const {
    if (occupied_ == 0) return kNoIndex;
    if constexpr (!kConfig.fullest_first) {
      return heads_[31 - static_cast<unsigned>(std::countl_zero(occupied_))];
    }
    return heads_[std::countr_zero(occupied_)];
  }

  // Puts the span where its count of free objects belongs.
  void Update(Span* table, Span& span) {
    const unsigned bucket = BucketOf(span.free_count());
    if (bucket == span.bucket) return;
    Remove(table, span);
    Insert(table, span, bucket);
  }
  // Takes the span out of its list.
  void Remove(Span* table, Span& span);

  bool HasOnly(const Span& span) const {
    return occupied_ == 1u << span.bucket && span.next == kNoIndex && span.previous == kNoIndex;
  }

  // f may take the span out of its list.
  template <typename F>
  void ForEach(Span* table, F f) const {
    for (uint32_t head : heads_) {
      for (uint32_t place = head; place != kNoIndex;) {
        Span& span = table[place];
        place = span.next;
        f(span);
      }
    }
  }

 private:
  void Insert(Span* table, Span& span, unsigned bucket);

  uint32_t heads_[kBuckets];
  uint32_t occupied_ = 0;  // bit b: list b is not empty; list 0 (full spans) is never kept
};

static_assert(Central::BucketOf(kMaxObjects) < Central::kBuckets);

}  // namespace hz3

#endif  // HZ3_OBJECTS_CENTRAL_H_
