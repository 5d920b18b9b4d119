// Beside the C library's malloc. What a whole process makes of the thread (its end, fork, signals)
// is in //testing/integration:background_purge_test.

#include "hz3/background_purge.h"

#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/config/config.h"
#include "hz3/heap.h"

namespace hz3 {
namespace {

using Action = IdleWatch::Action;

constexpr size_t kMiB = size_t{1} << 20;

TEST(IdleWatch, WhileThereIsActivityFreeMemoryDecays) {
  IdleWatch watch;
  for (const uint64_t activity : {5u, 6u, 100u}) EXPECT_EQ(watch.Look(activity), Action::kLetDecay);
}

TEST(IdleWatch, AfterAnIntervalWithoutActivityEverythingGoesBackOnce) {
  IdleWatch watch;
  EXPECT_EQ(watch.Look(5), Action::kLetDecay);
  EXPECT_EQ(watch.Look(5), Action::kGiveBack);
  watch.SetActivity(17);  // of the giving back itself
  for (int i = 0; i < 3; ++i) EXPECT_EQ(watch.Look(17), Action::kNothing);
}

TEST(IdleWatch, NewActivityBeginsItAnew) {
  IdleWatch watch;
  watch.Look(5);
  watch.Look(5);
  EXPECT_EQ(watch.Look(6), Action::kLetDecay);
  EXPECT_EQ(watch.Look(6), Action::kGiveBack);
}

TEST(IdleWatch, AProcessThatNeverDidAnythingIsIdle) {
  IdleWatch watch;
  EXPECT_EQ(watch.Look(0), Action::kGiveBack);
}

class BackgroundPurgeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!kConfig.background_purge) GTEST_SKIP() << "lane fast has no thread of hz3's own";
  }
  void TearDown() override { background_purge.Stop(); }

  // Waits, as long as a very busy machine may need, without calling hz3.
  template <typename F>
  static bool Eventually(F condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }
};

TEST(BackgroundPurgeLane, ALaneWithoutItSaysSo) {
  if (kConfig.background_purge) GTEST_SKIP() << "only lane fast refuses, and this is lane scale";
  EXPECT_EQ(background_purge.Start(100), ENOTSUP);
}

TEST_F(BackgroundPurgeTest, AnIntervalIsAtLeastAMillisecondAndAtMostAnHour) {
  EXPECT_EQ(background_purge.Start(0), EINVAL);
  EXPECT_EQ(background_purge.Start(BackgroundPurge::kMaxIntervalMs + 1), EINVAL);
  EXPECT_EQ(background_purge.Start(BackgroundPurge::kMaxIntervalMs), 0);
}

TEST_F(BackgroundPurgeTest, GivesBackWhatLiesFreeWhileNobodyCallsHz3) {
  std::vector<void*> blocks;
  for (int i = 0; i < 100; ++i) blocks.push_back(heap.AllocateSlow(kMiB));
  for (int i = 0; i < 3000; ++i) blocks.push_back(heap.AllocateSlow(3000));
  for (void* p : blocks) heap.FreeSlow(p);
  const size_t before = heap.budget()->committed_bytes();
  EXPECT_GT(before, 16 * kMiB);
  ASSERT_EQ(background_purge.Start(20), 0);
  // All but what is left in a span or run for each bin.
  EXPECT_TRUE(Eventually([&] { return heap.budget()->committed_bytes() < 4 * kMiB; }))
      << heap.budget()->committed_bytes();
  EXPECT_GE(heap.GetStats().idle_purges, 1u);
}

TEST_F(BackgroundPurgeTest, MayBeStoppedAndStartedAtAnyTime) {
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(background_purge.Start(1 + static_cast<size_t>(i) % 3), 0);
    if (i % 2 == 0) background_purge.Stop();
    heap.FreeSlow(heap.AllocateSlow(100));
  }
  void* p = heap.AllocateLarge(8 * kMiB, kPageSize, false);
  heap.FreeSlow(p);
  ASSERT_EQ(background_purge.Start(1), 0);
  EXPECT_TRUE(Eventually([] { return heap.budget()->committed_bytes() < 4 * kMiB; }));
}

}  // namespace
}  // namespace hz3
