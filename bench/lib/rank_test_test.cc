#include "bench/lib/rank_test.h"

#include <vector>

#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

using Values = std::vector<double>;

// 2 of the 252 ways to deal 10 values into 5 and 5.
TEST(CompareRanks, SetsThatDoNotOverlapAreAsOneSidedAsCanBe) {
  const RankTest test = CompareRanks({1, 2, 3, 4, 5}, {6, 7, 8, 9, 10});
  EXPECT_DOUBLE_EQ(test.u, 0);
  EXPECT_DOUBLE_EQ(test.p, 2 / 252.0);
}

TEST(CompareRanks, UCountsThePairsInWhichTheFirstIsLarger) {
  EXPECT_DOUBLE_EQ(CompareRanks({6, 7}, {1, 2, 3}).u, 6);
  EXPECT_DOUBLE_EQ(CompareRanks({2, 4}, {1, 3, 5}).u, 3);
  EXPECT_DOUBLE_EQ(CompareRanks({1}, {1}).u, 0.5);
}

// The printed tables of two-sided critical values at 5 %: U <= 2 for 5 and 5, none for 3 and 3.
TEST(CompareRanks, AgreesWithThePrintedCriticalValues) {
  const Values five = {4, 5, 6, 7, 8};
  EXPECT_DOUBLE_EQ(CompareRanks({1, 2, 3, 4.5, 4.6}, five).u, 2);
  EXPECT_DOUBLE_EQ(CompareRanks({1, 2, 3, 4.5, 4.6}, five).p, 8 / 252.0);
  EXPECT_DOUBLE_EQ(CompareRanks({1, 2, 4.3, 4.5, 4.6}, five).u, 3);
  EXPECT_DOUBLE_EQ(CompareRanks({1, 2, 4.3, 4.5, 4.6}, five).p, 14 / 252.0);
  EXPECT_DOUBLE_EQ(CompareRanks({1, 2, 3}, {4, 5, 6}).p, 0.1);
}

// Counted over all 184756 ways to deal the values by an independent program.
TEST(CompareRanks, IsExactForTenAndTen) {
  Values a;
  Values b;
  for (int i = 1; i <= 10; ++i) {
    a.push_back(i);
    b.push_back(i + 2.5);
  }
  EXPECT_DOUBLE_EQ(CompareRanks(a, b).u, 28);
  EXPECT_DOUBLE_EQ(CompareRanks(a, b).p, 19422 / 184756.0);
}

// Of the 6 deals of {1, 2, 2, 3} into two pairs, {1, 2} (twice) and {2, 3} (twice) are as far from
// the mean as what was seen; {1, 3} and {2, 2} are not.
TEST(CompareRanks, IsExactWithTies) {
  EXPECT_DOUBLE_EQ(CompareRanks({1, 2}, {2, 3}).p, 4 / 6.0);
  EXPECT_DOUBLE_EQ(CompareRanks({7, 7, 7}, {7, 7}).p, 1);
}

TEST(CompareRanks, DoesNotDependOnWhichSetComesFirst) {
  const Values a = {3, 1, 4, 1, 5};
  const Values b = {9, 2, 6, 5, 3, 5, 8};
  EXPECT_DOUBLE_EQ(CompareRanks(a, b).p, CompareRanks(b, a).p);
  EXPECT_DOUBLE_EQ(CompareRanks(a, b).u + CompareRanks(b, a).u, 35);
}

TEST(CompareRanks, SaysNothingWithoutValues) { EXPECT_DOUBLE_EQ(CompareRanks({}, {1, 2}).p, 1); }

TEST(SmallestP, IsThatOfSetsThatDoNotOverlap) {
  EXPECT_DOUBLE_EQ(SmallestP(3, 3), 0.1);
  EXPECT_DOUBLE_EQ(SmallestP(5, 5), 2 / 252.0);
  EXPECT_DOUBLE_EQ(SmallestP(1, 0), 1);
}

}  // namespace
}  // namespace hz3::bench
