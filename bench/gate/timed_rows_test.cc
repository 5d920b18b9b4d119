#include "bench/gate/timed_rows.h"

#include <map>

#include "bench/gate/sequential.h"
#include "gtest/gtest.h"

namespace hz3::gate {
namespace {

Baselines WithRatio(double cpu, double rss) {
  Baselines baselines;
  baselines.Set({"row", "scale", "cpu_to_libc", "-"}, cpu);
  baselines.Set({"row", "scale", "rss_to_libc", "-"}, rss);
  return baselines;
}

Arm Always(const std::string& name, double cpu, double rss) {
  return {name, [=] { return TimedSample{cpu, rss}; }};
}

std::map<std::string, Finding> Measured(std::vector<Arm> arms, const Baselines& baselines) {
  TimedRun run("row", "scale", std::move(arms), &baselines, 1);
  while (!run.IsDecided()) run.RunRound();
  std::map<std::string, Finding> findings;
  for (const Finding& finding : run.Findings()) findings[finding.figure] = finding;
  return findings;
}

TEST(TimedRun, PassesARatioAtItsBaselineAndFailsOneFarAboveIt) {
  const Baselines baselines = WithRatio(0.5, 0.5);
  auto findings = Measured({Always("hz3", 5, 8), Always("libc", 10, 10)}, baselines);
  EXPECT_EQ(findings.at("cpu_to_libc").outcome, Outcome::kPass);
  EXPECT_NEAR(*findings.at("cpu_to_libc").value, 0.5, 1e-9);
  EXPECT_EQ(findings.at("rss_to_libc").outcome, Outcome::kFail);
  EXPECT_EQ(findings.at("rss_to_libc").limit, 0.5 * (1 + kSlackToLibc));
}

TEST(TimedRun, HoldsTheOtherBuildToATighterLimit) {
  const Baselines baselines = WithRatio(1, 1);
  auto findings = Measured(
      {Always("hz3", 11, 10), Always("libc", 10, 10), Always("against", 10, 10)}, baselines);
  EXPECT_EQ(findings.at("cpu_to_libc").outcome, Outcome::kPass);
  EXPECT_EQ(findings.at("cpu_to_against").outcome, Outcome::kFail);
  EXPECT_EQ(findings.at("rss_to_against").outcome, Outcome::kPass);
}

TEST(TimedRun, FailsWhenARunOfTheLibraryFails) {
  int runs = 0;
  const Arm failing = {"hz3", [&] {
                         return ++runs < 3 ? TimedSample{1, 1} : TimedSample{0, 0, "signal 11"};
                       }};
  const Baselines baselines = WithRatio(1, 1);
  auto findings = Measured({failing, Always("libc", 1, 1)}, baselines);
  EXPECT_EQ(findings.at("cpu_to_libc").outcome, Outcome::kFail);
  EXPECT_EQ(findings.at("cpu_to_libc").note, "signal 11");
  EXPECT_EQ(runs, 3);
}

TEST(TimedRun, IsUndecidedWhenTheReferenceFails) {
  const Arm failing = {"libc", [] { return TimedSample{0, 0, "timeout"}; }};
  const Baselines baselines = WithRatio(1, 1);
  auto findings = Measured({Always("hz3", 1, 1), failing}, baselines);
  EXPECT_EQ(findings.at("cpu_to_libc").outcome, Outcome::kUndecided);
  EXPECT_EQ(findings.at("cpu_to_libc").note, "libc: timeout");
}

TEST(TimedRun, MeasuresAFigureWithoutABaselineButDoesNotJudgeIt) {
  auto findings = Measured({Always("hz3", 3, 1), Always("libc", 1, 1)}, Baselines());
  EXPECT_EQ(findings.at("cpu_to_libc").outcome, Outcome::kUndecided);
  EXPECT_NEAR(*findings.at("cpu_to_libc").value, 3, 1e-9);
  EXPECT_EQ(findings.at("cpu_to_libc").note, "no baseline");
}

TEST(TimedRun, RepeatsWhileNoiseHidesTheLimitAndSaysSoInTheEnd) {
  bench::Rng rng(5);
  const Arm noisy = {"hz3", [&] {
                       return TimedSample{0.2 + 4e-19 * static_cast<double>(rng.Next()), 1};
                     }};
  const Baselines baselines = WithRatio(2.5, 1);
  TimedRun run("row", "scale", {noisy, Always("libc", 1, 1)}, &baselines, 1);
  while (!run.IsDecided()) run.RunRound();
  EXPECT_GT(run.rounds(), static_cast<int>(kLooks[0]));
  const Finding cpu = run.Findings()[0];
  if (cpu.outcome == Outcome::kUndecided) {
    EXPECT_NE(cpu.note.find("too noisy"), std::string::npos) << cpu.note;
  }
}

TEST(TimedRun, SaysThatThereWasNoTime) {
  const Baselines baselines = WithRatio(1, 1);
  const TimedRun run("row", "scale", {Always("hz3", 1, 1), Always("libc", 1, 1)}, &baselines, 1);
  EXPECT_EQ(run.Findings()[0].note, "no time for a single pair");
  EXPECT_EQ(run.Findings()[0].outcome, Outcome::kUndecided);
}

}  // namespace
}  // namespace hz3::gate
