#include "hz3/policy/pressure.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"
#include "hz3/config/config.h"
#include "hz3/objects/span.h"
#include "hz3/policy/mem_budget.h"

namespace hz3 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr unsigned kShards = 3;
constexpr size_t kArenaBytes = size_t{64} << 20;

// Writes down what the ladder asks of it, and is served when the script says so.
class ScriptedClimber final : public Climber {
 public:
  using Script = std::function<bool(unsigned attempt, unsigned shard)>;
  explicit ScriptedClimber(Script script) : script_(std::move(script)) {}

  void FlushOwn() override { steps.push_back("flush"); }
  bool TryShard(unsigned shard) override {
    steps.push_back("try " + std::to_string(shard));
    return script_(attempts++, shard);
  }

  std::vector<std::string> steps;
  unsigned attempts = 0;

 private:
  Script script_;
};

bool Never(unsigned, unsigned) { return false; }

Request RunOf(size_t pages, unsigned align = 1) { return {SizeClass(0), pages, align}; }
Request Object(size_t bytes) { return {ClassOf(bytes), InfoOf(ClassOf(bytes)).pages, 1}; }

class PressureTest : public ::testing::Test {
 protected:
  PressureTest() {
    EXPECT_TRUE(arena_.Init(os_, kArenaBytes, false, sizeof(Span)));
    pool_.Init(os_);
    EXPECT_TRUE(shards_.Init(arena_, kShards));
    registry_.Init(shards_, pool_);
    pressure_.Init(shards_, registry_);
  }
  ~PressureTest() override { arena_.Destroy(); }

  bool Climb(const Request& request, ScriptedClimber& climber, unsigned own_shard = 0) {
    return pressure_.Climb(request, own_shard, nullptr, climber);
  }
  // The steps of a climb that nothing can help, after the caller's own bins, which come first
  // whatever is remembered.
  std::vector<std::string> StepsOfFailure(const Request& request) {
    ScriptedClimber climber(Never);
    EXPECT_FALSE(Climb(request, climber));
    EXPECT_EQ(climber.steps.front(), "flush");
    return {climber.steps.begin() + 1, climber.steps.end()};
  }
  void* AllocateRun(unsigned shard, unsigned pages) {
    LeaseHolder hold(shards_[shard].lease());
    bool clean;
    return shards_[shard].AllocateRun(pages, 1, kTagLarge, kFullEffort, &clean);
  }
  void FreeRun(unsigned shard, void* run) {
    LeaseHolder hold(shards_[shard].lease());
    shards_[shard].FreeRun(run);
  }
  uint64_t Get(const std::atomic<uint64_t>& counter) const { return counter.load(); }

  FakeOsMemory os_;
  Arena arena_;
  MetadataPool pool_;
  ShardTable shards_;
  Registry registry_;
  Pressure pressure_;
};

TEST_F(PressureTest, FirstRungEmptiesTheOwnBinsThenTriesTheOwnShard) {
  ScriptedClimber climber([](unsigned, unsigned) { return true; });
  EXPECT_TRUE(Climb(RunOf(4), climber, 2));
  EXPECT_THAT(climber.steps, ElementsAre("flush", "try 2"));
  EXPECT_EQ(registry_.epoch(), 0u);
  EXPECT_FALSE(registry_.scarce());
  EXPECT_EQ(Get(pressure_.counters().climbs), 1u);
  EXPECT_EQ(Get(pressure_.counters().rescues), 1u);
  EXPECT_EQ(Get(pressure_.counters().failures), 0u);
}

TEST_F(PressureTest, ThirdRungTriesEachShardInTurnFromTheOwnOneOnAndStopsWhenServed) {
  ScriptedClimber climber([](unsigned attempt, unsigned shard) {
    return attempt > 0 && shard == 0;
  });
  EXPECT_TRUE(Climb(RunOf(4), climber, 1));
  EXPECT_THAT(climber.steps, ElementsAre("flush", "try 1", "try 1", "try 2", "try 0"));
  EXPECT_EQ(registry_.epoch(), 0u) << "nobody else is disturbed before all shards were tried";
  EXPECT_FALSE(registry_.scarce());
}

TEST_F(PressureTest, FourthRungBroadcastsAfterOneSweepThenSweepsAgain) {
  if (!kConfig.broadcast) GTEST_SKIP() << "broadcast is switched off";
  std::vector<uint32_t> epochs;
  ScriptedClimber climber([&](unsigned attempt, unsigned) {
    epochs.push_back(registry_.epoch());
    return attempt == 1 + kShards;
  });
  EXPECT_TRUE(Climb(RunOf(4), climber));
  EXPECT_THAT(epochs, ElementsAre(0, 0, 0, 0, 1));
  EXPECT_TRUE(registry_.scarce());
  EXPECT_EQ(Get(pressure_.counters().broadcasts), 1u);
  EXPECT_EQ(Get(pressure_.counters().rescues), 1u);
}

