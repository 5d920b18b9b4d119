#include "bench/matrix/summary.h"

#include "bench/matrix/fake_row.h"
#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

RowResult RowWithRatio(const std::string& name, double ratio) {
  return FakeRow(name, {FakeCell("hz3-scale", Near(100 * ratio)), FakeCell("glibc", Near(100))});
}

bool All(const RowInfo&) { return true; }

Standing CpuStanding(const RowResults& rows, const RowFilter& filter = All) {
  return StandingOf(rows, "hz3-scale", Metric::kCpu, {}, filter);
}

TEST(GeometricMean, IsTheRootOfTheProduct) {
  EXPECT_DOUBLE_EQ(GeometricMean({}), 0);
  EXPECT_DOUBLE_EQ(GeometricMean({3}), 3);
  EXPECT_DOUBLE_EQ(GeometricMean({0.5, 2}), 1);
  EXPECT_DOUBLE_EQ(GeometricMean({1, 4, 16}), 4);
}

TEST(StandingOf, CountsVerdictsAndNamesTheRowsBehindWorstFirst) {
  const Standing standing = CpuStanding({RowWithRatio("fine", 0.5), RowWithRatio("bad", 1.25),
                                         RowWithRatio("same", 1), RowWithRatio("worse", 1.6)});
  EXPECT_EQ(standing.rows, 4u);
  EXPECT_EQ(standing.ahead, 1u);
  EXPECT_EQ(standing.even, 1u);
  EXPECT_EQ(standing.behind, 2u);
  EXPECT_DOUBLE_EQ(standing.mean_ratio, 1);
  EXPECT_EQ(standing.rows_behind, (std::vector<std::string>{"worse 1.60", "bad 1.25"}));
  EXPECT_EQ(standing.worst.row, "worse");
  EXPECT_EQ(standing.worst.peer, "glibc");
}

TEST(StandingOf, LooksOnlyAtTheRowsOfTheFilter) {
  RowResult filled = RowWithRatio("filled", 1.5);
  filled.info.filled = true;
  const Standing standing = CpuStanding({RowWithRatio("other", 0.5), filled},
                                        [](const RowInfo& row) { return row.filled; });
  EXPECT_EQ(standing.rows, 1u);
  EXPECT_DOUBLE_EQ(standing.mean_ratio, 1.5);
}

TEST(StandingOf, LeavesOutSkippedRowsFailuresAndTheFloor) {
  RowResult skipped = {.info = {.name = "skipped"}, .skipped = "not installed"};
  RowResult failed = RowWithRatio("failed", 0.1);
  failed.cells[0].failures = {"timeout"};
  RowResult floor = RowWithRatio("floor_64", 1);
  floor.info.is_floor = true;
  const Standing standing = CpuStanding({skipped, failed, floor, RowWithRatio("counted", 0.5)});
  EXPECT_EQ(standing.rows, 1u);
  EXPECT_DOUBLE_EQ(standing.mean_ratio, 0.5);
  EXPECT_EQ(standing.unjudged, 1u);
  EXPECT_EQ(standing.rows_failed, std::vector<std::string>{"failed"});
}

TEST(Shortcomings, AreFailuresAndOnRequestRowsBehind) {
  RowResult failed = RowWithRatio("failed", 0.1);
  failed.cells[0].failures = {"timeout"};
  const RowResults rows = {failed, RowWithRatio("behind", 1.5), RowWithRatio("ahead", 0.5)};
  EXPECT_EQ(Shortcomings(rows, {}, false),
            std::vector<std::string>{"failed, hz3-scale: a run failed: timeout"});
  // The fake's RSS of 150 bytes differs by less than the kernel counts.
  EXPECT_EQ(Shortcomings(rows, {}, true),
            (std::vector<std::string>{"failed, hz3-scale: a run failed: timeout",
                                      "behind, hz3-scale: CPU behind glibc, ratio 1.500"}));
}

TEST(NoiseOf, IsTheMedianRangeAndWhatItHides) {
  const RowResults rows = {
      FakeRow("quiet", {FakeCell("hz3-scale", {100, 100}), FakeCell("glibc", {100, 100})}),
      FakeRow("loud", {FakeCell("hz3-scale", {80, 100, 120}), FakeCell("glibc", {100, 100})})};
  const Noise noise = NoiseOf(rows, Metric::kCpu, {});
  EXPECT_DOUBLE_EQ(noise.median_range, 0);
  EXPECT_EQ(noise.comparisons, 2u);
  // What the rules ignore is not visible however quiet the runs are.
  EXPECT_DOUBLE_EQ(NoiseOf({rows[0]}, Metric::kCpu, {}).visible_most, 0.02);
  EXPECT_DOUBLE_EQ(noise.visible_most, 0.2);
}

TEST(PairsAboveFloor, NeedBothRows) {
  const RowResult floor = FakeRow("floor_64", {FakeCell("glibc", {1}), FakeCell("hz3-scale", {1})});
  const RowResult pair = FakeRow("pair_64", {FakeCell("glibc", {5}), FakeCell("hz3-scale", {3})});
  EXPECT_TRUE(PairsAboveFloor({pair}).empty());
  const auto above = PairsAboveFloor({pair, floor});
  ASSERT_EQ(above.size(), 2u);
  EXPECT_EQ(above[1].allocator, "hz3-scale");
  EXPECT_DOUBLE_EQ(above[1].pair_ns - above[1].floor_ns, 2);
}

TEST(Lanes, AreOursInTheirOrder) {
  const RowResults rows = {FakeRow(
      "row", {FakeCell("hz3-scale", {1}), FakeCell("glibc", {1}), FakeCell("hz3-fast", {1})})};
  EXPECT_EQ(Lanes(rows), (std::vector<std::string>{"hz3-scale", "hz3-fast"}));
}

}  // namespace
}  // namespace hz3::bench
