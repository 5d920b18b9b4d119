#include "bench/lib/rng.h"

#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

constexpr int kDraws = 200'000;

// Pearson's statistic of `counts` against an even spread.
double ChiSquare(const std::vector<int>& counts, int draws) {
  const double expected = static_cast<double>(draws) / static_cast<double>(counts.size());
  double sum = 0;
  for (const int count : counts) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

// Six standard deviations above the mean of the statistic: a fixed seed passes or never does.
double ChiSquareLimit(size_t cells) {
  const double freedom = static_cast<double>(cells - 1);
  return freedom + 6 * std::sqrt(2 * freedom);
}

TEST(Rng, SameSeedAndStreamGiveTheSameNumbers) {
  Rng a(7, 3);
  Rng b(7, 3);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(a.Next(), b.Next());
}

TEST(Rng, SeedsAndStreamsGiveDifferentNumbers) {
  std::set<uint64_t> firsts;
  for (uint64_t seed = 0; seed < 32; ++seed) {
    for (uint64_t stream = 0; stream < 32; ++stream) firsts.insert(Rng(seed, stream).Next());
  }
  EXPECT_EQ(firsts.size(), 32u * 32u);
}

TEST(Rng, EachHalfOfADrawIsEvenlySpread) {
  Rng rng(1);
  std::vector<int> high(100);
  std::vector<int> low(100);
  for (int i = 0; i < kDraws; ++i) {
    const uint64_t draw = rng.Next();
    ++high[ScaleTo(HighHalf(draw), 100)];
    ++low[ScaleTo(LowHalf(draw), 100)];
  }
  EXPECT_LT(ChiSquare(high, kDraws), ChiSquareLimit(100));
  EXPECT_LT(ChiSquare(low, kDraws), ChiSquareLimit(100));
}

TEST(Rng, TheHalvesOfADrawAreIndependent) {
  Rng rng(1);
  std::vector<int> pairs(20 * 20);
  for (int i = 0; i < kDraws; ++i) {
    const uint64_t draw = rng.Next();
    ++pairs[ScaleTo(HighHalf(draw), 20) * 20 + ScaleTo(LowHalf(draw), 20)];
  }
  EXPECT_LT(ChiSquare(pairs, kDraws), ChiSquareLimit(pairs.size()));
}

TEST(Rng, SuccessiveDrawsAndNeighbouringStreamsAreIndependent) {
  Rng a(1, 0);
  Rng b(1, 1);
  std::vector<int> successive(20 * 20);
  std::vector<int> neighbours(20 * 20);
  uint32_t last = ScaleTo(HighHalf(a.Next()), 20);
  for (int i = 0; i < kDraws; ++i) {
    const uint32_t mine = ScaleTo(HighHalf(a.Next()), 20);
    ++successive[last * 20 + mine];
    ++neighbours[mine * 20 + ScaleTo(HighHalf(b.Next()), 20)];
    last = mine;
  }
  EXPECT_LT(ChiSquare(successive, kDraws), ChiSquareLimit(successive.size()));
  EXPECT_LT(ChiSquare(neighbours, kDraws), ChiSquareLimit(neighbours.size()));
}

TEST(ScaleTo, CoversTheWholeRangeAndNothingElse) {
  EXPECT_EQ(ScaleTo(0, 10), 0u);
  EXPECT_EQ(ScaleTo(UINT32_MAX, 10), 9u);
  EXPECT_EQ(ScaleTo(UINT32_MAX, 1), 0u);
  EXPECT_EQ(ScaleTo(UINT32_MAX, UINT32_MAX), UINT32_MAX - 1);
}

}  // namespace
}  // namespace hz3::bench
