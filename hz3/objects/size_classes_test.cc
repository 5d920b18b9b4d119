#include "hz3/objects/size_classes.h"

#include <algorithm>
#include <set>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

TEST(SizeClasses, EverySizeIsServedByTheSmallestClassThatHoldsIt) {
  for (size_t bytes = 0; bytes <= kMaxBinnedSize; ++bytes) {
    const SizeClass c = ClassOf(bytes);
    ASSERT_GE(c.value(), 1u) << bytes;
    ASSERT_LT(c.value(), kClasses) << bytes;
    ASSERT_GE(InfoOf(c).size, bytes);
    if (c.value() > 1) {
      ASSERT_LT(kClassTable[c.value() - 1u].size, bytes) << "a smaller class would do";
    }
  }
}

TEST(SizeClasses, WasteAtMostAnEighthBetween128BytesAnd4KiBAndAPageAboveThat) {
  for (size_t bytes = 128; bytes <= kMaxBinnedSize; ++bytes) {
    const size_t size = InfoOf(ClassOf(bytes)).size;
    if (bytes <= kPageSize) {
      ASSERT_LE((size - bytes) * 8, size) << bytes << " bytes in " << size;
    } else {
      ASSERT_LT(size - bytes, kPageSize) << bytes << " bytes in " << size;
    }
  }
  for (size_t bytes = 0; bytes < 128; ++bytes) {
    ASSERT_LT(InfoOf(ClassOf(bytes)).size, std::max<size_t>(bytes, 1) + 16) << bytes;
  }
}

TEST(SizeClasses, AreGrowingMultiplesOfSixteenAndMediumOnesWholePages) {
  for (unsigned c = 1; c < kClasses; ++c) {
    const ClassInfo& info = kClassTable[c];
    EXPECT_GT(info.size, kClassTable[c - 1].size) << c;
    EXPECT_EQ(info.size % kMinAlign, 0u) << c;
    const Tag tag = static_cast<Tag>(c);
    EXPECT_NE(IsSmall(tag), IsMedium(tag)) << c;
    if (IsMedium(tag)) {
      EXPECT_EQ(info.size, info.pages * kPageSize);
      EXPECT_EQ(info.objects, 1u);
    }
  }
  EXPECT_EQ(kClassTable[kClasses - 1].size, kMaxBinnedSize);
}

TEST(SizeClasses, TagsThatAreNoClassAreNeitherSmallNorMedium) {
  for (Tag tag : {Tag{0}, kTagLarge, kTagHuge, static_cast<Tag>(kClasses)}) {
    EXPECT_FALSE(IsSmall(tag)) << unsigned{tag};
    EXPECT_FALSE(IsMedium(tag)) << unsigned{tag};
    EXPECT_EQ(kClassTable[tag].size, 0u) << unsigned{tag};
  }
}

TEST(SizeClasses, SpansHoldTheirObjectsAndWasteAtMostAnEighth) {
  for (unsigned c = 1; c <= kSmallClasses; ++c) {
    const ClassInfo& info = kClassTable[c];
    const size_t bytes = info.pages * kPageSize;
    EXPECT_GE(info.pages, 1u) << c;
    EXPECT_LE(info.pages, kMaxSpanPages) << c;
    EXPECT_EQ(info.objects, bytes / info.size) << c;
    EXPECT_LE(info.objects, kMaxObjects) << c;
    EXPECT_LE((bytes - info.objects * size_t{info.size}) * 8, bytes) << info.size;
  }
}

TEST(SizeClasses, ObjectAtIsTheExactQuotientForEveryByteOfASpan) {
  for (unsigned c = 1; c <= kSmallClasses; ++c) {
    const ClassInfo& info = kClassTable[c];
    for (uint32_t offset = 0; offset < info.pages * kPageSize; ++offset) {
      ASSERT_EQ(ObjectAt(info, offset), offset / info.size) << info.size << " at " << offset;
    }
  }
}

TEST(SizeClasses, AlignedClassIsTheSmallestThatHoldsAndAligns) {
  for (size_t align = 1; align <= kPageSize; align *= 2) {
    for (size_t bytes = 0; bytes <= kMaxBinnedSize + 1; bytes += bytes < 1100 ? 1 : 61) {
      unsigned expected = 1;
      while (expected < kClasses &&
             (kClassTable[expected].size < bytes || kClassTable[expected].size % align != 0)) {
        ++expected;
      }
      if (expected == kClasses) expected = 0;
      ASSERT_EQ(AlignedClassOf(bytes, align).value(), expected) << bytes << " at " << align;
    }
  }
  EXPECT_NE(AlignedClassOf(kMaxBinnedSize, kPageSize).value(), 0u);
  EXPECT_EQ(AlignedClassOf(kMaxBinnedSize + 1, 1).value(), 0u);
  EXPECT_EQ(AlignedClassOf(SIZE_MAX, kPageSize).value(), 0u);
}

}  // namespace
}  // namespace hz3
