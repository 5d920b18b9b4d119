#include "testing/faults/fault_plan.h"

#include <vector>

#include "gtest/gtest.h"

namespace hz3::testlib {
namespace {

// Which of the next `n` calls fail.
std::vector<unsigned> Failures(FaultPlan& plan, OsCall call, unsigned n) {
  std::vector<unsigned> failures;
  for (unsigned i = 0; i < n; ++i) {
    if (plan.Fails(call)) failures.push_back(i);
  }
  return failures;
}

TEST(FaultPlan, WithoutPartsFailsNothing) {
  FaultPlan plan;
  ASSERT_TRUE(plan.Parse(""));
  for (unsigned call = 0; call < kOsCalls; ++call) {
    EXPECT_TRUE(Failures(plan, static_cast<OsCall>(call), 100).empty());
  }
  EXPECT_EQ(plan.calls(OsCall::kMmap), 100u);
  EXPECT_EQ(plan.failed(), 0u);
}

TEST(FaultPlan, FailsTheCallItNamesOnceOrFromThereOn) {
  FaultPlan plan;
  ASSERT_TRUE(plan.Parse("mmap@2,madvise@3+"));
  EXPECT_EQ(Failures(plan, OsCall::kMmap, 5), std::vector<unsigned>({2}));
  EXPECT_EQ(Failures(plan, OsCall::kMadvise, 6), std::vector<unsigned>({3, 4, 5}));
  EXPECT_TRUE(Failures(plan, OsCall::kMprotect, 6).empty());
  EXPECT_EQ(plan.failed(), 4u);
}

TEST(FaultPlan, FailsAShareOfTheCallsTheSameOnesForTheSameSeed) {
  FaultPlan plan, again, other;
  ASSERT_TRUE(plan.Parse("any%20:7") && again.Parse("any%20:7") && other.Parse("any%20:8"));
  const auto failures = Failures(plan, OsCall::kMprotect, 1000);
  EXPECT_GT(failures.size(), 150u);
  EXPECT_LT(failures.size(), 250u);
  EXPECT_EQ(Failures(again, OsCall::kMprotect, 1000), failures);
  EXPECT_NE(Failures(other, OsCall::kMprotect, 1000), failures);
  EXPECT_NE(Failures(again, OsCall::kMmap, 1000), failures);
}

TEST(FaultPlan, RefusesToCommitBeyondItsBudget) {
  FaultPlan plan;
  ASSERT_TRUE(plan.Parse("commit<2"));
  EXPECT_TRUE(plan.MayCommit(1 << 20));
  EXPECT_FALSE(plan.MayCommit((1 << 20) + 1));
  EXPECT_TRUE(plan.MayCommit(1 << 20));
  EXPECT_FALSE(plan.MayCommit(1));
  EXPECT_FALSE(plan.MayCommit(SIZE_MAX));
}

TEST(FaultPlan, FailsNothingAnyMoreOnceItIsCleared) {
  FaultPlan plan;
  ASSERT_TRUE(plan.Parse("any@0+,commit<1"));
  EXPECT_TRUE(plan.Fails(OsCall::kMmap));
  plan.Clear();
  EXPECT_FALSE(plan.Fails(OsCall::kMmap));
  EXPECT_TRUE(plan.MayCommit(2 << 20));
}

TEST(FaultPlan, RefusesWhatIsNoPlan) {
  for (const char* text : {"mmap", "mmap@", "mmap@1,,", "open@1", "any%101:1", "any%5", "mmap@1;",
                           "commit", "commit<", "mmap@-1"}) {
    FaultPlan plan;
    EXPECT_FALSE(plan.Parse(text)) << text;
    EXPECT_FALSE(plan.Fails(OsCall::kMmap)) << text;
  }
}

}  // namespace
}  // namespace hz3::testlib
