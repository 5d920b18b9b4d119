#include "hz3/policy/mem_budget.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"
#include "hz3/config/config.h"
#include "hz3/objects/size_classes.h"
#include "hz3/objects/span.h"
#include "hz3/pages/large.h"

namespace hz3 {
namespace {

constexpr size_t kArenaBytes = size_t{64} << 20;

// What never decays of so many committed pages.
constexpr size_t FloorOf(size_t committed) {
  return std::min(kConfig.dirty_floor_bytes >> kPageShift, committed / kConfig.dirty_floor_part);
}

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

TEST_F(MemBudgetTest, PurgeEndsAlthoughOthersFreeFasterThanItGivesBack) {
  const size_t dirty = MakeDirty(2);
  size_t purges = 0;
  os_.set_after_purge([&] {
    if (++purges < 10'000) FreeRun(AllocateRun(400));
  });
  EXPECT_LE(budget_.Purge(SIZE_MAX), dirty);
  EXPECT_LT(purges, 100u);
  os_.set_after_purge(nullptr);
  EXPECT_GT(budget_.Purge(SIZE_MAX), 0u) << "the next one gives back what became free meanwhile";
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
  const size_t floor = FloorOf(arena_.meter().committed());
  ASSERT_GT(dirty, floor);
  EXPECT_EQ(Tick(1000), 0u) << "the first tick begins to watch";
  const uint64_t elapsed = kConfig.decay_half_life_ms / 10;
  ASSERT_GE(elapsed, MemBudget::kTickMs);
  // 1 - 2^(-1/10) = 6.7 % of what lies above the floor.
  const double expected = 0.067 * static_cast<double>(dirty - floor);
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
    ASSERT_GE(shards_[1].dirty_free_pages(), FloorOf(arena_.meter().committed()));
  }
  EXPECT_LE(shards_[1].dirty_free_pages(), FloorOf(arena_.meter().committed()) + 2);
}

TEST_F(DecayTest, StashesThatLieIdleLoseWhatTheyHaveGrownBy) {
  if (!kConfig.owner_stash)
    GTEST_SKIP() << "owner_stash=false: there is no stash that could lose room";
  constexpr SizeClass kClass{3};
  OwnerStash& stash = shards_[1].stash(kClass);
  // One thread hands over more than there is room for, another takes it all; nobody looks at it.
  std::vector<void*> objects(stash.room() + 1);
  constexpr char kPuts = 0;
  constexpr char kTakes = 0;
  const unsigned n = static_cast<unsigned>(objects.size());
  ASSERT_EQ(stash.Put(objects.data(), n, &kPuts), n - 1);
  ASSERT_EQ(shards_[1].TakeStashed(kClass, objects.data(), n, &kTakes), n - 1);
  ASSERT_EQ(stash.room(), 2 * OwnerStash::FirstOf(kClass));
  Tick(1000);
  EXPECT_EQ(stash.room(), 2 * OwnerStash::FirstOf(kClass)) << "in use since it has grown";
  Tick(2000);
  EXPECT_EQ(stash.room(), OwnerStash::FirstOf(kClass));
}

TEST_F(DecayTest, OneShardsTickLeavesAloneWhatHasTicksOfItsOwn) {
  const size_t dirty = MakeDirty(15, 0);
  Tick(1000, 0);
  for (uint64_t now = 1000; now < 1000 + MemBudget::kLateTicks * MemBudget::kTickMs;
       now += MemBudget::kTickMs) {
    Tick(now, 1);
  }
  EXPECT_EQ(shards_[0].dirty_free_pages(), dirty);
}

TEST_F(DecayTest, AShardWhoseThreadsAreIdleIsLookedAfterByOthers) {
  MakeDirty(15, 0);
  for (uint64_t now = 1000; now < 1000 + 100 * kConfig.decay_half_life_ms;
       now += MemBudget::kTickMs) {
    Tick(now, 1);
  }
  const size_t floor = FloorOf(arena_.meter().committed());
  EXPECT_LE(shards_[0].dirty_free_pages(), floor + 10);
  EXPECT_GE(shards_[0].dirty_free_pages(), floor);
}

TEST_F(DecayTest, AShorterHalfLifeGivesMoreBackInTheSameTime) {
  const size_t dirty = MakeDirty(20);
  EXPECT_EQ(budget_.decay_half_life_ms(), kConfig.decay_half_life_ms);
  budget_.SetDecayHalfLife(100 * MemBudget::kTickMs);
  EXPECT_EQ(budget_.decay_half_life_ms(), 100 * MemBudget::kTickMs);
  Tick(1000);
  const size_t slow = Tick(1000 + MemBudget::kTickMs);
  EXPECT_LT(slow, dirty / 100);
  budget_.SetDecayHalfLife(2 * MemBudget::kTickMs);
  EXPECT_GT(Tick(1000 + 2 * MemBudget::kTickMs), 10 * slow);
}

TEST_F(DecayTest, WithAHalfLifeOfZeroTheNextTickGivesBackEverything) {
  budget_.SetDecayHalfLife(0);
  const size_t dirty = MakeDirty(20);
  EXPECT_EQ(Tick(1000), dirty) << "no floor, no bound, and no waiting for a second tick";
  EXPECT_EQ(shards_[1].dirty_free_pages(), 0u);
  std::vector<void*> runs;
  for (int i = 0; i < 6; ++i) runs.push_back(AllocateRun(kPagesPerSegment, 0));
  for (void* run : runs) FreeRun(run, 0);
  Tick(2000, 0);
  EXPECT_EQ(arena_.dirty_free_pages(), 0u);
}

TEST_F(DecayTest, WithoutAHalfLifeNothingGoesBackByItself) {
  budget_.SetDecayHalfLife(MemBudget::kNoDecay);
  const size_t dirty = MakeDirty(20, 0);
  std::vector<void*> runs;
  for (int i = 0; i < 6; ++i) runs.push_back(AllocateRun(kPagesPerSegment, 0));
  for (void* run : runs) FreeRun(run, 0);
  EXPECT_FALSE(budget_.decays());
  void* object = nullptr;
  constexpr SizeClass kClass{3};
  const unsigned put = shards_[0].stash(kClass).Put(&object, 1, this);
  for (uint64_t now = 1000; now < 1000000; now += 1000) ASSERT_EQ(Tick(now, 0), 0u);
  EXPECT_EQ(shards_[0].stash(kClass).count(), put) << "nor out of the stashes";
  EXPECT_GE(shards_[0].dirty_free_pages(), dirty);
  EXPECT_EQ(budget_.Purge(SIZE_MAX) * kPageSize, dirty * kPageSize + 6 * kSegmentSize);
}

// The soft limit, as a thread in its slow path meets it.
class SoftLimitTest : public MemBudgetTest {
 protected:
  static constexpr size_t kSoftPages = 8 * kPagesPerSegment;
  static constexpr size_t kStep = kSoftPages / MemBudget::kSoftPart;

