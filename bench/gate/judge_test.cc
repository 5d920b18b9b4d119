#include "bench/gate/judge.h"

#include "gtest/gtest.h"

namespace hz3::gate {
namespace {

Finding Judged(const std::string& figure, double value, std::optional<double> baseline) {
  Finding finding{.row = "row", .lane = "scale", .figure = figure, .value = value};
  finding.made_with = "gcc-12";
  Judge(RuleOf(figure), baseline, &finding);
  return finding;
}

TEST(Judge, LetsNothingBeLostWhateverTheBaselineSays) {
  for (const std::string figure : {"differs", "alloc_failed", "lost_bytes", "lost_slots"}) {
    EXPECT_EQ(Judged(figure, 0, std::nullopt).outcome, Outcome::kPass) << figure;
    EXPECT_EQ(Judged(figure, 1, 5).outcome, Outcome::kFail) << figure;
  }
}

TEST(Judge, LetsExactFiguresGrowByAHundredthAndCachesByThree) {
  EXPECT_EQ(Judged("instructions", 100.9, 100).outcome, Outcome::kPass);
  EXPECT_EQ(Judged("instructions", 101.1, 100).outcome, Outcome::kFail);
  EXPECT_EQ(Judged("loaded_bytes", 102, 100).outcome, Outcome::kFail);
  EXPECT_EQ(Judged("cached_wide_bytes", 102, 100).outcome, Outcome::kPass);
  EXPECT_EQ(Judged("cached_wide_bytes", 104, 100).outcome, Outcome::kFail);
  EXPECT_EQ(Judged("start_instructions", 102, 100).outcome, Outcome::kPass);
  EXPECT_EQ(Judged("start_instructions", 104, 100).outcome, Outcome::kFail);
  EXPECT_EQ(Judged("instructions", 101.1, 100).note, "+1.10 %");
  EXPECT_EQ(Judged("instructions", 1, 0).outcome, Outcome::kFail);
}

TEST(Judge, SaysWhenABetterFigureIsWorthCommitting) {
  const Finding better = Judged("instructions", 90, 100);
  EXPECT_EQ(better.outcome, Outcome::kPass);
  EXPECT_EQ(better.note, "-10.00 %, better: --update keeps it so");
  EXPECT_EQ(Judged("instructions", 99.5, 100).note, "-0.50 %");
  EXPECT_EQ(Judged("instructions", 100, 100).note, "");
}

TEST(Judge, FailsALowerShare) {
  EXPECT_EQ(Judged("live_pct", 98, 98).outcome, Outcome::kPass);
  EXPECT_EQ(Judged("live_pct", 97.9, 98).outcome, Outcome::kFail);
}

TEST(Judge, IsUndecidedWithoutABaseline) {
  const Finding finding = Judged("instructions", 100, std::nullopt);
  EXPECT_EQ(finding.outcome, Outcome::kUndecided);
  EXPECT_EQ(finding.note, "no baseline for gcc-12");
  EXPECT_EQ(Judged("live_pct", 99, std::nullopt).outcome, Outcome::kUndecided);
}

}  // namespace
}  // namespace hz3::gate