TEST_F(PressureTest, NobodyIsAskedAgainWhileMemoryIsKnownToBeScarce) {
  if (!kConfig.broadcast) GTEST_SKIP() << "broadcast is switched off";
  EXPECT_EQ(StepsOfFailure(RunOf(8)).size(), 1 + 3 * kShards);
  EXPECT_EQ(StepsOfFailure(RunOf(4)).size(), 1 + 2 * kShards) << "a sweep less: no broadcast";
  EXPECT_EQ(Get(pressure_.counters().broadcasts), 1u);
  EXPECT_EQ(registry_.epoch(), 1u);
}

TEST_F(PressureTest, FifthRungGivesUpRetainedSegmentsBeforeTheLastSweep) {
  for (unsigned shard = 0; shard < kShards; ++shard) FreeRun(shard, AllocateRun(shard, 10));
  ASSERT_EQ(arena_.free_slots(), arena_.slots() - kShards) << "each shard retains one";
  const uint32_t all = arena_.slots();
  std::vector<bool> released;
  ScriptedClimber climber([&](unsigned, unsigned) {
    released.push_back(arena_.free_slots() == all);
    return false;
  });
  EXPECT_FALSE(Climb(RunOf(4), climber));
  ASSERT_EQ(released.size(), 1 + 3 * kShards);
  for (size_t i = 0; i < released.size(); ++i) EXPECT_EQ(released[i], i > 2 * kShards) << i;
}

TEST_F(PressureTest, FifthRungPurgesFreePagesOnlyWhenTheCommitLimitIsWhatFails) {
  void* live = AllocateRun(1, 10);
  FreeRun(1, AllocateRun(1, 100));
  EXPECT_THAT(StepsOfFailure(RunOf(40)), ::testing::Not(IsEmpty()));
  EXPECT_EQ(os_.purged_pages(), 0u) << "there was no limit";
  arena_.meter().set_limit(arena_.meter().committed());
  std::vector<size_t> purged;
  ScriptedClimber climber([&](unsigned, unsigned) {
    purged.push_back(os_.purged_pages());
    return purged.back() > 0;
  });
  EXPECT_TRUE(Climb(RunOf(39), climber));
  EXPECT_EQ(purged.back(), 100u) << "more than is asked for: others would take just that";
  EXPECT_EQ(arena_.meter().committed() + 100, arena_.meter().limit());
  FreeRun(1, live);
}

TEST_F(PressureTest, FifthRungPurgesDownToALimitThatWasSetBelowWhatIsCommitted) {
  void* live = AllocateRun(1, 10);
  FreeRun(1, AllocateRun(1, 300));
  arena_.meter().set_limit(arena_.meter().committed() - 200);
  bool room = false;
  ScriptedClimber climber([&](unsigned, unsigned) {
    room = arena_.meter().committed() + 39 <= arena_.meter().limit();
    return room;
  });
  EXPECT_TRUE(Climb(RunOf(39), climber));
  EXPECT_EQ(os_.purged_pages(), 256u);
  EXPECT_EQ(arena_.meter().committed() + 39 + 17, arena_.meter().limit());
  FreeRun(1, live);
}

TEST_F(PressureTest, FifthRungPurgesAgainWhenOthersTookWhatItGaveBackWhileThereIsMore) {
  void* live = AllocateRun(1, 10);
  FreeRun(1, AllocateRun(1, 300));
  CommitMeter& meter = arena_.meter();
  meter.set_limit(meter.committed());
  size_t taken = 0;
  ScriptedClimber climber([&](unsigned, unsigned) {
    if (meter.Charge(100)) taken += 100;
    return false;
  });
  EXPECT_FALSE(Climb(RunOf(100), climber));
  EXPECT_EQ(taken, 300u);
  EXPECT_EQ(os_.purged_pages(), 300u);
  meter.Uncharge(taken);
  FreeRun(1, live);
}

// The pages that another thread has claimed to give them back are nowhere to be found until then.
TEST_F(PressureTest, TheLastSweepWaitsForWhoGivesPagesBack) {
  std::atomic<bool> purging{true};
  Lease& purge_lease = arena_.purge_lease();
  purge_lease.Lock();
  bool found = false;
  ScriptedClimber climber([&](unsigned, unsigned) {
    found = !purging;
    return found;
  });
  std::thread leader([&] { EXPECT_TRUE(Climb(RunOf(4), climber)); });
  // All sweeps before the last one: the leader waits then.
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  purging = false;
  purge_lease.Unlock();
  leader.join();
  EXPECT_TRUE(found);
}

