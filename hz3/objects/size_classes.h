// SizeClasses: which class serves a size, and what a class is. Constant tables, no state.
//
//   small   classes 1..kSmallClasses: up to 3840 bytes, cut from spans. Steps of 16 up to 256, then
//           eight classes a doubling, so that at most 12.5 % of an object is waste above 128 bytes.
//           With kConfig.finer_spans also three that fit 1 KiB and 4 KiB with a header, which are
//           common: 31 of 1056 bytes fill 8 pages, 14 of 4384 (a page of SQLite's cache has 4368)
//           15 pages, 8 of 4608 9 pages.
//   medium  the 8 classes after those: runs of 1..8 pages (at most one page of waste).
//   wide    runs of 10..256 pages, four classes a doubling: at most a fifth of a run is waste
//           (a third where a bin's neighbour serves the class, kConfig.wider_bin). Only the slow
//           path knows them, and only while pages are not scarce; otherwise a block of
//           this size is large.
//   large   kTagLarge: a run of 9..512 pages; kTagHuge: whole slots. Not classes: no bins.
//   private kTagPrivate: pages of a first-class heap, whatever is on them. No bins.
// Class 0 is no class. A class's number is also the tag that segmap holds for its pages; it says
// nothing about the order of sizes from one kind to another.
#ifndef HZ3_OBJECTS_SIZE_CLASSES_H_
#define HZ3_OBJECTS_SIZE_CLASSES_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "hz3/base/words.h"
#include "hz3/config/config.h"
#include "hz3/pages/segmap.h"

