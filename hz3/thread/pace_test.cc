#include "hz3/thread/pace.h"

#include "gtest/gtest.h"

namespace hz3 {
namespace {

constexpr uint64_t kMostNs = 1000;

class PaceTest : public ::testing::Test {
 protected:
  // So many events, each so long after the one before; whether the last one found it open.
  bool NoteMany(unsigned n, uint64_t apart_ns) {
    bool open = false;
    for (unsigned i = 0; i < n; ++i) {
      now_ns_ += apart_ns;
      open = pace_.Note(kMostNs, [&] { return ++readings_, now_ns_; });
    }
    return open;
  }

  Pace pace_;
  uint64_t now_ns_ = 12345;
  unsigned readings_ = 0;
};

TEST_F(PaceTest, OpensWhenEnoughEventsComeFastEnough) {
  EXPECT_FALSE(NoteMany(Pace::kEvents - 1, kMostNs));
  EXPECT_TRUE(NoteMany(1, kMostNs));
}

TEST_F(PaceTest, StaysClosedWhenTheyAreSlow) {
  EXPECT_FALSE(NoteMany(100 * Pace::kEvents, kMostNs + 1));
}

TEST_F(PaceTest, OpensWithinTwoRoundsAfterASlowTime) {
  EXPECT_FALSE(NoteMany(Pace::kEvents / 2, 100 * kMostNs));
  EXPECT_TRUE(NoteMany(2 * Pace::kEvents, kMostNs / 2));
}

TEST_F(PaceTest, ItsFirstEventCountsFromItsOwnTime) {
  NoteMany(1, 1'000'000 * kMostNs);
  EXPECT_TRUE(NoteMany(Pace::kEvents - 1, kMostNs));
}

TEST_F(PaceTest, StaysOpenUntilItIsClosed) {
  NoteMany(Pace::kEvents, 0);
  EXPECT_TRUE(NoteMany(1, 1'000'000 * kMostNs));
  pace_.Close();
  EXPECT_FALSE(NoteMany(1, 0));
}

TEST_F(PaceTest, ClosingForgetsTheEventsBefore) {
  NoteMany(Pace::kEvents - 1, 0);
  pace_.Close();
  EXPECT_FALSE(NoteMany(Pace::kEvents - 1, 0));
  EXPECT_TRUE(NoteMany(1, 0));
}

TEST_F(PaceTest, ReadsTheClockTwiceARoundWhileClosedAndNeverWhileOpen) {
  NoteMany(10 * Pace::kEvents, 2 * kMostNs);
  EXPECT_EQ(readings_, 20u);
  NoteMany(Pace::kEvents, 0);
  EXPECT_EQ(readings_, 22u);
  NoteMany(10 * Pace::kEvents, 2 * kMostNs);
  EXPECT_EQ(readings_, 22u);
}

}  // namespace
}  // namespace hz3
