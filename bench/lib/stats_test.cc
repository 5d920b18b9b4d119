#include "bench/lib/stats.h"

#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

TEST(Summarize, FindsMedianMinAndMaxOfUnsortedValues) {
  const Summary odd = Summarize({5, 1, 3});
  EXPECT_EQ(odd.median, 3);
  EXPECT_EQ(odd.min, 1);
  EXPECT_EQ(odd.max, 5);
  EXPECT_EQ(odd.count, 3u);
  EXPECT_EQ(Summarize({4, 1, 3, 2}).median, 2.5);
}

TEST(Summarize, IsZeroForNoValues) {
  EXPECT_EQ(Summarize({}).count, 0u);
  EXPECT_EQ(Summarize({}).median, 0);
}

TEST(WithRange, ShowsTheNoiseOnlyWhereThereIsSome) {
  EXPECT_EQ(WithRange(Summarize({1.25, 3, 2}), 1), "2.0 (1.2..3.0)");
  EXPECT_EQ(WithRange(Summarize({2}), 2), "2.00");
  EXPECT_EQ(WithRange(Summarize({}), 2), "-");
}

TEST(HumanBytes, PicksTheUnit) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(1023), "1023 B");
  EXPECT_EQ(HumanBytes(1536), "1.5 KiB");
  EXPECT_EQ(HumanBytes(3.0 * (1 << 20)), "3.0 MiB");
  EXPECT_EQ(HumanBytes(2.5 * (1 << 30)), "2.5 GiB");
  EXPECT_EQ(HumanBytes(4096.0 * (1 << 30)), "4.0 TiB");
}

}  // namespace
}  // namespace hz3::bench
