#include "hz3/base/refusals.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

TEST(Refusals, NothingIsRefusedAtFirst) {
#define HZ3_EXPECT_NONE(name) EXPECT_EQ(refusals.name.load(), 0u) << #name;
  HZ3_REFUSAL_TABLE(HZ3_EXPECT_NONE)
#undef HZ3_EXPECT_NONE
}

TEST(Refusals, NoneIsLostWhenThreadsCountAtOnce) {
  constexpr unsigned kThreads = 4, kCounts = 10'000;
  const uint64_t others = refusals.madvise.load();
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([] {
      for (unsigned n = 0; n < kCounts; ++n) CountRefusal(refusals.membarrier);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refusals.membarrier.load(), uint64_t{kThreads} * kCounts);
  EXPECT_EQ(refusals.madvise.load(), others);
}

}  // namespace
}  // namespace hz3
