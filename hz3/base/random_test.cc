#include "hz3/base/random.h"

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

TEST(Random, TheSecretIsNotZeroAndStays) {
  EXPECT_NE(ProcessSecret(), 0u);
  EXPECT_EQ(ProcessSecret(), ProcessSecret());
}

TEST(Random, NumbersStayBelowTheirBoundAndReachAllOfIt) {
  std::set<uint32_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(RandomBelow(7));
  EXPECT_EQ(seen.size(), 7u);
  EXPECT_EQ(*seen.rbegin(), 6u);
}

TEST(Random, ThreadsHaveSequencesOfTheirOwn) {
  const uint32_t here = NextRandom();
  uint32_t there = here;
  std::thread([&] { there = NextRandom(); }).join();
  EXPECT_NE(here, there);
}

TEST(Random, ShufflingKeepsAllAndChangesTheOrder) {
  std::vector<void*> pointers;
  for (uintptr_t i = 0; i < 64; ++i) pointers.push_back(reinterpret_cast<void*>(i));
  std::vector<void*> shuffled = pointers;
  Shuffle(shuffled.data(), shuffled.size());
  EXPECT_NE(shuffled, pointers);  // once in 64! it is the same
  std::sort(shuffled.begin(), shuffled.end());
  EXPECT_EQ(shuffled, pointers);
  Shuffle(nullptr, 0);
}

}  // namespace
}  // namespace hz3