  void* Allocate(unsigned pages, unsigned shard = 1) {
    void* run = AllocateRun(pages, shard);
    if (arena_.meter().alarmed()) budget_.Relieve();
    return run;
  }
  size_t committed() const { return budget_.committed_bytes() >> kPageShift; }
  void SetSoft(size_t pages) { budget_.SetSoftLimit(pages * kPageSize); }
};

TEST_F(SoftLimitTest, ThereIsNoneUntilOneIsSetAndItIsKeptInWholePages) {
  EXPECT_EQ(budget_.soft_limit(), MemBudget::kNoLimit);
  budget_.SetSoftLimit(10 * kPageSize + 1);
  EXPECT_EQ(budget_.soft_limit(), 10 * kPageSize);
  EXPECT_EQ(budget_.limit(), MemBudget::kNoLimit);
  budget_.SetSoftLimit(MemBudget::kNoLimit);
  EXPECT_EQ(budget_.soft_limit(), MemBudget::kNoLimit);
  AllocateRun(kPagesPerSegment);
  EXPECT_FALSE(arena_.meter().alarmed());
}

TEST_F(SoftLimitTest, WhoCrossesItGivesBackFreeSlotsFirstThenFreePagesOfAllShards) {
  SetSoft(kSoftPages);
  std::vector<void*> runs;
  for (int i = 0; i < 6; ++i) runs.push_back(Allocate(kPagesPerSegment, 0));
  // The shard retains the first of these, the arena gets two slots that do not touch.
  for (int i : {0, 2, 4}) FreeRun(runs[static_cast<size_t>(i)], 0);
  ASSERT_EQ(arena_.dirty_free_pages(), 2u * kPagesPerSegment);
  ASSERT_EQ(os_.purged_pages(), 0u);
  Large large(arena_, kTagHuge);
  ASSERT_NE(large.Allocate(3 * kSegmentSize, kPageSize, false), nullptr);
  EXPECT_GT(committed(), kSoftPages) << "granted";
  budget_.Relieve();
  EXPECT_EQ(committed(), 7u * kPagesPerSegment);
  EXPECT_EQ(arena_.dirty_free_pages(), 0u);
  EXPECT_EQ(shards_[0].dirty_free_pages(), kPagesPerSegment);
  ASSERT_NE(large.Allocate(2 * kSegmentSize, kPageSize, false), nullptr);
  budget_.Relieve();
  EXPECT_EQ(shards_[0].dirty_free_pages(), 0u);
  EXPECT_EQ(committed(), kSoftPages) << "all that there is to give";
  EXPECT_EQ(budget_.reliefs(), 2u);
}

TEST_F(SoftLimitTest, APartIsGivenBackAtATime) {
  SetSoft(kSoftPages);
  MakeDirty(7);
  Allocate(kPagesPerSegment, 0);
  EXPECT_EQ(os_.purged_pages(), 0u) << "just below";
  const size_t before = committed();
  Allocate(10, 0);
  const size_t crossed = before + 10 - kSoftPages;
  EXPECT_EQ(os_.purged_pages(), crossed + kStep);
  EXPECT_EQ(committed(), kSoftPages - kStep);
  EXPECT_EQ(budget_.reliefs(), 1u);
  Allocate(static_cast<unsigned>(kStep) - 1, 0);
  EXPECT_EQ(budget_.reliefs(), 1u) << "so that the next few batches do not come here";
}

TEST_F(SoftLimitTest, LiveMemoryAboveItIsServedAndLooksAreRare) {
  SetSoft(kSoftPages);
  unsigned blocks = 0;
  while (committed() < 2 * kSoftPages) {
    ASSERT_NE(Allocate(16), nullptr);
    ++blocks;
  }
  EXPECT_EQ(os_.purged_pages(), 0u);
  EXPECT_LE(budget_.reliefs(), MemBudget::kSoftPart + 1);
  EXPECT_GE(budget_.reliefs(), MemBudget::kSoftPart - 1);
  EXPECT_GT(blocks, 100u);
}

TEST_F(SoftLimitTest, WhatWasFreedMeanwhileGoesBackAtTheNextLook) {
  SetSoft(kSoftPages);
  MakeDirty(16);
  EXPECT_EQ(committed(), 16u * kPagesPerSegment) << "free, but dirty";
  ASSERT_EQ(os_.purged_pages(), 0u);
  Allocate(kPagesPerSegment, 0);
  EXPECT_EQ(committed(), kSoftPages - kStep);
}

TEST_F(SoftLimitTest, WhenTheKernelRefusesNothingIsLost) {
  SetSoft(kSoftPages);
  MakeDirty(7);
  os_.Refuse(FakeOsMemory::kPurge);
  ASSERT_NE(Allocate(kPagesPerSegment, 0), nullptr);
  ASSERT_NE(Allocate(kPagesPerSegment, 0), nullptr);
  EXPECT_GT(committed(), kSoftPages);
  EXPECT_EQ(shards_[1].dirty_free_pages(), 7u * (kPagesPerSegment - 1));
  os_.Allow(FakeOsMemory::kPurge);
  EXPECT_EQ(budget_.Purge(SIZE_MAX), 7u * (kPagesPerSegment - 1));
}

TEST_F(SoftLimitTest, WhatWaitsInMailboxesGoesBackToo) {
  SetSoft(kSoftPages);
  void* posted = Allocate(kPagesPerSegment - 1, 1);
  while (committed() + 100 <= kSoftPages) Allocate(100, 0);
  shards_[1].PostRun(posted);
  ASSERT_TRUE(shards_[1].HasMail());
  Allocate(200, 0);
  EXPECT_LE(committed(), kSoftPages);
  EXPECT_GT(os_.purged_pages(), 0u);
}

TEST_F(SoftLimitTest, WhatLiesInStashesGoesBackToo) {
  if (!kConfig.owner_stash) GTEST_SKIP() << "owner_stash=false: nothing lies in stashes";
  constexpr SizeClass kClass{kFirstMediumClass};
  SetSoft(kSoftPages);
  void* run;
  {
    LeaseHolder hold(shards_[1].lease());
    ASSERT_EQ(shards_[1].Refill(kClass, &run, 1, kFullEffort), 1u);
  }
  ASSERT_EQ(shards_[1].stash(kClass).Put(&run, 1, this), 1u);
  while (committed() + 100 <= kSoftPages) Allocate(100, 0);
  Allocate(200, 0);
  EXPECT_EQ(shards_[1].stash(kClass).count(), 0u);
}

TEST_F(SoftLimitTest, ALimitThatIsSetBelowWhatIsCommittedWorksFromThenOn) {
  MakeDirty(16);
  SetSoft(kSoftPages);
  EXPECT_GT(committed(), kSoftPages);
  for (unsigned i = 0; i <= kStep / 100 + 1; ++i) Allocate(100, 0);
  EXPECT_LE(committed(), kSoftPages);
}

TEST_F(SoftLimitTest, AVerySmallOneAsksRarelyAllTheSame) {
  SetSoft(0);
  for (int i = 0; i < 1000; ++i) ASSERT_NE(Allocate(4), nullptr);
  EXPECT_LE(budget_.reliefs(), 17u);
}

TEST_F(SoftLimitTest, TakingItAwayEndsIt) {
  SetSoft(kSoftPages);
  MakeDirty(7);
  budget_.SetSoftLimit(MemBudget::kNoLimit);
  for (int i = 0; i < 4; ++i) Allocate(kPagesPerSegment, 0);
  EXPECT_EQ(os_.purged_pages(), 0u);
}

TEST_F(SoftLimitTest, TicksGiveBackWhatNobodyNeededWhileMemoryIsAboveIt) {
  if (!kConfig.decommit) GTEST_SKIP() << "decommit is switched off";
  budget_.SetDecayHalfLife(MemBudget::kNoDecay);
  SetSoft(2 * kPagesPerSegment);
  std::vector<void*> live;
  for (int i = 0; i < 3; ++i) live.push_back(Allocate(kPagesPerSegment, 0));
  FreeRun(Allocate(300));
  budget_.MaybeDecay(shards_[1], 1000);
  budget_.MaybeDecay(shards_[1], 2000);
  EXPECT_EQ(shards_[1].dirty_free_pages(), 0u) << "below the floor, and without decay";
  EXPECT_EQ(committed(), 3u * kPagesPerSegment);
  for (void* run : live) FreeRun(run, 0);
  budget_.MaybeDecay(shards_[0], 3000);
  EXPECT_LE(committed(), 2u * kPagesPerSegment);
}

// A process without a registry: what the caches are told.
class Caches : public TcacheControl {
 public:
  Caches() { arena_bytes_ = size_t{1} << 40; }
};

TEST_F(SoftLimitTest, BinsAreKeptSmallUnderALimitAndWhileAboveTheSoftOne) {
  Caches caches;
  budget_.Init(shards_, &caches);
  const size_t unlimited = caches.ThreadBytes();
  budget_.SetLimit(size_t{32} << 20);
  EXPECT_EQ(caches.ThreadBytes(), (size_t{32} << 20) / TcacheControl::kArenaPart);
  budget_.SetLimit(MemBudget::kNoLimit);
  EXPECT_EQ(caches.ThreadBytes(), unlimited);
  SetSoft(kSoftPages);
  EXPECT_EQ(caches.ThreadBytes(), unlimited) << "below the soft limit they are as ever";
  while (committed() <= kSoftPages) ASSERT_NE(Allocate(kPagesPerSegment), nullptr);
  EXPECT_EQ(caches.ThreadBytes(), kSoftPages * kPageSize / TcacheControl::kArenaPart);
  SetSoft(4 * kSoftPages);
  EXPECT_EQ(caches.ThreadBytes(), unlimited);
}

// Pages that are marked as dirty, and pages that the kernel says are there.
class AccountingTest : public MemBudgetTest {
 protected:
  size_t DirtyPages() const {
    size_t dirty = 0;
    for (uint32_t i = 0; i < arena_.used_slots(); ++i) {
      dirty += arena_.segment(SlotIndex(i)).dirty_bits().Count();
    }
    return dirty;
  }
  // Every page that holds memory is marked.
  void ExpectResidentPagesAreDirty() const {
    std::vector<unsigned char> resident(size_t{arena_.used_slots()} * kPagesPerSegment);
    if (resident.empty()) return;
    ASSERT_EQ(mincore(arena_.segmap().AddressOf(PageIndex(0)), resident.size() * kPageSize,
                      resident.data()),
              0);
    size_t unmarked = 0;
    for (size_t page = 0; page < resident.size(); ++page) {
      const Segment& segment = arena_.segment(SlotIndex(static_cast<uint32_t>(page >> 9)));
      const bool dirty = segment.dirty_bits().Test(static_cast<unsigned>(page % kPagesPerSegment));
      unmarked += (resident[page] & 1) != 0 && !dirty;
    }
    EXPECT_EQ(unmarked, 0u);
  }
  void ExpectExact() {
    EXPECT_EQ(arena_.meter().committed(), DirtyPages());
    ExpectResidentPagesAreDirty();
  }