namespace hz3 {

inline constexpr unsigned kPlainSmallClasses = 47;
inline constexpr size_t kFinerSizes[] = {1056, 4384, 4608};
inline constexpr unsigned kFinerClasses = kConfig.finer_spans ? std::size(kFinerSizes) : 0;
inline constexpr unsigned kSmallClasses = kPlainSmallClasses + kFinerClasses;
inline constexpr unsigned kMaxMediumPages = 8;
inline constexpr unsigned kFirstMediumClass = kSmallClasses + 1;
inline constexpr unsigned kFirstWideClass = kFirstMediumClass + kMaxMediumPages;
inline constexpr uint16_t kWidePages[] = {10, 12, 14, 16, 20,  24,  28,  32,  40,  48,
                                          56, 64, 80, 96, 112, 128, 160, 192, 224, 256};
inline constexpr unsigned kMaxWidePages = 256;
inline constexpr unsigned kClasses = kFirstWideClass + std::size(kWidePages);  // with class 0
inline constexpr size_t kMaxSmallSize = 3840;  // without the finer ones
// The hot path looks no further.
inline constexpr size_t kMaxBinnedSize = kMaxMediumPages * kPageSize;
inline constexpr size_t kMaxWideSize = kMaxWidePages * kPageSize;
inline constexpr unsigned kMaxRunPages = kPagesPerSegment;

// Tags of blocks that no bin holds. The bins of all tags from kClasses on, and of tag 0, are full
// for ever, so that `free` takes the slow path.
inline constexpr Tag kTagPrivate = 84;
// Blocks on a page of kTagWatched are of the class that the page's record says (watched_blocks.h).
inline constexpr Tag kTagWatched = 85;
inline constexpr Tag kTagLarge = 86;
inline constexpr Tag kTagHuge = 87;
inline constexpr unsigned kTags = 88;
static_assert(kClasses <= kTagPrivate);

constexpr bool IsSmall(Tag tag) { return tag >= 1 && tag <= kSmallClasses; }
// Medium or wide: a run of pages that has bins.
constexpr bool IsBinnedRun(Tag tag) { return tag >= kFirstMediumClass && tag < kClasses; }
constexpr bool IsWide(Tag tag) { return tag >= kFirstWideClass && tag < kClasses; }

// A span's bitmap has this many bits.
inline constexpr unsigned kMaxObjects = 256;
inline constexpr unsigned kMaxPlainSpanPages = 8;
inline constexpr unsigned kMaxSpanPages = 15;  // of classes above kMaxSmallSize

struct ClassInfo {
  uint32_t size = 0;        // bytes of an object
  uint16_t objects = 0;     // in a span; 1 for a run
  uint16_t pages = 0;       // of a span or run
  uint32_t reciprocal = 0;  // ceil(2^32 / size): offset / size is a multiplication, see ObjectAt
};

namespace internal {

constexpr size_t SmallSize(unsigned c) {
  if (c > kPlainSmallClasses) return kFinerSizes[c - kPlainSmallClasses - 1];
  if (c <= 16) return c * 16;
  const unsigned octave = (c - 17) / 8;
  return (256u << octave) + ((c - 17) % 8 + 1) * (32u << octave);
}

// The shortest span that wastes at most 1/32 of itself and holds 32 objects, or else the one of at
// most `most` pages that wastes least.
constexpr unsigned SpanPages(size_t size, unsigned most) {
  unsigned best = 1;
  size_t best_waste = kPageSize * most;
  for (unsigned pages = 1; pages <= most; ++pages) {
    const size_t bytes = pages * kPageSize;
    const size_t objects = bytes / size;
    if (objects > kMaxObjects) break;
    const size_t waste = bytes % size;
    if (waste * 32 <= bytes && objects >= 32) return pages;
    // Waste as a share of the span: compared crosswise to stay in integers.
    if (waste * best < best_waste * pages || (pages == 1)) {
      best = pages;
      best_waste = waste;
    }
  }
  return best;
}

constexpr std::array<ClassInfo, kTags> MakeClasses() {
  std::array<ClassInfo, kTags> classes{};
  for (unsigned c = 1; c <= kSmallClasses; ++c) {
    const size_t size = SmallSize(c);
    const unsigned pages =
        SpanPages(size, size <= kMaxSmallSize ? kMaxPlainSpanPages : kMaxSpanPages);
    classes[c] = {static_cast<uint32_t>(size), static_cast<uint16_t>(pages * kPageSize / size),
                  static_cast<uint16_t>(pages),
                  static_cast<uint32_t>(((uint64_t{1} << 32) + size - 1) / size)};
  }
  for (unsigned pages = 1; pages <= kMaxMediumPages; ++pages) {
    classes[kSmallClasses + pages] = {static_cast<uint32_t>(pages * kPageSize), 1,
                                      static_cast<uint16_t>(pages), 0};
  }
  unsigned c = kFirstWideClass;
  for (const uint16_t pages : kWidePages) {
    classes[c++] = {static_cast<uint32_t>(pages * kPageSize), 1, pages, 0};
  }
  return classes;
}

}  // namespace internal

inline constexpr std::array<ClassInfo, kTags> kClassTable = internal::MakeClasses();
static_assert(kClassTable[kPlainSmallClasses].size == kMaxSmallSize);

namespace internal {

// The smallest class that holds `bytes` at multiples of `align`, or 0.
constexpr unsigned Smallest(size_t bytes, size_t align) {
  unsigned best = 0;
  for (unsigned c = 1; c < kClasses; ++c) {
    const size_t size = kClassTable[c].size;
    if (size < bytes || size % align != 0) continue;
    if (best == 0 || size < kClassTable[best].size) best = c;
  }
  return best;
}

}  // namespace internal

// One byte for each multiple of 16 bytes: the class that serves it. 2 KiB.
inline constexpr unsigned kGranuleShift = 4;
inline constexpr auto kClassOfGranules = [] {
  std::array<uint8_t, (kMaxBinnedSize >> kGranuleShift) + 1> table{};
  unsigned c = 1;
  for (size_t granules = 0; granules < table.size(); ++granules) {
    const size_t bytes = granules << kGranuleShift;
    if (kClassTable[c].size < bytes) c = internal::Smallest(bytes, 1);
    table[granules] = static_cast<uint8_t>(c);
  }
  return table;
}();

// The same as the offset of the class's bin in an array of pointers. 4 KiB; the hot path's.
inline constexpr auto kBinOfGranules = [] {
  std::array<uint16_t, kClassOfGranules.size()> table{};
  for (size_t granules = 0; granules < table.size(); ++granules) {
    table[granules] = static_cast<uint16_t>(kClassOfGranules[granules] * sizeof(void*));
  }
  // 0 bytes: a bin that is empty for ever, so that the slow path decides.
  if constexpr (kConfig.guard_zero_size) table[0] = kTagLarge * sizeof(void*);
  return table;
}();

// The class that serves `bytes` (<= kMaxBinnedSize).
constexpr SizeClass ClassOf(size_t bytes) {
  return SizeClass(kClassOfGranules[(bytes + 15) >> kGranuleShift]);
}
constexpr const ClassInfo& InfoOf(SizeClass c) { return kClassTable[c.value()]; }

namespace internal {

inline constexpr auto kWideClassOfPages = [] {
  std::array<uint8_t, kMaxWidePages + 1> table{};
  unsigned c = kFirstWideClass;
  for (unsigned pages = 1; pages < table.size(); ++pages) {
    if (kClassTable[c].pages < pages) ++c;
    table[pages] = static_cast<uint8_t>(c);
  }
  return table;
}();

}  // namespace internal

// The wide class that serves a run of `pages` (<= kMaxWidePages).
constexpr SizeClass WideClassOf(size_t pages) {
  return SizeClass(internal::kWideClassOfPages[pages]);
}

// The number of the object at `offset` bytes (< 2^16) into a span: offset / size, exactly, because
// the reciprocal is less than 1 too large, and so the product less than 2^16, which is less than
// 2^32 / size, the distance of a quotient from the next integer.
constexpr unsigned ObjectAt(const ClassInfo& info, uint32_t offset) {
  return static_cast<unsigned>((uint64_t{offset} * info.reciprocal) >> 32);
}

// For each alignment of 2^a bytes (a <= kPageShift) and each class: the smallest class that is not
// smaller and whose size is a multiple of it, or 0. 832 bytes.
inline constexpr auto kAlignedClass = [] {
  std::array<std::array<uint8_t, kTags>, kPageShift + 1> table{};
  for (unsigned a = 0; a <= kPageShift; ++a) {
    for (unsigned from = 1; from < kClasses; ++from) {
      table[a][from] =
          static_cast<uint8_t>(internal::Smallest(kClassTable[from].size, size_t{1} << a));
    }
  }
  return table;
}();

// The smallest class whose objects are all aligned to `align` (a power of two, <= kPageSize) and
// hold `bytes`; class 0 when no bin serves it. Objects begin at multiples of their size from a
// page's start, so a size that is a multiple of `align` is what is looked for.
constexpr SizeClass AlignedClassOf(size_t bytes, size_t align) {
  if (bytes > kMaxBinnedSize) return SizeClass(0);
  const unsigned from = ClassOf(bytes == 0 ? 1 : bytes).value();
  return SizeClass(kAlignedClass[static_cast<unsigned>(std::countr_zero(align))][from]);
}

}  // namespace hz3

#endif  // HZ3_OBJECTS_SIZE_CLASSES_H_
