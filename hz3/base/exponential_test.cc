#include "hz3/base/exponential.h"

#include <cmath>

#include "gtest/gtest.h"
#include "hz3/base/random.h"

namespace hz3 {
namespace {

TEST(Exponential, LogarithmsAreThoseOfTheMathsLibrary) {
  for (double x = 1e-16; x < 1e16; x *= 1.37) {
    EXPECT_NEAR(NaturalLog(x), std::log(x), 1e-12) << x;
  }
  EXPECT_EQ(NaturalLog(1), 0);
}

TEST(Exponential, OneMinusExpKeepsItsDigitsWhereTheArgumentIsSmall) {
  for (double x = 1e-12; x < 100; x *= 1.37) {
    EXPECT_NEAR(OneMinusExp(x) / -std::expm1(-x), 1, 1e-12) << x;
  }
  EXPECT_EQ(OneMinusExp(0), 0);
}

TEST(Exponential, DrawsHaveTheMeanAndTheSpreadOfTheDistribution) {
  constexpr int kDraws = 200'000;
  constexpr double kMean = 1000;
  double sum = 0;
  double squares = 0;
  for (uint64_t i = 0; i < kDraws; ++i) {
    const double draw = ExponentialDraw(Mix(i * 0x9e3779b97f4a7c15u + 1), kMean);
    EXPECT_GE(draw, 0);
    sum += draw;
    squares += draw * draw;
  }
  // Five standard errors; the standard deviation of an exponential is its mean.
  EXPECT_NEAR(sum / kDraws, kMean, 5 * kMean / std::sqrt(kDraws));
  EXPECT_NEAR(squares / kDraws, 2 * kMean * kMean, 0.05 * kMean * kMean);
}

TEST(Exponential, TheExtremesOfTheRandomBitsAreFinite) {
  EXPECT_EQ(ExponentialDraw(~uint64_t{0}, 1000), 0);
  EXPECT_NEAR(ExponentialDraw(0, 1000), 53 * std::log(2) * 1000, 1e-6);
}

}  // namespace
}  // namespace hz3