  struct Block {
    char* start;
    unsigned shard;  // kHuge for whole slots
  };
  static constexpr unsigned kHuge = 2;

  size_t Below(size_t n) { return random_() % n; }
  void AllocateSome() {
    const unsigned shard = static_cast<unsigned>(Below(2));
    const unsigned pages = static_cast<unsigned>(1 + Below(Below(8) != 0 ? 40 : kPagesPerSegment));
    Keep(AllocateRun(pages, shard), pages * kPageSize, shard);
  }
  void AllocateHuge() {
    const size_t bytes = kSegmentSize + Below(4 * kSegmentSize);
    Keep(large_.Allocate(bytes, kPageSize, Below(2) == 0), bytes, kHuge);
  }
  void Keep(void* start, size_t bytes, unsigned shard) {
    if (start == nullptr) return;
    memset(start, 1, bytes);
    blocks_.push_back({static_cast<char*>(start), shard});
  }
  void FreeOne() {
    if (blocks_.empty()) return;
    std::swap(blocks_[Below(blocks_.size())], blocks_.back());
    const Block block = blocks_.back();
    blocks_.pop_back();
    if (block.shard == kHuge) {
      large_.Free(arena_.segmap().PageOf(block.start));
    } else {
      FreeRun(block.start, block.shard);
    }
  }
  void ResizeOne() {
    if (blocks_.empty()) return;
    Block& block = blocks_[Below(blocks_.size())];
    if (block.shard == kHuge) {
      void* moved = large_.Resize(arena_.segmap().PageOf(block.start),
                                  kSegmentSize + 1 + Below(6 * kSegmentSize));
      if (moved != nullptr) block.start = static_cast<char*>(moved);
    } else {
      LeaseHolder hold(shards_[block.shard].lease());
      shards_[block.shard].ResizeRun(block.start, static_cast<unsigned>(1 + Below(60)));
    }
  }
  void Step() {
    switch (Below(16)) {
      case 0:
        return AllocateHuge();
      case 1:
        return ResizeOne();
      case 2:
        budget_.Purge(Below(8) == 0 ? Below(2000) : 0);
        return;
      case 3:
      case 4:
      case 5:
      case 6:
      case 7:
        return FreeOne();
      default:
        return AllocateSome();
    }
  }