TEST_F(PressureTest, FifthRungTriesAgainWhenOthersTookTheRoomThatThereWas) {
  void* live = AllocateRun(1, 10);
  FreeRun(1, AllocateRun(1, 300));
  CommitMeter& meter = arena_.meter();
  meter.set_limit(meter.committed() + 50);
  size_t taken = 0;
  ScriptedClimber climber([&](unsigned attempt, unsigned) {
    // Before the last rung all is as it was. Then somebody is faster.
    if (attempt < 1 + 2 * kShards) return false;
    if (taken == 0 && meter.Charge(50)) {
      taken = 50;
      return false;
    }
    if (!meter.Charge(40)) return false;
    taken += 40;
    return true;
  });
  EXPECT_TRUE(Climb(RunOf(40), climber));
  EXPECT_GE(os_.purged_pages(), 40u);
  meter.Uncharge(taken);
  FreeRun(1, live);
}

TEST_F(PressureTest, AFailureIsRememberedAndCostsNoStepTheSecondTime) {
  EXPECT_THAT(StepsOfFailure(RunOf(4)), ::testing::Not(IsEmpty()));
  EXPECT_THAT(StepsOfFailure(RunOf(4)), IsEmpty());
  EXPECT_THAT(StepsOfFailure(Object(64)), ::testing::Not(IsEmpty()));
  EXPECT_THAT(StepsOfFailure(Object(64)), IsEmpty());
  EXPECT_EQ(Get(pressure_.counters().climbs), 2u);
  EXPECT_EQ(Get(pressure_.counters().failures), 2u);
  EXPECT_EQ(Get(pressure_.counters().remembered), 2u);
}

TEST_F(PressureTest, TheSameFailsAgainOnlyAfterTheOwnBinsWereLookedInto) {
  unsigned flushes = 0;
  EXPECT_FALSE(pressure_.FailsAgain(RunOf(4), [&] { ++flushes; }));
  EXPECT_EQ(flushes, 0u) << "nothing has failed yet: bins keep what they hold";
  StepsOfFailure(RunOf(4));
  EXPECT_TRUE(pressure_.FailsAgain(RunOf(4), [&] { ++flushes; }));
  EXPECT_EQ(flushes, 1u);
  EXPECT_EQ(Get(pressure_.counters().remembered), 1u);
  EXPECT_FALSE(pressure_.FailsAgain(RunOf(4), [&] { shards_[0].NotePost(); }))
      << "the bins held something";
  EXPECT_EQ(Get(pressure_.counters().remembered), 1u);
}

// No release tells that the system has memory again.
TEST_F(PressureTest, AFailureBecauseTheSystemRefusedMemoryIsForgottenAfterAWhile) {
  os_.Refuse(FakeOsMemory::kCommit);
  ScriptedClimber refused([&](unsigned, unsigned) { return arena_.TakeSlots(1) != kNoIndex; });
  ASSERT_FALSE(pressure_.Climb(RunOf(4), 0, nullptr, refused));
  EXPECT_TRUE(pressure_.FailsAgain(RunOf(4), [] {})) << "at first it is remembered";
  os_.Allow(FakeOsMemory::kCommit);
  std::this_thread::sleep_for(std::chrono::milliseconds(40));
  EXPECT_FALSE(pressure_.FailsAgain(RunOf(4), [] {}));
  EXPECT_EQ(StepsOfFailure(RunOf(5)).empty(), false);
  std::this_thread::sleep_for(std::chrono::milliseconds(40));
  EXPECT_TRUE(pressure_.FailsAgain(RunOf(5), [] {})) << "the system had nothing to do with it";
}

TEST_F(PressureTest, WhatIsHarderThanARememberedFailureFailsTooAndWhatIsEasierClimbs) {
  StepsOfFailure(RunOf(8));
  EXPECT_THAT(StepsOfFailure(RunOf(9)), IsEmpty());
  EXPECT_THAT(StepsOfFailure(RunOf(7)), ::testing::Not(IsEmpty()));
  EXPECT_THAT(StepsOfFailure(RunOf(7)), IsEmpty());
  EXPECT_THAT(StepsOfFailure(RunOf(8)), IsEmpty()) << "still remembered through the smaller one";
  EXPECT_THAT(StepsOfFailure(RunOf(6)), ::testing::Not(IsEmpty()));
}

