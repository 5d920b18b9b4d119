#include "hz3/pages/commit_meter.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

TEST(CommitMeter, HasNoLimitAtFirst) {
  CommitMeter meter;
  EXPECT_EQ(meter.limit(), SIZE_MAX);
  EXPECT_TRUE(meter.Charge(size_t{1} << 40));
  EXPECT_EQ(meter.committed(), size_t{1} << 40);
}

TEST(CommitMeter, RefusesWhatWouldCrossTheLimitAndCountsNothingThen) {
  CommitMeter meter;
  meter.set_limit(10);
  EXPECT_TRUE(meter.Charge(7));
  EXPECT_FALSE(meter.Charge(4));
  EXPECT_EQ(meter.committed(), 7u);
  EXPECT_TRUE(meter.Charge(3));
  EXPECT_TRUE(meter.Charge(0));
  EXPECT_FALSE(meter.Charge(1));
  meter.Uncharge(1);
  EXPECT_TRUE(meter.Charge(1));
}

TEST(CommitMeter, ALimitBelowWhatIsCommittedForbidsGrowthAndTakesNothingAway) {
  CommitMeter meter;
  ASSERT_TRUE(meter.Charge(100));
  meter.set_limit(50);
  EXPECT_EQ(meter.committed(), 100u);
  EXPECT_FALSE(meter.Charge(1));
  meter.Uncharge(60);
  EXPECT_TRUE(meter.Charge(10));
  EXPECT_FALSE(meter.Charge(1));
}

TEST(CommitMeter, RemembersThePeakOfWhatWasGranted) {
  CommitMeter meter;
  meter.set_limit(20);
  ASSERT_TRUE(meter.Charge(15));
  EXPECT_FALSE(meter.Charge(10));
  meter.Uncharge(15);
  ASSERT_TRUE(meter.Charge(5));
  EXPECT_EQ(meter.peak(), 15u);
}

TEST(CommitMeter, CrossingTheAlarmIsGrantedAndRememberedOnce) {
  CommitMeter meter;
  EXPECT_TRUE(meter.Charge(size_t{1} << 40));
  EXPECT_FALSE(meter.alarmed()) << "there is no alarm at first";
  meter.Uncharge(size_t{1} << 40);
  meter.set_alarm(10);
  EXPECT_TRUE(meter.Charge(10));
  EXPECT_FALSE(meter.alarmed());
  EXPECT_TRUE(meter.Charge(1));
  EXPECT_TRUE(meter.alarmed());
  EXPECT_TRUE(meter.TakeAlarm());
  EXPECT_FALSE(meter.TakeAlarm());
  EXPECT_EQ(meter.committed(), 11u);
  EXPECT_TRUE(meter.Charge(1));
  EXPECT_TRUE(meter.TakeAlarm()) << "each charge above it";
}

TEST(CommitMeter, WhatTheLimitRefusesDoesNotAlarm) {
  CommitMeter meter;
  meter.set_alarm(10);
  meter.set_limit(20);
  EXPECT_FALSE(meter.Charge(21));
  EXPECT_FALSE(meter.alarmed());
}

TEST(CommitMeter, ThreadsTogetherNeverGetMoreThanTheLimit) {
  constexpr size_t kLimit = 1000;
  CommitMeter meter;
  meter.set_limit(kLimit);
  std::atomic<size_t> held{0};
  std::atomic<size_t> most{0};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < 20000; ++i) {
        const size_t n = (t * 131 + i * 7) % 400;
        if (!meter.Charge(n)) continue;
        const size_t now = held.fetch_add(n) + n;
        size_t seen = most.load();
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        held.fetch_sub(n);
        meter.Uncharge(n);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most.load(), kLimit);
  EXPECT_GT(most.load(), 0u);
  EXPECT_LE(meter.peak(), kLimit);
  EXPECT_EQ(meter.committed(), 0u);
}

TEST(CommitMeter, CountsWhatItRefuses) {
  CommitMeter meter;
  meter.set_limit(10);
  EXPECT_TRUE(meter.Charge(10));
  EXPECT_EQ(meter.refusals(), 0u);
  EXPECT_FALSE(meter.Charge(1));
  EXPECT_FALSE(meter.Charge(1));
  EXPECT_EQ(meter.refusals(), 2u);
}

// A request that cannot be granted must not make smaller ones fail while it is looked at.
TEST(CommitMeter, AChargeThatIsRefusedIsNeverSeenByOthers) {
  CommitMeter meter;
  meter.set_limit(1000);
  std::atomic<bool> stop{false};
  std::thread greedy([&] {
    while (!stop) EXPECT_FALSE(meter.Charge(5000));
  });
  unsigned refused = 0;
  for (int i = 0; i < 200000; ++i) {
    if (meter.Charge(1)) {
      meter.Uncharge(1);
    } else {
      ++refused;
    }
  }
  stop = true;
  greedy.join();
  EXPECT_EQ(refused, 0u);
}

}  // namespace
}  // namespace hz3