  static constexpr unsigned kSeed = 5;
  std::mt19937 random_{kSeed};
  Large large_{arena_, kTagHuge};
  std::vector<Block> blocks_;
};

TEST_F(AccountingTest, CommittedPagesAreTheDirtyOnesAtEveryStepOfRandomWork) {
  SCOPED_TRACE(kSeed);
  budget_.SetSoftLimit(kArenaBytes / 2);
  for (int step = 0; step < 4000; ++step) {
    Step();
    if (arena_.meter().alarmed()) budget_.Relieve();
    ASSERT_EQ(arena_.meter().committed(), DirtyPages()) << "step " << step;
    if (step % 100 == 0) ExpectResidentPagesAreDirty();
  }
  EXPECT_GT(os_.purged_pages(), 0u);
  while (!blocks_.empty()) FreeOne();
  ExpectExact();
  budget_.Purge(SIZE_MAX);
  EXPECT_EQ(arena_.meter().committed(), 0u);
  ExpectExact();
}

TEST_F(AccountingTest, StaysExactWhileThreadsGiveBackForEachOther) {
  budget_.SetSoftLimit(kArenaBytes / 4);
  std::vector<std::thread> threads;
  for (unsigned shard = 0; shard < 2; ++shard) {
    threads.emplace_back([this, shard] {
      std::mt19937 random(kSeed + shard);
      std::vector<void*> runs(60, nullptr);
      for (unsigned i = 0; i < 4000; ++i) {
        void*& run = runs[random() % runs.size()];
        if (run != nullptr) FreeRun(run, shard);
        run = AllocateRun(static_cast<unsigned>(1 + random() % 100), shard);
        if (arena_.meter().alarmed()) budget_.Relieve();
        if (i % 100 == 0) budget_.MaybeDecay(shards_[shard], i * MemBudget::kTickMs);
      }
      for (void* run : runs) {
        if (run != nullptr) FreeRun(run, shard);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(os_.purged_pages(), 0u);
  ExpectExact();
  budget_.Purge(SIZE_MAX);
  EXPECT_EQ(arena_.meter().committed(), 0u);
}

TEST_F(MemBudgetTest, TheClockRuns) {
  const uint64_t before = MemBudget::NowMs();
  EXPECT_GT(before, 0u);
  EXPECT_GE(MemBudget::NowMs(), before);
}

TEST_F(MemBudgetTest, TheArenasMemoryBoundsEveryLimit) {
  budget_.SetMemory(size_t{8} << 20);
  EXPECT_EQ(budget_.limit(), MemBudget::kNoLimit) << "nobody has set one";
  EXPECT_EQ(arena_.meter().limit(), (size_t{8} << 20) / kPageSize);
  budget_.SetLimit(size_t{4} << 20);
  EXPECT_EQ(budget_.limit(), size_t{4} << 20);
  EXPECT_EQ(arena_.meter().limit(), (size_t{4} << 20) / kPageSize);
  budget_.SetLimit(size_t{16} << 20);
  EXPECT_EQ(arena_.meter().limit(), (size_t{8} << 20) / kPageSize);
}

TEST_F(MemBudgetTest, MakesRoomOnlyWhenALimitIsInTheWay) {
  const size_t dirty = MakeDirty(1);
  EXPECT_FALSE(budget_.MakeRoom(8));
  EXPECT_EQ(os_.purged_pages(), 0u);
  budget_.SetLimit(budget_.committed_bytes());
  EXPECT_TRUE(budget_.MakeRoom(8));
  EXPECT_GE(os_.purged_pages(), 8u);
  EXPECT_LE(os_.purged_pages(), dirty);
  EXPECT_FALSE(budget_.MakeRoom(8)) << "there is room";
}

}  // namespace
}  // namespace hz3
