#include "bench/workloads/ledger.h"

#include <vector>

#include "bench/lib/rng.h"
#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

TEST(Ledger, AgreesWithAModelThatKnowsEveryBlock) {
  constexpr size_t kThreads = 3;
  constexpr uint64_t kSeed = 7;
  Ledger ledger(kThreads, {});
  Rng rng(kSeed);
  std::vector<Block> model;
  for (int step = 0; step < 20'000; ++step) {
    const uint64_t draw = rng.Next();
    Account& account = ledger.account(ScaleTo(HighHalf(draw), kThreads));
    if (model.size() < 100 || draw % 2 == 0) {
      const Block block = account.Allocate(1 + draw % 9000);
      ASSERT_NE(block.pointer, nullptr);
      model.push_back(block);
    } else {
      // Whichever thread allocated it.
      account.Free(model.back());
      model.pop_back();
    }
    if (step % 1000 != 0) continue;
    int64_t rounded = 0;
    int64_t requested = 0;
    int64_t strict = 0;
    for (const Block& block : model) {
      rounded += static_cast<int64_t>(RoundedSize(block.size));
      requested += static_cast<int64_t>(block.size);
      strict += static_cast<int64_t>(StrictSize(block.size));
    }
    ASSERT_EQ(ledger.meter().Sum(), rounded) << "seed " << kSeed << " step " << step;
    ASSERT_EQ(ledger.Total(&Account::requested), requested);
    ASSERT_EQ(ledger.Total(&Account::strict), strict);
    ASSERT_EQ(ledger.Total(&Account::allocs) - ledger.Total(&Account::frees), model.size());
  }
  for (const Block& block : model) ledger.account(0).Free(block);
  EXPECT_EQ(ledger.meter().Sum(), 0);
}

TEST(Ledger, TheFirstFailureStopsAllAndKeepsWhatWasLive) {
  Ledger ledger(2, {});
  ledger.account(0).Charge(5000);
  EXPECT_FALSE(ledger.stopped());
  EXPECT_EQ(ledger.first_failure().live, -1);

  ledger.account(1).NoteFailure(300);
  EXPECT_TRUE(ledger.stopped());
  ledger.account(0).Charge(100);
  ledger.account(0).NoteFailure(400);
  EXPECT_EQ(ledger.first_failure().live, 8192);
  EXPECT_EQ(ledger.first_failure().size, 300u);
  EXPECT_EQ(ledger.first_failure().thread, 1u);
  EXPECT_EQ(ledger.Total(&Account::failures), 2u);

  ledger.Resume();
  EXPECT_FALSE(ledger.stopped());
  EXPECT_EQ(ledger.first_failure().live, -1);
}

// Between the instant at which memory was exhausted and the return of the call others may free.
TEST(Ledger, WhatWasLiveAtAFailureIsTheMostDuringTheCall) {
  Ledger ledger(2, {});
  const auto look = [&] {
    const auto begin = LiveMeter::Clock::now();
    while (LiveMeter::Clock::now() < begin + 3 * LiveMeter::kGrain) ledger.meter().Sample();
  };
  ledger.account(0).Charge(900 << 10);
  look();
  ledger.account(0).Uncharge(900 << 10);
  const auto begin = LiveMeter::Clock::now();
  ledger.account(0).Charge(400 << 10);
  look();
  ledger.account(0).Uncharge(400 << 10);
  ledger.account(0).Charge(4096);
  ledger.account(1).NoteFailure(300, begin);
  EXPECT_EQ(ledger.first_failure().live, 400 << 10);
}

int at_first_failure_calls = 0;

TEST(Ledger, CountedFailuresEndOnlyTheGrowth) {
  at_first_failure_calls = 0;
  Ledger ledger(
      1, {.on_failure = OnFailure::kCount, .at_first_failure = [] { ++at_first_failure_calls; }});
  ledger.account(0).NoteFailure(16);
  ledger.account(0).NoteFailure(16);
  EXPECT_FALSE(ledger.stopped());
  EXPECT_TRUE(ledger.reached());
  EXPECT_EQ(at_first_failure_calls, 1);
}

TEST(Ledger, TellsWhenTheTargetIsReached) {
  Ledger ledger(1, {.live_target = 8192});
  ledger.account(0).Charge(4096);
  EXPECT_TRUE(ledger.BelowTarget());
  EXPECT_FALSE(ledger.reached());
  ledger.account(0).Charge(4096);
  EXPECT_FALSE(ledger.BelowTarget());
  EXPECT_TRUE(ledger.reached());

  ledger.set_live_target(0);
  EXPECT_TRUE(ledger.BelowTarget());  // none
}

}  // namespace
}  // namespace hz3::bench
