#include "hz3/pages/fresh_runs.h"

#include <gtest/gtest.h>

#include "hz3/base/fake_os_memory.h"
#include "hz3/base/words.h"

namespace hz3 {
namespace {

constexpr unsigned kPages = 8;
constexpr unsigned kLeast = 6;
constexpr size_t kRunBytes = kPages * kPageSize;
constexpr unsigned kRuns = 200;

class FreshRunsTest : public testing::Test {
 protected:
  FreshRunsTest() {
    memory_ = static_cast<char*>(os_.Reserve(kRuns * kRunBytes, kPageSize));
    EXPECT_TRUE(os_.Commit(memory_, kRuns * kRunBytes));
  }

  // Hands out the next run, populates it as told, and writes `written` of its pages.
  bool HandOut(unsigned written) {
    char* const run = memory_ + kRunBytes * next_++;
    const bool populate = runs_.WillBeWritten(os_);
    if (populate) {
      EXPECT_TRUE(os_.Populate(run, kRunBytes));
    } else {
      runs_.HandOut(run, kPages, kLeast);
    }
    for (unsigned i = 0; i < written; ++i) run[i * kPageSize] = 1;
    return populate;
  }
  unsigned HandOutMany(unsigned n, unsigned written) {
    unsigned populated = 0;
    for (unsigned i = 0; i < n; ++i) populated += HandOut(written);
    return populated;
  }

  FakeOsMemory os_;
  FreshRuns runs_;
  char* memory_;
  unsigned next_ = 0;
};

TEST_F(FreshRunsTest, RunsThatNobodyWritesToAreNeverPopulated) {
  EXPECT_EQ(HandOutMany(60, 0), 0u);
  EXPECT_EQ(HandOutMany(60, 1), 0u);
  EXPECT_EQ(HandOutMany(60, kLeast - 1), 0u);
}

TEST_F(FreshRunsTest, AfterAFewThatWereWrittenAllButTheControlsArePopulated) {
  EXPECT_EQ(HandOutMany(FreshRuns::kPause + FreshRuns::kEnough - 1, kLeast), 0u);
  // One of two, of four, of eight.
  EXPECT_EQ(HandOutMany(2 + 4, kLeast), 1u + 3u);
  const unsigned rest = 10 * FreshRuns::kControlEvery;
  EXPECT_EQ(HandOutMany(rest, kLeast), rest - rest / FreshRuns::kControlEvery);
  EXPECT_TRUE(runs_.expects_writes());
}

TEST_F(FreshRunsTest, OneControlThatIsNotWrittenEndsIt) {
  HandOutMany(20, kPages);
  // What is populated by now says nothing; the control among these does.
  HandOutMany(FreshRuns::kControlEvery + 1, 1);
  EXPECT_EQ(HandOutMany(30, 1), 0u);
  EXPECT_FALSE(runs_.expects_writes());
  EXPECT_GT(HandOutMany(30, kPages), 0u) << "it can begin again";
}

TEST_F(FreshRunsTest, AControlIsDueUntilARunIsHandedOutForIt) {
  HandOutMany(40, kPages);
  unsigned populated = 0;
  while (runs_.WillBeWritten(os_)) ++populated;
  EXPECT_LT(populated, FreshRuns::kControlEvery);
  EXPECT_FALSE(runs_.WillBeWritten(os_));
  EXPECT_FALSE(HandOut(0));
  EXPECT_FALSE(runs_.WillBeWritten(os_)) << "that one was not written";
}

TEST_F(FreshRunsTest, WhereTheKernelDoesNotSayNothingIsPopulated) {
  os_.Refuse(FakeOsMemory::kResidentPages);
  EXPECT_EQ(HandOutMany(60, kPages), 0u);
}

}  // namespace
}  // namespace hz3
