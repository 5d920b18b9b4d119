#include "hz3/policy/mem_budget.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"
#include "hz3/config/config.h"
#include "hz3/objects/size_classes.h"
#include "hz3/objects/span.h"

namespace hz3 {
namespace {

constexpr size_t kArenaBytes = size_t{64} << 20;
constexpr size_t kFloorPages = kConfig.dirty_floor_bytes >> kPageShift;

class MemBudgetTest : public ::testing::Test {
 protected:
  MemBudgetTest() {
    EXPECT_TRUE(arena_.Init(os_, kArenaBytes, false, sizeof(Span)));
    EXPECT_TRUE(shards_.Init(arena_, 2));
    budget_.Init(shards_);
  }
  ~MemBudgetTest() override { arena_.Destroy(); }

  void* AllocateRun(unsigned pages, unsigned shard = 1, bool* clean = nullptr) {
    LeaseHolder hold(shards_[shard].lease());
    bool ignored;
    return shards_[shard].AllocateRun(pages, 1, kTagLarge, kFullEffort,
                                      clean != nullptr ? clean : &ignored);
  }
  void FreeRun(void* run, unsigned shard = 1) {
    LeaseHolder hold(shards_[shard].lease());
    shards_[shard].FreeRun(run);
  }
  // Leaves 511 free dirty pages in each of `segments` segments, none of them empty.
  size_t MakeDirty(unsigned segments, unsigned shard = 1) {
    std::vector<void*> runs;
    for (unsigned i = 0; i < segments; ++i) {
      runs.push_back(AllocateRun(kPagesPerSegment - 1, shard));
      EXPECT_NE(AllocateRun(1, shard), nullptr);
    }
    for (void* run : runs) FreeRun(run, shard);
    EXPECT_EQ(shards_[shard].dirty_free_pages(), segments * (kPagesPerSegment - 1));
    return shards_[shard].dirty_free_pages();
  }

