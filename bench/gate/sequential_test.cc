#include "bench/gate/sequential.h"

#include <cmath>
#include <limits>
#include <vector>

#include "bench/lib/rng.h"
#include "gtest/gtest.h"

namespace hz3::gate {
namespace {

constexpr uint64_t kSeed = 20;

double Uniform(bench::Rng* rng) {
  return (static_cast<double>(rng->Next() >> 11) + 0.5) / 9007199254740992.0;
}

double Normal(bench::Rng* rng) {
  return std::sqrt(-2 * std::log(Uniform(rng))) * std::cos(6.283185307179586 * Uniform(rng));
}

// What a shared machine does: a speed that wanders and is common to both runs of a pair, noise of
// each run, and now and then a run that is slowed down by half or more.
class NoisyMachine {
 public:
  NoisyMachine(double noise, uint64_t stream) : noise_(noise), rng_(kSeed, stream) {}

  Pair Measure(double true_ratio) {
    wander_ += 0.05 * Normal(&rng_);
    return {OneRun(true_ratio), OneRun(1)};
  }

 private:
  double OneRun(double cost) {
    const bool disturbed = Uniform(&rng_) < 0.05;
    const double factor = disturbed ? 1.5 + Uniform(&rng_) : 1;
    return cost * std::exp(wander_ + noise_ * Normal(&rng_)) * factor;
  }

  const double noise_;
  double wander_ = 0;
  bench::Rng rng_;
};

// As the gate does it: pairs until there is a decision or time is up.
TimedVerdict RunTrial(double noise, double true_ratio, double limit, uint64_t stream) {
  NoisyMachine machine(noise, stream);
  std::vector<Pair> pairs;
  TimedVerdict verdict;
  for (const size_t look : kLooks) {
    while (pairs.size() < look) pairs.push_back(machine.Measure(true_ratio));
    verdict = Decide(pairs, limit);
    if (verdict.outcome != Outcome::kUndecided) break;
  }
  return verdict;
}

struct Tally {
  int passed = 0;
  int failed = 0;
  int undecided = 0;
};

Tally RunTrials(int count, double noise, double true_ratio, double limit) {
  Tally tally;
  for (int i = 0; i < count; ++i) {
    const TimedVerdict verdict = RunTrial(noise, true_ratio, limit, static_cast<uint64_t>(i));
    tally.passed += verdict.outcome == Outcome::kPass;
    tally.failed += verdict.outcome == Outcome::kFail;
    tally.undecided += verdict.outcome == Outcome::kUndecided;
  }
  return tally;
}

TEST(Sequential, IsUndecidedBeforeTheFirstLook) {
  const TimedVerdict none = Decide({}, 1.05);
  EXPECT_EQ(none.outcome, Outcome::kUndecided);
  EXPECT_EQ(none.visible, std::numeric_limits<double>::infinity());
  const TimedVerdict early = Decide(std::vector<Pair>(kLooks[0] - 1, {5, 1}), 1.05);
  EXPECT_EQ(early.outcome, Outcome::kUndecided);
  EXPECT_EQ(early.pairs, 0u);
}

TEST(Sequential, DecidesWithTheFewestPairsWhenThereIsNoNoise) {
  EXPECT_EQ(Decide(std::vector<Pair>(kLooks[0], {1.04, 1}), 1.05).outcome, Outcome::kPass);
  EXPECT_EQ(Decide(std::vector<Pair>(kLooks[0], {1.06, 1}), 1.05).outcome, Outcome::kFail);
  EXPECT_EQ(FewestPairs(kAlpha), kLooks[0]);
}

TEST(Sequential, OnlyLooksAtTheAnnouncedNumbersOfPairs) {
  std::vector<Pair> pairs(kLooks[0], {1, 1});
  pairs.resize(kLooks[1] - 1, {9, 1});
  EXPECT_EQ(Decide(pairs, 1.05).pairs, kLooks[0]);
  EXPECT_EQ(Decide(pairs, 1.05).outcome, Outcome::kPass);
}

TEST(Sequential, SaysHowSmallAChangeItCouldHaveSeen) {
  const TimedVerdict quiet = RunTrial(0.01, 1, 1.1, 1);
  const TimedVerdict noisy = RunTrial(0.10, 1, 1.5, 1);
  EXPECT_GT(quiet.visible, 1.1);
  EXPECT_LT(quiet.visible, 1.3) << "seed " << kSeed;
  EXPECT_GT(noisy.visible, 1.5);
  EXPECT_GT(noisy.visible / 1.5, quiet.visible / 1.1) << "seed " << kSeed;
}

// Noise of 2 % is a quiet machine, of 5 % a shared one.
TEST(Sequential, NeverFailsAnUnchangedTreeInTwoThousandTrials) {
  for (const double noise : {0.02, 0.05}) {
    const Tally tally = RunTrials(2000, noise, 1, 1.05);
    EXPECT_EQ(tally.failed, 0) << "noise " << noise << ", seed " << kSeed;
  }
}

TEST(Sequential, FailsATreeExactlyOnItsLimitAsSeldomAsItSays) {
  const Tally tally = RunTrials(2000, 0.05, 1.05, 1.05);
  EXPECT_LE(tally.failed, static_cast<int>(2000 * kAlpha * kLooks.size() * 2)) << "seed " << kSeed;
}

TEST(Sequential, FindsAChangeOfTwiceTheLimit) {
  const Tally quiet = RunTrials(300, 0.02, 1.10, 1.05);
  EXPECT_EQ(quiet.passed, 0) << "seed " << kSeed;
  EXPECT_GE(quiet.failed, 295) << "seed " << kSeed;
  const Tally noisy = RunTrials(300, 0.10, 1.10, 1.05);
  EXPECT_LE(noisy.passed, 3) << "seed " << kSeed;
}

TEST(Sequential, IsUndecidedWhereNoiseHidesTheLimit) {
  const Tally tally = RunTrials(100, 0.60, 1.0, 1.05);
  EXPECT_EQ(tally.failed, 0) << "seed " << kSeed;
  EXPECT_GT(tally.undecided, 80) << "seed " << kSeed;
}

}  // namespace
}  // namespace hz3::gate
