#include "hz3/policy/budget_settings.h"

#include <cerrno>
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"
#include "hz3/config/config.h"
#include "hz3/objects/span.h"
#include "hz3/policy/cgroup.h"

namespace hz3 {
namespace {

constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kUntouched = 4711;

TEST(ParseLimit, TakesMiBAndZeroIsNone) {
  size_t bytes = kUntouched;
  EXPECT_TRUE(ParseLimit("512", 90, &bytes));
  EXPECT_EQ(bytes, 512 * kMiB);
  EXPECT_TRUE(ParseLimit("0", 90, &bytes));
  EXPECT_EQ(bytes, MemBudget::kNoLimit);
  EXPECT_TRUE(ParseLimit("17592186044415", 90, &bytes));
  EXPECT_EQ(bytes, SIZE_MAX - kMiB + 1);
}

TEST(ParseLimit, RefusesWhatMeansNothingAndChangesNothingThen) {
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "12x", "1.5", "0x10", "cgroups", "Cgroup",
                           "17592186044416", "99999999999999999999999999"}) {
    size_t bytes = kUntouched;
    EXPECT_FALSE(ParseLimit(text, 90, &bytes)) << text;
    EXPECT_EQ(bytes, kUntouched) << text;
  }
}

TEST(ParseLimit, OfTheCgroupIsAShareOfItsLimitOrNone) {
  size_t bytes = kUntouched;
  ASSERT_TRUE(ParseLimit("cgroup", 75, &bytes));
  const size_t limit = CgroupMemoryLimit();
  if (limit == kNoCgroupLimit) {
    EXPECT_EQ(bytes, MemBudget::kNoLimit);
  } else {
    EXPECT_EQ(bytes, limit / 100 * 75);
  }
}

TEST(ParseDecay, TakesMillisecondsOrNever) {
  size_t ms = kUntouched;
  EXPECT_TRUE(ParseDecay("0", &ms));
  EXPECT_EQ(ms, 0u);
  EXPECT_TRUE(ParseDecay("2500", &ms));
  EXPECT_EQ(ms, 2500u);
  EXPECT_TRUE(ParseDecay("never", &ms));
  EXPECT_EQ(ms, MemBudget::kNoDecay);
  for (const char* text : {"", "-1", "1s", "Never", "18446744073709551615"}) {
    ms = kUntouched;
    EXPECT_FALSE(ParseDecay(text, &ms)) << text;
    EXPECT_EQ(ms, kUntouched) << text;
  }
}

class BudgetSettingsTest : public ::testing::Test {
 protected:
  BudgetSettingsTest() {
    EXPECT_TRUE(arena_.Init(os_, 8 * kMiB, false, sizeof(Span)));
    EXPECT_TRUE(shards_.Init(arena_, 2));
    budget_.Init(shards_);
    for (const char* name : {"HZ3_LIMIT", "HZ3_SOFT_LIMIT", "HZ3_DECAY_MS"}) unsetenv(name);
  }
  ~BudgetSettingsTest() override { arena_.Destroy(); }

  // What is said on stderr while the settings are applied.
  std::string Apply() {
    ::testing::internal::CaptureStderr();
    ApplyBudgetSettings(budget_);
    return ::testing::internal::GetCapturedStderr();
  }
  static size_t OfBuild(size_t mib) { return mib == 0 ? MemBudget::kNoLimit : mib * kMiB; }
  void ExpectAsBuilt() const {
    EXPECT_EQ(budget_.limit(), OfBuild(kConfig.limit_mib));
    EXPECT_EQ(budget_.soft_limit(), OfBuild(kConfig.soft_limit_mib));
    EXPECT_EQ(budget_.decay_half_life_ms(), kConfig.decay_half_life_ms);
  }

  FakeOsMemory os_;
  Arena arena_;
  ShardTable shards_;
  MemBudget budget_;
};

TEST_F(BudgetSettingsTest, AreTheBuildsWhereTheOperatorSaysNothing) {
  EXPECT_EQ(Apply(), "");
  ExpectAsBuilt();
  setenv("HZ3_LIMIT", "", 1);
  setenv("HZ3_DECAY_MS", "", 1);
  EXPECT_EQ(Apply(), "");
  ExpectAsBuilt();
}

TEST_F(BudgetSettingsTest, AreTheOperatorsWhereHeSaysSomething) {
  setenv("HZ3_LIMIT", "300", 1);
  setenv("HZ3_SOFT_LIMIT", "200", 1);
  setenv("HZ3_DECAY_MS", "50", 1);
  EXPECT_EQ(Apply(), "");
  EXPECT_EQ(budget_.limit(), 300 * kMiB);
  EXPECT_EQ(budget_.soft_limit(), 200 * kMiB);
  EXPECT_EQ(budget_.decay_half_life_ms(), 50u);
  setenv("HZ3_LIMIT", "0", 1);
  setenv("HZ3_SOFT_LIMIT", "0", 1);
  setenv("HZ3_DECAY_MS", "never", 1);
  EXPECT_EQ(Apply(), "");
  EXPECT_EQ(budget_.limit(), MemBudget::kNoLimit);
  EXPECT_EQ(budget_.soft_limit(), MemBudget::kNoLimit);
  EXPECT_EQ(budget_.decay_half_life_ms(), MemBudget::kNoDecay);
}

TEST_F(BudgetSettingsTest, AMalformedValueIsReportedInOneLineAndIgnored) {
  setenv("HZ3_LIMIT", "12MB", 1);
  EXPECT_EQ(Apply(), "hz3: HZ3_LIMIT=12MB is ignored: it should be a number of MiB, or cgroup\n");
  setenv("HZ3_LIMIT", "12", 1);
  setenv("HZ3_SOFT_LIMIT", "-1", 1);
  setenv("HZ3_DECAY_MS", "soon", 1);
  EXPECT_EQ(Apply(),
            "hz3: HZ3_SOFT_LIMIT=-1 is ignored: it should be a number of MiB, or cgroup\n"
            "hz3: HZ3_DECAY_MS=soon is ignored: it should be a number of milliseconds, or never\n");
  EXPECT_EQ(budget_.limit(), 12 * kMiB);
  EXPECT_EQ(budget_.soft_limit(), OfBuild(kConfig.soft_limit_mib));
  EXPECT_EQ(budget_.decay_half_life_ms(), kConfig.decay_half_life_ms);
}

TEST_F(BudgetSettingsTest, ALongMalformedValueIsCut) {
  setenv("HZ3_LIMIT", std::string(5000, 'x').c_str(), 1);
  const std::string said = Apply();
  EXPECT_LT(said.size(), 250u);
  EXPECT_EQ(said.find('\n'), said.size() - 1);
}

TEST_F(BudgetSettingsTest, ErrnoIsKept) {
  setenv("HZ3_LIMIT", "cgroup", 1);
  errno = 4711;
  ApplyBudgetSettings(budget_);
  EXPECT_EQ(errno, 4711);
}

}  // namespace
}  // namespace hz3
