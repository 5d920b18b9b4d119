#include "hz3/objects/size_classes.h"

#include "gtest/gtest.h"

namespace hz3 {
namespace {

constexpr size_t kMaxAlign = kPageSize;

SizeClass Class(unsigned number) { return SizeClass(static_cast<uint8_t>(number)); }

TEST(SizeClasses, EachSizeIsServedByTheSmallestClassThatHoldsIt) {
  for (size_t bytes = 0; bytes <= kMaxBinnedSize; ++bytes) {
    const unsigned c = ClassOf(bytes).value();
    ASSERT_GE(c, 1u) << bytes;
    ASSERT_LT(c, kClasses) << bytes;
    ASSERT_GE(InfoOf(Class(c)).size, bytes);
    for (unsigned other = 1; other < kClasses; ++other) {
      const size_t size = InfoOf(Class(other)).size;
      ASSERT_FALSE(size >= bytes && size < InfoOf(Class(c)).size) << bytes << " fits " << size;
    }
  }
}

TEST(SizeClasses, WasteIsBounded) {
  for (size_t bytes = 1; bytes <= kMaxBinnedSize; ++bytes) {
    const size_t size = InfoOf(ClassOf(bytes)).size;
    const size_t waste = size - bytes;
    if (bytes <= 128) {
      ASSERT_LT(waste, kMinAlign) << bytes;
    } else if (bytes <= kPageSize) {
      ASSERT_LE(waste * 8, size) << bytes;
    } else {
      ASSERT_LT(waste, kPageSize) << bytes;
    }
  }
}

TEST(SizeClasses, SmallMediumAndTheRestAreTold) {
  for (unsigned tag = 0; tag < kTags; ++tag) {
    const Tag t = static_cast<Tag>(tag);
    EXPECT_EQ(IsSmall(t), tag >= 1 && tag <= kSmallClasses) << tag;
    EXPECT_EQ(IsBinnedRun(t), tag > kSmallClasses && tag < kClasses) << tag;
    EXPECT_EQ(IsWide(t), tag > kSmallClasses + kMaxMediumPages && tag < kClasses) << tag;
  }
  EXPECT_TRUE(IsSmall(ClassOf(kMaxSmallSize).value()));
  EXPECT_TRUE(IsBinnedRun(ClassOf(kMaxSmallSize + 1).value()));
  EXPECT_FALSE(IsBinnedRun(kTagLarge));
  EXPECT_FALSE(IsBinnedRun(kTagHuge));
}

TEST(SizeClasses, GrowFromClassToClassOfAKindUpToTheLargestBinnedSize) {
  for (unsigned c = 1; c < kClasses; ++c) {
    if (c == kPlainSmallClasses + 1 || c == kFirstMediumClass) continue;
    EXPECT_GT(InfoOf(Class(c)).size, InfoOf(Class(c - 1)).size) << c;
  }
  EXPECT_EQ(InfoOf(Class(kFirstWideClass - 1)).size, kMaxBinnedSize);
  EXPECT_EQ(InfoOf(Class(kClasses - 1)).size, kMaxWideSize);
}

TEST(SizeClasses, AWideClassWastesAFifthOfItsPagesAtMost) {
  for (unsigned pages = kMaxMediumPages + 1; pages <= kMaxWidePages; ++pages) {
    const SizeClass c = WideClassOf(pages);
    EXPECT_TRUE(IsWide(c.value())) << pages;
    ASSERT_GE(InfoOf(c).pages, pages);
    EXPECT_LE((InfoOf(c).pages - pages) * 5u, InfoOf(c).pages) << pages;
    if (c.value() > kFirstWideClass) {
      EXPECT_LT(InfoOf(Class(c.value() - 1u)).pages, pages);
    }
  }
}

TEST(SizeClasses, FinerSpansHoldBlocksWithAHeaderAndWasteLittle) {
  constexpr size_t kTwoPages = 2 * kPageSize;
  const struct {
    size_t bytes, finer, plain;
  } expected[] = {{1024, 1024, 1024},      {1025, 1056, 1152},      {1056, 1056, 1152},
                  {1057, 1152, 1152},      {4096, 4096, 4096},      {4097, 4384, kTwoPages},
                  {4384, 4384, kTwoPages}, {4385, 4608, kTwoPages}, {4608, 4608, kTwoPages},
                  {4609, kTwoPages, kTwoPages}};
  for (const auto& row : expected) {
    EXPECT_EQ(InfoOf(ClassOf(row.bytes)).size, kConfig.finer_spans ? row.finer : row.plain)
        << row.bytes;
  }
  if constexpr (!kConfig.finer_spans) return;
  for (const size_t size : kFinerSizes) {
    const ClassInfo& info = InfoOf(ClassOf(size));
    EXPECT_TRUE(IsSmall(ClassOf(size).value())) << size;
    EXPECT_LE(info.pages * kPageSize - info.objects * size, 64u) << size << ": unused at the end";
  }
}

TEST(SizeClasses, ASpanHoldsAsManyObjectsAsFit) {
  for (unsigned c = 1; c <= kSmallClasses; ++c) {
    const ClassInfo& info = InfoOf(Class(c));
    EXPECT_EQ(info.size % kMinAlign, 0u) << c;
    ASSERT_GE(info.pages, 1u) << c;
    EXPECT_LE(info.pages, kMaxSpanPages) << c;
    EXPECT_EQ(info.objects, info.pages * kPageSize / info.size) << c;
    EXPECT_LE(info.objects, kMaxObjects) << c;
    // Unused at its end: an eighth of the span at most.
    EXPECT_LE(info.pages * kPageSize % info.size * 8, info.pages * kPageSize) << c;
  }
}

TEST(SizeClasses, MediumClassesAreRunsOfOneToEightPages) {
  for (unsigned pages = 1; pages <= kMaxMediumPages; ++pages) {
    const ClassInfo& info = InfoOf(ClassOf(pages * kPageSize));
    EXPECT_EQ(info.pages, pages);
    EXPECT_EQ(info.size, pages * kPageSize);
    EXPECT_EQ(info.objects, 1u);
  }
}

TEST(SizeClasses, ObjectAtIsTheQuotientForEachOffsetIntoASpan) {
  for (unsigned c = 1; c <= kSmallClasses; ++c) {
    const ClassInfo& info = InfoOf(Class(c));
    for (uint32_t offset = 0; offset < kMaxSpanPages * kPageSize; ++offset) {
      ASSERT_EQ(ObjectAt(info, offset), offset / info.size) << "class " << c << " at " << offset;
    }
  }
}

TEST(SizeClasses, AnAlignedClassHoldsTheBytesAtMultiplesOfTheAlignment) {
  for (size_t align = 1; align <= kMaxAlign; align *= 2) {
    for (size_t bytes = 0; bytes <= kMaxBinnedSize; ++bytes) {
      const unsigned c = AlignedClassOf(bytes, align).value();
      ASSERT_NE(c, 0u) << bytes << " at " << align;
      const ClassInfo& info = InfoOf(Class(c));
      ASSERT_GE(info.size, bytes) << align;
      ASSERT_EQ(info.size % align, 0u) << bytes;
      for (unsigned other = 1; other < kClasses; ++other) {
        const size_t size = InfoOf(Class(other)).size;
        ASSERT_FALSE(size >= bytes && size < info.size && size % align == 0)
            << bytes << " at " << align << " fits " << size;
      }
    }
    EXPECT_EQ(AlignedClassOf(kMaxBinnedSize + 1, align), SizeClass(0));
  }
}

}  // namespace
}  // namespace hz3
