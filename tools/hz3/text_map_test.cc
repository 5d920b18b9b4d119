#include "tools/hz3/text_map.h"

#include <algorithm>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/hz3/testing/sample_views.h"

namespace hz3::tool {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(PageLetter, EveryKindHasItsOwn) {
  const HeapView view = SampleView(0);
  EXPECT_EQ(PageLetter(view, {1, PageKind::kFreeClean, 0, 0}), '.');
  EXPECT_EQ(PageLetter(view, {1, PageKind::kFreeDirty, 0, 0}), ':');
  EXPECT_EQ(PageLetter(view, {1, PageKind::kMedium, 49, 0}), 'm');
  EXPECT_EQ(PageLetter(view, {1, PageKind::kLarge, 0, 0}), 'L');
  EXPECT_EQ(PageLetter(view, {1, PageKind::kMail, 0, 0}), '@');
}

TEST(PageLetter, ASpanIsNineOnlyWhenItIsFull) {
  const HeapView view = SampleView(0);
  EXPECT_EQ(PageLetter(view, {1, PageKind::kSmall, 4, 0}), '0');
  EXPECT_EQ(PageLetter(view, {1, PageKind::kSmall, 4, 32}), '4');
  EXPECT_EQ(PageLetter(view, {1, PageKind::kSmall, 4, 63}), '8');
  EXPECT_EQ(PageLetter(view, {1, PageKind::kSmall, 4, 64}), '9');
}

TEST(TextMap, ATileIsEightLinesOfSixtyFourLetters) {
  HeapView view = SampleView(0);
  view.tiles.resize(1);
  const std::string map = TextMap(view, {false, 80, 0});
  const std::vector<std::string> lines = absl::StrSplit(map, '\n');
  ASSERT_EQ(lines.size(), 2 + 8 + 1u);
  EXPECT_THAT(lines[1], HasSubstr("0x7f0000000000  shard 0"));
  for (size_t i = 2; i < 10; ++i) EXPECT_EQ(lines[i].size(), 64u);
}

TEST(TextMap, WideTerminalsHaveTilesSideBySide) {
  const std::string narrow = TextMap(SampleView(0), {false, 80, 0});
  const std::string wide = TextMap(SampleView(0), {false, 140, 0});
  EXPECT_EQ(std::count(narrow.begin(), narrow.end(), '\n'), 1 + 12 * 9);
  EXPECT_EQ(std::count(wide.begin(), wide.end(), '\n'), 1 + 6 * 9);
}

TEST(TextMap, SaysWhatItLeavesOut) {
  EXPECT_THAT(TextMap(SampleView(0), {false, 80, 2}), HasSubstr("and 10 more segments"));
  EXPECT_THAT(TextMap(SampleView(0), {false, 80, 0}), Not(HasSubstr("more segments")));
}

TEST(TextMap, ColoursAreUsedOnlyWhenAskedFor) {
  EXPECT_THAT(TextMap(SampleView(0), {false, 80, 0}), Not(HasSubstr("\x1b")));
  EXPECT_THAT(TextMap(SampleView(0), {true, 80, 0}), HasSubstr("\x1b[38;2;"));
}

TEST(OccupancyText, SharesAddUpToTheWhole) {
  Occupancy o;
  o.live_small = 3 << 20;
  o.free_dirty = 1 << 20;
  const std::string text = OccupancyText(o, 80);
  EXPECT_THAT(text, HasSubstr("75.0 %"));
  EXPECT_THAT(text, HasSubstr("25.0 %"));
  EXPECT_THAT(OccupancyText(Occupancy(), 0), HasSubstr("0.0 %"));
}

}  // namespace
}  // namespace hz3::tool
