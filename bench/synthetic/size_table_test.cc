#include "bench/synthetic/size_table.h"

#include "bench/lib/rng.h"
#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

constexpr uint64_t kMin = 16;
constexpr uint64_t kMax = 1 << 20;
constexpr int kDraws = 100'000;

double ShareAbove(const SizeTable& sizes, uint64_t size) {
  Rng rng(1);
  int above = 0;
  for (int i = 0; i < kDraws; ++i) above += sizes.From(LowHalf(rng.Next())) > size;
  return static_cast<double>(above) / kDraws;
}

TEST(SizeTable, StaysWithinItsBounds) {
  const SizeTable pareto = SizeTable::Pareto(kMin, kMax);
  const SizeTable log_uniform = SizeTable::LogUniform(kMin, kMax);
  for (const SizeTable* sizes : {&pareto, &log_uniform}) {
    EXPECT_GE(sizes->From(0), kMin);
    EXPECT_LE(sizes->From(UINT32_MAX), kMax);
    EXPECT_EQ(ShareAbove(*sizes, kMax), 0);
    EXPECT_EQ(ShareAbove(*sizes, kMin - 1), 1);
  }
}

TEST(SizeTable, EachDoublingIsAsLikelyWhenTheLogarithmIsUniform) {
  const SizeTable sizes = SizeTable::LogUniform(kMin, kMax);
  EXPECT_NEAR(ShareAbove(sizes, 1 << 12), 0.5, 0.01);
  EXPECT_NEAR(ShareAbove(sizes, 1 << 16), 0.25, 0.01);
}

TEST(SizeTable, ParetoSizesAreSmallButForATail) {
  const SizeTable sizes = SizeTable::Pareto(kMin, kMax);
  EXPECT_NEAR(ShareAbove(sizes, 43), 0.5, 0.01);
  EXPECT_NEAR(ShareAbove(sizes, 16 * 1024), 0.0078, 0.002);
  EXPECT_GT(sizes.From(UINT32_MAX), kMax / 2);
}

TEST(SizeTable, OneSizeIsADistributionToo) {
  EXPECT_EQ(SizeTable::Pareto(64, 64).From(12345), 64u);
  EXPECT_EQ(SizeTable::LogUniform(64, 64).From(12345), 64u);
}

}  // namespace
}  // namespace hz3::bench
