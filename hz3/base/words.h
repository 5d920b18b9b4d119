// The glossary: what every other box calls things, and the few constants that all of them share.
//
//   page     4 KiB, the unit of everything
//   run      n contiguous pages inside one segment
//   span     a run carved into equal objects of one small size class
//   segment  2 MiB = 512 pages, 2 MiB aligned; lives in one arena slot
//   arena    the address range that hz3 reserves once, cut into 2 MiB slots
//   shard    a set of segments and their central lists, entered only under its lease
//   lease    the lock of a shard; whoever holds it is that shard for the time being
//   live / cached / free page
//            covered by a live object / held in some cache / set in a segment's page bitmap
//   dirty / clean page
//            may hold memory of the machine / is known to read as zero and to hold none
//   remote free  a free by a thread of another shard than the object's
//
// Pure definitions, no state; usable on every path.
#ifndef HZ3_BASE_WORDS_H_
#define HZ3_BASE_WORDS_H_

#include <cstddef>
#include <cstdint>

namespace hz3 {

inline constexpr unsigned kPageShift = 12;
inline constexpr size_t kPageSize = size_t{1} << kPageShift;
inline constexpr unsigned kSegmentShift = 21;
inline constexpr size_t kSegmentSize = size_t{1} << kSegmentShift;
inline constexpr unsigned kPagesPerSegment = 1u << (kSegmentShift - kPageShift);

// What malloc promises for every block of 16 bytes or more (alignof(max_align_t)).
inline constexpr size_t kMinAlign = 16;

// x86-64 and aarch64 lines are 64 bytes; two neighbours are fetched together on x86, which the
// boxes that are written by several threads allow for by aligning to twice this.
inline constexpr size_t kCacheLine = 64;

// An index that cannot be mixed up with another kind of index; it costs what its Rep costs.
template <typename Tag, typename RepT>
class Index {
 public:
  using Rep = RepT;
  constexpr Index() = default;
  constexpr explicit Index(RepT value) : value_(value) {}
  constexpr RepT value() const { return value_; }
  friend constexpr bool operator==(Index a, Index b) { return a.value_ == b.value_; }
  friend constexpr bool operator!=(Index a, Index b) { return a.value_ != b.value_; }
  friend constexpr bool operator<(Index a, Index b) { return a.value_ < b.value_; }

 private:
  RepT value_ = 0;
};

// A page counted from the arena's base.
using PageIndex = Index<struct PageTag, uint32_t>;
// A 2 MiB slot counted from the arena's base.
using SlotIndex = Index<struct SlotTag, uint32_t>;
// A shard of the process.
using ShardId = Index<struct ShardTag, uint8_t>;
// A size class, and at the same time the tag that segmap holds for its pages; 0 is no class.
using SizeClass = Index<struct SizeClassTag, uint8_t>;

// "No slot", "no page": one past what any arena can hold.
inline constexpr uint32_t kNoIndex = ~uint32_t{0};

// More shards than this are never made, however many cores there are.
inline constexpr unsigned kMaxShards = 64;

constexpr size_t PagesFor(size_t bytes) {
  return (bytes >> kPageShift) + ((bytes & (kPageSize - 1)) != 0);
}
constexpr size_t SlotsFor(size_t bytes) {
  return (bytes >> kSegmentShift) + ((bytes & (kSegmentSize - 1)) != 0);
}
constexpr bool IsPowerOfTwo(size_t n) { return n != 0 && (n & (n - 1)) == 0; }
// `align` is a power of two; wraps to less than n when n is too near the top of size_t.
constexpr size_t RoundUp(size_t n, size_t align) { return (n + align - 1) & ~(align - 1); }

constexpr SlotIndex SlotOf(PageIndex page) {
  return SlotIndex(page.value() / kPagesPerSegment);
}
constexpr unsigned PageInSegment(PageIndex page) { return page.value() % kPagesPerSegment; }
constexpr PageIndex FirstPageOf(SlotIndex slot) {
  return PageIndex(slot.value() * kPagesPerSegment);
}

}  // namespace hz3

#endif  // HZ3_BASE_WORDS_H_
