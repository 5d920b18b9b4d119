#include "bench/matrix/verdict.h"

#include "bench/matrix/fake_row.h"
#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

constexpr double kMib = 1 << 20;

Judgement JudgeCpu(const RowResult& row) { return Judge(row, "hz3-scale", Metric::kCpu, {}); }

TEST(Judge, ComparesWithTheBestPeerByMedian) {
  const Judgement judgement =
      JudgeCpu(FakeRow("row", {FakeCell("hz3-scale", Near(8)), FakeCell("glibc", Near(20)),
                               FakeCell("mimalloc", Near(10)), FakeCell("hz3-fast", Near(1))}));
  EXPECT_EQ(judgement.verdict, Verdict::kAhead);
  EXPECT_EQ(judgement.best_peer, "mimalloc");
  EXPECT_DOUBLE_EQ(judgement.ratio, 0.8);
  EXPECT_DOUBLE_EQ(judgement.p, 2 / 252.0);
}

TEST(Judge, IsBehindWhereThePeerUsesLess) {
  const RowResult row =
      FakeRow("row", {FakeCell("hz3-scale", Near(11)), FakeCell("glibc", Near(10))});
  EXPECT_EQ(JudgeCpu(row).verdict, Verdict::kBehind);
}

TEST(Judge, IsEvenWhereTheRunsOverlap) {
  const RowResult row = FakeRow("row", {FakeCell("hz3-scale", {8, 9, 10, 11, 12}),
                                        FakeCell("glibc", {9.1, 10.1, 11.1, 12.1, 13.1})});
  EXPECT_EQ(JudgeCpu(row).verdict, Verdict::kEven);
  EXPECT_GT(JudgeCpu(row).p, 0.05);
}

TEST(Judge, IsEvenWhereAClearDifferenceIsTooSmallToMatter) {
  const RowResult row =
      FakeRow("row", {FakeCell("hz3-scale", Near(101.5)), FakeCell("glibc", Near(100))});
  EXPECT_LT(JudgeCpu(row).p, 0.05);
  EXPECT_EQ(JudgeCpu(row).verdict, Verdict::kEven);
  EXPECT_EQ(Judge(row, "hz3-scale", Metric::kCpu, {.min_share = 0.01}).verdict, Verdict::kBehind);
}

TEST(Judge, IsEvenInMemoryBelowWhatTheKernelCounts) {
  const RowResult near =
      FakeRow("row", {FakeCell("hz3-scale", Near(3.2 * kMib)), FakeCell("glibc", Near(3 * kMib))});
  EXPECT_EQ(Judge(near, "hz3-scale", Metric::kRss, {}).verdict, Verdict::kEven);
  EXPECT_EQ(JudgeCpu(near).verdict, Verdict::kBehind);
  const RowResult far =
      FakeRow("row", {FakeCell("hz3-scale", Near(3.4 * kMib)), FakeCell("glibc", Near(3 * kMib))});
  EXPECT_EQ(Judge(far, "hz3-scale", Metric::kRss, {}).verdict, Verdict::kBehind);
}

TEST(Judge, SaysThatRunsAreTooFew) {
  const Judgement judgement =
      JudgeCpu(FakeRow("row", {FakeCell("hz3-scale", {1, 1, 1, 1}), FakeCell("glibc", Near(10))}));
  EXPECT_EQ(judgement.verdict, Verdict::kTooFewRuns);
  EXPECT_DOUBLE_EQ(judgement.ratio, 0.1);
}

TEST(Judge, PassesOverPeersThatFailed) {
  Cell broken = FakeCell("broken", Near(1));
  broken.failures = {"timeout"};
  const RowResult row =
      FakeRow("row", {FakeCell("hz3-scale", Near(8)), broken, FakeCell("glibc", Near(10))});
  EXPECT_EQ(JudgeCpu(row).best_peer, "glibc");
  EXPECT_EQ(JudgeCpu(FakeRow("row", {FakeCell("hz3-scale", Near(8)), broken})).verdict,
            Verdict::kNoPeer);
}

TEST(Judge, ARunOfOursThatFailedIsNoMeasurement) {
  Cell ours = FakeCell("hz3-scale", Near(1));
  ours.failures = {"signal 11"};
  const RowResult row = FakeRow("row", {ours, FakeCell("glibc", Near(10))});
  EXPECT_EQ(JudgeCpu(row).verdict, Verdict::kFailed);
  EXPECT_EQ(JudgeCpu(row).ratio, 0);
}

TEST(Judge, TheFloorIsNotCompared) {
  RowResult row = FakeRow("row", {FakeCell("hz3-scale", Near(1)), FakeCell("glibc", Near(10))});
  row.info.is_floor = true;
  EXPECT_EQ(JudgeCpu(row).verdict, Verdict::kFloor);
}

TEST(Judge, SaysWhichDifferenceCannotBeMissed) {
  const RowResult row = FakeRow("row", {FakeCell("hz3-scale", {9, 10, 10, 10, 12}),
                                        FakeCell("glibc", {8, 10, 10, 10, 10.5})});
  EXPECT_DOUBLE_EQ(JudgeCpu(row).visible_share, 0.4);
}

}  // namespace
}  // namespace hz3::bench
