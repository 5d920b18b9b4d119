#include "bench/matrix/results.h"

#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

Cell ThreeSamples() {
  return {.allocator = {"glibc", "", false},
          .samples = {{.cpu = 3, .rss_bytes = 30, .wall_s = 300},
                      {.cpu = 1, .rss_bytes = 10, .wall_s = 100},
                      {.cpu = 2, .rss_bytes = 20, .wall_s = 200}}};
}

TEST(Cell, SummarizesEachMetric) {
  EXPECT_EQ(ThreeSamples().Of(Metric::kCpu).median, 2);
  EXPECT_EQ(ThreeSamples().Of(Metric::kRss).max, 30);
  EXPECT_EQ(ThreeSamples().Of(Metric::kWall).min, 100);
}

TEST(RowResult, FindsACellByItsAllocator) {
  const RowResult row = {.info = {.name = "row"}, .cells = {ThreeSamples()}};
  ASSERT_NE(row.Find("glibc"), nullptr);
  EXPECT_EQ(row.Find("glibc")->samples.size(), 3u);
  EXPECT_EQ(row.Find("nobody"), nullptr);
}

TEST(RelativeRange, IsAShareOfTheMedian) {
  EXPECT_EQ(RelativeRange(ThreeSamples().Of(Metric::kCpu)), 1);
  EXPECT_EQ(RelativeRange({}), 0);
}

}  // namespace
}  // namespace hz3::bench
