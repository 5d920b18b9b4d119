#include "bench/gate/interval.h"

#include <cmath>
#include <limits>

#include "bench/lib/rng.h"
#include "gtest/gtest.h"

namespace hz3::gate {
namespace {

std::vector<Pair> PairsOf(const std::vector<double>& ratios) {
  std::vector<Pair> pairs;
  for (const double ratio : ratios) pairs.push_back({ratio * 7, 7});
  return pairs;
}

TEST(Interval, OfFiveValuesGoesFromTheSmallestToTheLargest) {
  // 1 in 32 is the chance of all signs alike, and no smaller one can be told with five pairs.
  const RatioInterval interval = IntervalOf(PairsOf({1.1, 0.9, 1.0, 1.3, 1.2}), 1.0 / 32);
  EXPECT_NEAR(interval.lower, 0.9, 1e-9);
  EXPECT_NEAR(interval.upper, 1.3, 1e-9);
  EXPECT_NEAR(interval.ratio, std::sqrt(1.2 * 1.0), 1e-9);
}

// Tables of the signed-rank test: for n = 10 the sum is at most 8 with a chance of 0.024, for n =
// 20 at most 52 with 0.0242. So the bounds are the 9th and the 53rd of the Walsh averages.
TEST(Interval, HasTheRanksOfTheTables) {
  for (const auto& [n, rank] : {std::pair<size_t, size_t>{10, 9}, {20, 53}}) {
    std::vector<double> ratios;
    // Spread so that no two Walsh averages are alike.
    for (size_t i = 0; i < n; ++i)
      ratios.push_back(std::exp(std::pow(1.37, static_cast<double>(i)) / 1000));
    std::vector<double> averages;
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = i; j < n; ++j) averages.push_back(std::sqrt(ratios[i] * ratios[j]));
    }
    std::sort(averages.begin(), averages.end());
    const RatioInterval interval = IntervalOf(PairsOf(ratios), 0.025);
    EXPECT_NEAR(interval.lower, averages[rank - 1], 1e-9) << n;
    EXPECT_NEAR(interval.upper, averages[averages.size() - rank], 1e-9) << n;
  }
}

TEST(Interval, IsInfiniteForTooFewPairs) {
  EXPECT_EQ(FewestPairs(0.001), 10u);
  EXPECT_EQ(FewestPairs(0.05), 5u);
  const std::vector<double> nine(9, 1.0);
  EXPECT_EQ(IntervalOf(PairsOf(nine), 0.001).upper, std::numeric_limits<double>::infinity());
  const std::vector<double> ten(10, 1.0);
  EXPECT_NEAR(IntervalOf(PairsOf(ten), 0.001).upper, 1, 1e-12);
  EXPECT_EQ(IntervalOf({}, 0.001).upper, std::numeric_limits<double>::infinity());
}

TEST(Chance, IsThatOfTheTables) {
  // Sums of n = 5: all positive 1/32; the smallest one negative 2/32.
  EXPECT_NEAR(ChanceOfAtMost(PairsOf({1.1, 1.2, 1.3, 1.4, 1.5}), 1), 1.0 / 32, 1e-12);
  EXPECT_NEAR(ChanceOfAtMost(PairsOf({0.99, 1.2, 1.3, 1.4, 1.5}), 1), 2.0 / 32, 1e-12);
  EXPECT_NEAR(ChanceOfAtMost(PairsOf({0.9, 0.8, 0.7}), 1), 1, 1e-12);
  EXPECT_EQ(ChanceOfAtMost(PairsOf({1, 1, 1}), 1), 1);
  EXPECT_EQ(ChanceOfAtMost({}, 1), 1);
}

TEST(Chance, FallsBelowAlphaExactlyWhenTheIntervalClearsTheLimit) {
  const uint64_t seed = 7;
  bench::Rng rng(seed);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<Pair> pairs;
    for (int i = 0; i < 12; ++i) {
      pairs.push_back({1 + 0.3 * static_cast<double>(rng.Next() >> 11) / 9e15, 1});
    }
    const double limit = 1 + 0.3 * static_cast<double>(rng.Next() >> 11) / 9e15;
    const bool clears = IntervalOf(pairs, 0.01).lower > limit;
    EXPECT_EQ(ChanceOfAtMost(pairs, limit) <= 0.01, clears) << "seed " << seed << " " << trial;
  }
}

}  // namespace
}  // namespace hz3::gate
