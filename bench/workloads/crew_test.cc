#include "bench/workloads/crew.h"

#include <sched.h>

#include <atomic>
#include <vector>

#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

TEST(Crew, EveryThreadDoesEachStepOnce) {
  constexpr size_t kThreads = 5;
  Crew crew(kThreads);
  std::vector<int> calls(kThreads, 0);
  for (int step = 1; step <= 100; ++step) {
    const double seconds = crew.Run([&calls](size_t thread) { ++calls[thread]; });
    EXPECT_GE(seconds, 0);
    // At rest now: read without a lock.
    for (size_t i = 0; i < kThreads; ++i) ASSERT_EQ(calls[i], step);
  }
}

TEST(Crew, TheThreadsOfAStepRunTogether) {
  constexpr size_t kThreads = 3;
  Crew crew(kThreads);
  std::atomic<size_t> arrived{0};
  // Would never end if one thread came after the other.
  crew.Run([&arrived](size_t) {
    arrived.fetch_add(1);
    while (arrived.load() < kThreads) sched_yield();
  });
  EXPECT_EQ(arrived.load(), kThreads);
}

TEST(Crew, TheCallerDoesSomethingMeanwhile) {
  Crew crew(1);
  std::atomic<bool> seen{false};
  crew.Run(
      [&seen](size_t) {
        while (!seen.load()) sched_yield();
      },
      [&seen] { seen.store(true); });
  EXPECT_TRUE(seen.load());
}

}  // namespace
}  // namespace hz3::bench