  FakeOsMemory os_;
  Arena arena_;
  ShardTable shards_;
  MemBudget budget_;
};

TEST_F(MemBudgetTest, ThereIsNoLimitUntilOneIsSet) {
  EXPECT_EQ(budget_.limit(), MemBudget::kNoLimit);
  budget_.SetLimit(size_t{10} << 20);
  EXPECT_EQ(budget_.limit(), size_t{10} << 20);
  budget_.SetLimit(MemBudget::kNoLimit);
  EXPECT_EQ(budget_.limit(), MemBudget::kNoLimit);
}

TEST_F(MemBudgetTest, ALimitIsKeptInWholePagesThatDoNotExceedIt) {
  budget_.SetLimit(10 * kPageSize + kPageSize - 1);
  EXPECT_EQ(budget_.limit(), 10 * kPageSize);
}

TEST_F(MemBudgetTest, CommittedBytesArePagesThatWereHandedOutAndNotGivenBack) {
  EXPECT_EQ(budget_.committed_bytes(), 0u);
  void* run = AllocateRun(30);
  EXPECT_EQ(budget_.committed_bytes(), 30 * kPageSize);
  FreeRun(run);
  EXPECT_EQ(budget_.committed_bytes(), 30 * kPageSize) << "free but still dirty";
  EXPECT_EQ(budget_.Purge(SIZE_MAX), 30u);
  EXPECT_EQ(budget_.committed_bytes(), 0u);
  EXPECT_EQ(budget_.peak_committed_bytes(), 30 * kPageSize);
}

TEST_F(MemBudgetTest, NothingGrowsPastTheLimitWhichTakesNothingAway) {
  void* first = AllocateRun(20);
  budget_.SetLimit(10 * kPageSize);
  memset(first, 7, 20 * kPageSize);
  EXPECT_EQ(AllocateRun(1), nullptr);
  FreeRun(first);
  void* again = AllocateRun(20);
  EXPECT_EQ(again, first) << "dirty pages are within what is committed already";
  EXPECT_EQ(AllocateRun(1), nullptr);
  budget_.SetLimit(21 * kPageSize);
  EXPECT_NE(AllocateRun(1), nullptr);
  EXPECT_EQ(AllocateRun(1), nullptr);
  EXPECT_EQ(budget_.committed_bytes(), 21 * kPageSize);
}

TEST_F(MemBudgetTest, ANewLimitCountsAsARelease) {
  const uint64_t before = shards_.Releases();
  budget_.SetLimit(size_t{1} << 20);
  EXPECT_NE(shards_.Releases(), before);
}

TEST_F(MemBudgetTest, PurgeGivesBackAtMostWhatItWasAskedFor) {
  FreeRun(AllocateRun(100, 0), 0);
  FreeRun(AllocateRun(400, 1), 1);
  EXPECT_EQ(budget_.Purge(0), 0u);
  EXPECT_EQ(budget_.Purge(150), 150u);
  EXPECT_EQ(os_.purged_pages(), 150u);
  EXPECT_EQ(budget_.Purge(SIZE_MAX), 350u);
  EXPECT_EQ(budget_.Purge(SIZE_MAX), 0u);
  for (unsigned shard = 0; shard < 2; ++shard) {
    EXPECT_EQ(shards_[shard].dirty_free_pages(), 0u);
    EXPECT_EQ(shards_[shard].free_pages(), kPagesPerSegment) << "claimed pages came back";
  }
}

TEST_F(MemBudgetTest, PurgedPagesReadAsZeroAndLivePagesKeepTheirContents) {
  char* live = static_cast<char*>(AllocateRun(3));
  char* freed = static_cast<char*>(AllocateRun(5));
  memset(live, 1, 3 * kPageSize);
  memset(freed, 2, 5 * kPageSize);
  FreeRun(freed);
  EXPECT_EQ(budget_.Purge(SIZE_MAX), 5u);
  for (size_t i = 0; i < 3 * kPageSize; ++i) ASSERT_EQ(live[i], 1) << i;
  bool clean = false;
  char* again = static_cast<char*>(AllocateRun(5, 1, &clean));
  EXPECT_TRUE(clean);
  for (size_t i = 0; i < 5 * kPageSize; ++i) ASSERT_EQ(again[i], 0) << i;
}

TEST_F(MemBudgetTest, PurgeReachesTheFreeSlotsOfTheArena) {
  std::vector<void*> runs;
  for (int i = 0; i < 4; ++i) runs.push_back(AllocateRun(kPagesPerSegment));
  for (void* run : runs) FreeRun(run);
  ASSERT_GT(arena_.dirty_free_pages(), 0u) << "the shard keeps one empty segment only";
  EXPECT_EQ(budget_.Purge(SIZE_MAX), 4u * kPagesPerSegment);
  EXPECT_EQ(arena_.dirty_free_pages(), 0u);
  EXPECT_EQ(budget_.committed_bytes(), 0u);
}

TEST_F(MemBudgetTest, WhatTheKernelDoesNotTakeStaysCommittedAndUsable) {
  void* run = AllocateRun(60);
  FreeRun(run);
  os_.Refuse(FakeOsMemory::kPurge);
  EXPECT_EQ(budget_.Purge(SIZE_MAX), 0u);
  EXPECT_EQ(budget_.committed_bytes(), 60 * kPageSize);
  EXPECT_EQ(shards_[1].dirty_free_pages(), 60u);
  EXPECT_EQ(shards_[1].free_pages(), kPagesPerSegment);
  EXPECT_EQ(AllocateRun(60), run);
  FreeRun(run);
  os_.Allow(FakeOsMemory::kPurge);
  EXPECT_EQ(budget_.Purge(SIZE_MAX), 60u);
}

class DecayTest : public MemBudgetTest {
 protected:
  void SetUp() override {
    if (!kConfig.decommit) GTEST_SKIP() << "decommit is switched off";
  }
  // Pages that a tick of the shard purges.
  size_t Tick(uint64_t now_ms, unsigned shard = 1) {
    const size_t before = os_.purged_pages();
    budget_.MaybeDecay(shards_[shard], now_ms);
    return os_.purged_pages() - before;
  }
};

TEST_F(DecayTest, PagesThatNobodyNeededDecayWithTheHalfLife) {
  const size_t dirty = MakeDirty(20);
  ASSERT_GT(dirty, kFloorPages);
  EXPECT_EQ(Tick(1000), 0u) << "the first tick begins to watch";
  const uint64_t elapsed = kConfig.decay_half_life_ms / 10;
  ASSERT_GE(elapsed, MemBudget::kTickMs);
  // 1 - 2^(-1/10) = 6.7 % of what lies above the floor.
  const double expected = 0.067 * static_cast<double>(dirty - kFloorPages);
  EXPECT_NEAR(static_cast<double>(Tick(1000 + elapsed)), expected, expected / 10);
}

TEST_F(DecayTest, AShardIsLookedAtOnceATick) {
  MakeDirty(20);
  Tick(1000);
  EXPECT_GT(Tick(1000 + MemBudget::kTickMs), 0u);
  EXPECT_EQ(Tick(1000 + MemBudget::kTickMs), 0u);
  EXPECT_EQ(Tick(1000 + 2 * MemBudget::kTickMs - 1), 0u);
  EXPECT_GT(Tick(1000 + 2 * MemBudget::kTickMs), 0u);
}

TEST_F(DecayTest, PagesThatWereInUseSinceTheLastTickStay) {
  MakeDirty(20);
  Tick(1000);
  std::vector<void*> runs;
  for (int i = 0; i < 20; ++i) runs.push_back(AllocateRun(kPagesPerSegment - 1));
  ASSERT_EQ(shards_[1].dirty_free_pages(), 0u);
  for (void* run : runs) FreeRun(run);
  EXPECT_EQ(Tick(2000), 0u);
  EXPECT_GT(Tick(3000), 0u) << "nobody needed them this time";
}

TEST_F(DecayTest, TheFloorNeverDecays) {
  MakeDirty(20);
  for (uint64_t now = 1000; now < 1000 + 100 * kConfig.decay_half_life_ms;
       now += kConfig.decay_half_life_ms) {
    Tick(now);
    ASSERT_GE(shards_[1].dirty_free_pages(), kFloorPages);
  }
  EXPECT_LE(shards_[1].dirty_free_pages(), kFloorPages + 2);
}

TEST_F(DecayTest, OneShardsTickLeavesTheOthersPagesAlone) {
  const size_t dirty = MakeDirty(15, 0);
  for (uint64_t now = 1000; now < 20000; now += 1000) Tick(now, 1);
  EXPECT_EQ(shards_[0].dirty_free_pages(), dirty);
}

TEST_F(DecayTest, FreeSlotsDecayToNothingWithTheTicksOfTheFirstShard) {
  std::vector<void*> runs;
  for (int i = 0; i < 6; ++i) runs.push_back(AllocateRun(kPagesPerSegment, 1));
  for (void* run : runs) FreeRun(run, 1);
  ASSERT_GT(arena_.dirty_free_pages(), 0u);
  for (uint64_t now = 1000; now < 1000 + 100 * MemBudget::kTickMs; now += MemBudget::kTickMs) {
    Tick(now, 0);
  }
  EXPECT_EQ(arena_.dirty_free_pages(), 0u);
}

TEST_F(MemBudgetTest, TheClockRuns) {
  const uint64_t before = MemBudget::NowMs();
  EXPECT_GT(before, 0u);
  EXPECT_GE(MemBudget::NowMs(), before);
}

}  // namespace
}  // namespace hz3