TEST_F(PressureTest, AFailureIsForgottenWhenMemoryIsNoLongerScarce) {
  // From then on threads cache again, so that what was freed may lie in bins and count as no
  // release.
  EXPECT_THAT(StepsOfFailure(RunOf(8)), Not(IsEmpty()));
  EXPECT_THAT(StepsOfFailure(RunOf(8)), IsEmpty());
  registry_.set_scarce(false);
  EXPECT_THAT(StepsOfFailure(RunOf(8)), Not(IsEmpty()));
}

TEST_F(PressureTest, OfTwoRequestsForManySlotsTheSmallerIsNotCoveredByTheFailureOfTheLarger) {
  EXPECT_THAT(StepsOfFailure(RunOf(4096)), Not(IsEmpty()));
  EXPECT_THAT(StepsOfFailure(RunOf(2048)), Not(IsEmpty()));
  EXPECT_THAT(StepsOfFailure(RunOf(4096)), IsEmpty());
}

TEST_F(PressureTest, SmallClassesAreRememberedOneByOne) {
  StepsOfFailure(Object(64));
  EXPECT_THAT(StepsOfFailure(Object(48)), ::testing::Not(IsEmpty()));
  EXPECT_THAT(StepsOfFailure(Object(80)), ::testing::Not(IsEmpty()));
  EXPECT_THAT(StepsOfFailure(RunOf(1)), ::testing::Not(IsEmpty()));
  EXPECT_THAT(StepsOfFailure(Object(64)), IsEmpty());
}

TEST_F(PressureTest, AnAlignedFailureSaysNothingAboutOtherRequests) {
  EXPECT_THAT(StepsOfFailure(RunOf(4, 8)), ::testing::Not(IsEmpty()));
  EXPECT_THAT(StepsOfFailure(RunOf(4, 8)), ::testing::Not(IsEmpty()));
  EXPECT_THAT(StepsOfFailure(RunOf(4)), ::testing::Not(IsEmpty()));
}

TEST_F(PressureTest, AnyReleaseMakesTheLadderForgetWhatFailed) {
  void* run = AllocateRun(2, 4);
  for (const Request& request : {RunOf(4), Object(64)}) {
    StepsOfFailure(request);
    ASSERT_THAT(StepsOfFailure(request), IsEmpty());
    shards_[1].NotePost();
    EXPECT_THAT(StepsOfFailure(request), ::testing::Not(IsEmpty()));
    ASSERT_THAT(StepsOfFailure(request), IsEmpty());
  }
  FreeRun(2, run);
  EXPECT_THAT(StepsOfFailure(RunOf(4)), ::testing::Not(IsEmpty()));
}

// Something freed while the leader was still climbing may be just what the next one needs.
TEST_F(PressureTest, AReleaseDuringTheLastSweepIsNotCoveredByTheRememberedFailure) {
  ScriptedClimber climber([&](unsigned attempt, unsigned) {
    if (attempt >= 3 * kShards) shards_[0].NotePost();
    return false;
  });
  EXPECT_FALSE(Climb(RunOf(4), climber));
  EXPECT_THAT(StepsOfFailure(RunOf(4)), ::testing::Not(IsEmpty()));
}

TEST_F(PressureTest, WhatIsReleasedDuringTheLastSweepIsLookedForOnceMore) {
  // The first shard is passed by when the last one finds mail for it.
  ScriptedClimber climber([&](unsigned attempt, unsigned) {
    if (attempt == 3 * kShards) shards_[0].NotePost();
    return attempt == 3 * kShards + 1;
  });
  EXPECT_TRUE(Climb(RunOf(4), climber));
}

TEST_F(PressureTest, AFailureOfAnEarlierTimeOfScarcityIsForgotten) {
  StepsOfFailure(RunOf(8));
  registry_.set_scarce(false);
  // Scarce again, without any release that was counted.
  arena_.meter().set_limit(0);
  pressure_.Watch(MemBudget::NowMs(), nullptr);
  arena_.meter().set_limit(SIZE_MAX);
  ASSERT_TRUE(registry_.scarce());
  EXPECT_THAT(StepsOfFailure(RunOf(8)), Not(IsEmpty()));
}

