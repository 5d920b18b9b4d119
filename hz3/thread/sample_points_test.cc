#include "hz3/thread/sample_points.h"

#include <cmath>

#include "gtest/gtest.h"
#include "hz3/base/exponential.h"

namespace hz3 {
namespace {

TEST(SamplePoints, ThereAreNoneBeforeTheStartAndAfterTheStop) {
  SamplePoints points;
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(points.Pass(size_t{1} << 40));
  points.Start(1000, 1);
  points.Start(0, 2);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(points.Pass(size_t{1} << 40));
  EXPECT_TRUE(points.PassAll(size_t{1} << 40));
}

TEST(SamplePoints, EveryBlockHoldsOneAtAnIntervalOfOneByte) {
  SamplePoints points;
  points.Start(1, 1);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(points.PassAll(16));
    EXPECT_TRUE(points.Pass(16));
  }
}

// What is expected of blocks of n bytes each: 1 - e^(-n / interval) of them.
void ExpectShare(size_t bytes, size_t interval) {
  constexpr int kBlocks = 1'000'000;
  SamplePoints points;
  points.Start(interval, 20261125);
  int sampled = 0;
  for (int i = 0; i < kBlocks; ++i) sampled += points.Pass(bytes) ? 1 : 0;
  const double p = OneMinusExp(static_cast<double>(bytes) / static_cast<double>(interval));
  const double sigma = std::sqrt(kBlocks * p * (1 - p));
  EXPECT_NEAR(sampled, kBlocks * p, 5 * sigma + 1) << bytes << " of " << interval;
}

TEST(SamplePoints, ABlockIsSampledWithTheProbabilityThatItsSizeGives) {
  for (const size_t bytes : {16u, 512u, 4096u, 65536u}) ExpectShare(bytes, size_t{64} << 10);
  ExpectShare(size_t{2} << 20, size_t{64} << 10);
}

TEST(SamplePoints, ABatchThatHoldsNoPointPassesAsAWhole) {
  SamplePoints whole, single;
  whole.Start(100'000, 7);
  single.Start(100'000, 7);
  constexpr size_t kBytes = 48;
  constexpr unsigned kBatch = 20;
  for (int round = 0; round < 10'000; ++round) {
    const bool passed = whole.PassAll(kBytes * kBatch);
    bool any = false;
    for (unsigned i = 0; i < kBatch; ++i) {
      if (!passed) whole.Pass(kBytes);
      any |= single.Pass(kBytes);
    }
    ASSERT_EQ(passed, !any) << round;
  }
}

TEST(SamplePoints, TheSameSeedGivesTheSamePoints) {
  SamplePoints a, b, other;
  a.Start(1000, 5);
  b.Start(1000, 5);
  other.Start(1000, 6);
  int differences = 0;
  for (int i = 0; i < 10'000; ++i) {
    const bool in_a = a.Pass(64);
    ASSERT_EQ(in_a, b.Pass(64));
    differences += in_a != other.Pass(64) ? 1 : 0;
  }
  EXPECT_GT(differences, 100);
}

}  // namespace
}  // namespace hz3
