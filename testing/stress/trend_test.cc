#include "testing/stress/trend.h"

#include "gtest/gtest.h"

namespace hz3::stress {
namespace {

TEST(Trend, OfALineIsItsRiseOverItsMean) {
  EXPECT_DOUBLE_EQ(RelativeGrowth({9, 10, 11}), 0.2);
  EXPECT_DOUBLE_EQ(RelativeGrowth({11, 10, 9}), -0.2);
  EXPECT_DOUBLE_EQ(RelativeGrowth({5, 5, 5, 5}), 0);
}

TEST(Trend, OfNoiseAroundALevelIsSmall) {
  EXPECT_NEAR(RelativeGrowth({1.0, 1.1, 0.9, 1.1, 0.9, 1.0, 1.1, 0.9}), 0, 0.05);
}

TEST(Trend, OfTooLittleIsNone) {
  EXPECT_EQ(RelativeGrowth({}), 0);
  EXPECT_EQ(RelativeGrowth({7}), 0);
  EXPECT_EQ(Mean({}), 0);
}

TEST(SecondHalf, OfAnOddNumberHasTheMiddle) {
  EXPECT_EQ(SecondHalf({1, 2, 3, 4}), std::vector<double>({3, 4}));
  EXPECT_EQ(SecondHalf({1, 2, 3}), std::vector<double>({2, 3}));
  EXPECT_TRUE(SecondHalf({}).empty());
}

}  // namespace
}  // namespace hz3::stress