TEST_F(PressureTest, WhoWaitedAtTheGateForALeaderThatFoundNothingDoesNotSweep) {
  std::atomic<bool> leading{false};
  std::atomic<bool> follower_waits{false};
  ScriptedClimber leader([&](unsigned attempt, unsigned) {
    if (attempt == 1) {
      leading = true;
      while (!follower_waits) std::this_thread::yield();
    }
    return false;
  });
  ScriptedClimber follower([&](unsigned, unsigned) {
    follower_waits = true;
    return false;
  });
  std::thread first([&] { EXPECT_FALSE(Climb(RunOf(4), leader)); });
  while (!leading) std::this_thread::yield();
  std::thread second([&] { EXPECT_FALSE(Climb(RunOf(4), follower, 1)); });
  first.join();
  second.join();
  EXPECT_THAT(follower.steps, ElementsAre("flush", "try 1"));
  EXPECT_EQ(Get(pressure_.counters().failures), 2u);
}

TEST_F(PressureTest, BehindTheGateThereIsOneLeaderAtATime) {
  std::atomic<int> leaders{0};
  std::atomic<int> most{0};
  auto climb = [&](unsigned pages) {
    ScriptedClimber climber([&](unsigned attempt, unsigned) {
      if (attempt == 1) {
        const int now = ++leaders;
        if (now > most) most = now;
        std::this_thread::yield();
      }
      if (attempt == kShards) --leaders;
      return attempt == kShards;
    });
    for (int i = 0; i < 200; ++i) {
      climber.attempts = 0;
      EXPECT_TRUE(Climb(RunOf(pages), climber));
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 1; i <= 4; ++i) threads.emplace_back(climb, i);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(most, 1);
  EXPECT_EQ(Get(pressure_.counters().rescues), 800u);
}

TEST_F(PressureTest, MemoryIsScarceUntilSomeTimeAfterTheLastFailure) {
  StepsOfFailure(RunOf(4));
  ASSERT_TRUE(registry_.scarce());
  pressure_.Watch(MemBudget::NowMs(), nullptr);
  EXPECT_TRUE(registry_.scarce());
  pressure_.Watch(MemBudget::NowMs() + 1000, nullptr);
  EXPECT_FALSE(registry_.scarce());
}

TEST_F(PressureTest, MemoryStaysScarceWhileSomebodyLeads) {
  StepsOfFailure(RunOf(4));
  ASSERT_TRUE(registry_.scarce());
  bool stayed = false;
  ScriptedClimber climber([&](unsigned attempt, unsigned) {
    if (attempt != 1) return false;
    std::thread([&] { pressure_.Watch(MemBudget::NowMs() + 1000, nullptr); }).join();
    stayed = registry_.scarce();
    return true;
  });
  EXPECT_TRUE(Climb(RunOf(3), climber));
  EXPECT_TRUE(stayed);
}

TEST_F(PressureTest, AnArenaWithLittleLeftMakesMemoryScarceBeforeAnythingFails) {
  if (kConfig.tight_part == 0) {
    GTEST_SKIP() << "SKIP: built with tight_part=0: an arena is never tight";
  }
  const uint64_t now = MemBudget::NowMs();
  std::vector<void*> runs;
  for (uint32_t slot = 0; slot < arena_.slots(); ++slot) {
    pressure_.Watch(now, nullptr);
    ASSERT_FALSE(registry_.scarce()) << "there are free slots";
    runs.push_back(AllocateRun(0, kPagesPerSegment / 2));
    runs.push_back(AllocateRun(0, kPagesPerSegment / 2));
  }
  pressure_.Watch(now, nullptr);
  EXPECT_TRUE(registry_.scarce());
  EXPECT_EQ(registry_.epoch(), kConfig.broadcast ? 1u : 0u);
  // A leader of that time asks nobody again but robs and waits.
  EXPECT_THAT(StepsOfFailure(RunOf(4)), Not(IsEmpty()));
  EXPECT_EQ(registry_.epoch(), kConfig.broadcast ? 1u : 0u);
  for (void* run : runs) FreeRun(0, run);
  pressure_.Watch(MemBudget::NowMs() + 1000, nullptr);
  EXPECT_FALSE(registry_.scarce());
}

TEST_F(PressureTest, MemoryIsScarceNearALimitUnlessFreePagesHoldSome) {
  if (kConfig.tight_part == 0) {
    GTEST_SKIP() << "SKIP: built with tight_part=0: an arena is never tight";
  }
  void* live = AllocateRun(0, 400);
  void* other = AllocateRun(0, 100);
  arena_.meter().set_limit(arena_.meter().committed() + 1);
  pressure_.Watch(MemBudget::NowMs(), nullptr);
  EXPECT_TRUE(registry_.scarce());
  FreeRun(0, other);
  pressure_.Watch(MemBudget::NowMs() + 1000, nullptr);
  EXPECT_FALSE(registry_.scarce()) << "a fifth of the limit can be had again";
  FreeRun(0, live);
}

}  // namespace
}  // namespace hz3
