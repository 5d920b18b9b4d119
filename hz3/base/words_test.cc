#include "hz3/base/words.h"

#include <type_traits>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

TEST(Words, PagesAndSlotsRoundUpAndNeverOverflow) {
  EXPECT_EQ(PagesFor(0), 0u);
  EXPECT_EQ(PagesFor(1), 1u);
  EXPECT_EQ(PagesFor(kPageSize), 1u);
  EXPECT_EQ(PagesFor(kPageSize + 1), 2u);
  EXPECT_EQ(PagesFor(~size_t{0}), (~size_t{0} >> kPageShift) + 1);
  EXPECT_EQ(SlotsFor(kSegmentSize), 1u);
  EXPECT_EQ(SlotsFor(kSegmentSize + 1), 2u);
}

TEST(Words, PageKnowsItsSlotAndItsPlaceInTheSegment) {
  const PageIndex page(3 * kPagesPerSegment + 17);
  EXPECT_EQ(SlotOf(page).value(), 3u);
  EXPECT_EQ(PageInSegment(page), 17u);
  EXPECT_EQ(FirstPageOf(SlotIndex(3)).value(), 3u * kPagesPerSegment);
}

TEST(Words, IndicesOfDifferentKindsDoNotConvert) {
  EXPECT_FALSE((std::is_convertible_v<SlotIndex, PageIndex>));
  EXPECT_FALSE((std::is_convertible_v<uint32_t, PageIndex>));
  EXPECT_EQ(sizeof(SizeClass), 1u);
}

TEST(Words, RoundUpAndPowerOfTwo) {
  EXPECT_EQ(RoundUp(17, 16), 32u);
  EXPECT_EQ(RoundUp(32, 16), 32u);
  EXPECT_TRUE(IsPowerOfTwo(64));
  EXPECT_FALSE(IsPowerOfTwo(0));
  EXPECT_FALSE(IsPowerOfTwo(48));
}

}  // namespace
}  // namespace hz3
