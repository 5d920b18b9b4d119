#include "hz3/harden/quarantine.h"

#include <algorithm>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"

namespace hz3 {
namespace {

constexpr size_t kBytes = Quarantine::kStripes * 1000;

// Addresses only: the quarantine never looks at the blocks.
char* BlockNumber(uintptr_t i) { return reinterpret_cast<char*>((i + 1) * 16); }

class QuarantineTest : public ::testing::Test {
 protected:
  std::vector<char*> Hold(char* block, size_t bytes) {
    char* evicted[Quarantine::kMaxEvicted];
    const unsigned n = quarantine_.Hold(block, bytes, evicted);
    return {evicted, evicted + n};
  }

  FakeOsMemory os_;
  Quarantine quarantine_;
};

TEST_F(QuarantineTest, HoldsBlocksUntilItsBytesAreUsedUp) {
  ASSERT_TRUE(quarantine_.Init(os_, kBytes));
  for (uintptr_t i = 0; i < 10; ++i) EXPECT_TRUE(Hold(BlockNumber(i), 100).empty());
  EXPECT_EQ(quarantine_.bytes(), 1000u);
  EXPECT_EQ(Hold(BlockNumber(10), 150).size(), 2u);
  EXPECT_EQ(quarantine_.bytes(), 950u);
}

TEST_F(QuarantineTest, HoldsNoMoreThanItsEntries) {
  ASSERT_TRUE(quarantine_.Init(os_, size_t{1} << 40));
  for (uintptr_t i = 0; i < Quarantine::kEntries; ++i) {
    ASSERT_TRUE(Hold(BlockNumber(i), 1).empty());
  }
  EXPECT_EQ(Hold(BlockNumber(Quarantine::kEntries), 1).size(), 1u);
}

TEST_F(QuarantineTest, BlocksLeaveInNoForeseeableOrder) {
  ASSERT_TRUE(quarantine_.Init(os_, kBytes));
  std::vector<char*> order;
  for (uintptr_t i = 0; i < 200; ++i) {
    for (char* block : Hold(BlockNumber(i), 10)) order.push_back(block);
  }
  ASSERT_EQ(order.size(), 100u);
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
}

TEST_F(QuarantineTest, EveryBlockLeavesOnce) {
  ASSERT_TRUE(quarantine_.Init(os_, kBytes));
  std::multiset<char*> left;
  for (uintptr_t i = 0; i < 500; ++i) {
    for (char* block : Hold(BlockNumber(i), 1 + i % 50)) left.insert(block);
  }
  char* evicted[Quarantine::kMaxEvicted];
  while (const unsigned n = quarantine_.Drain(evicted)) left.insert(evicted, evicted + n);
  EXPECT_EQ(quarantine_.bytes(), 0u);
  ASSERT_EQ(left.size(), 500u);
  EXPECT_EQ(std::set<char*>(left.begin(), left.end()).size(), 500u);
}

TEST_F(QuarantineTest, ShowsWhatItHolds) {
  ASSERT_TRUE(quarantine_.Init(os_, kBytes));
  Hold(BlockNumber(1), 1);
  Hold(BlockNumber(2), 1);
  std::set<char*> seen;
  quarantine_.ForEach([&](char* block) { seen.insert(block); });
  EXPECT_EQ(seen, (std::set<char*>{BlockNumber(1), BlockNumber(2)}));
}

TEST_F(QuarantineTest, WhatItCannotHoldLeavesAtOnce) {
  EXPECT_EQ(Hold(BlockNumber(1), 1), std::vector<char*>{BlockNumber(1)}) << "before Init";
  os_.Refuse(FakeOsMemory::kCommit);
  EXPECT_FALSE(quarantine_.Init(os_, kBytes));
  EXPECT_EQ(os_.reservations(), 0u);
  os_.Allow(FakeOsMemory::kCommit);
  ASSERT_TRUE(quarantine_.Init(os_, kBytes));
  EXPECT_EQ(Hold(BlockNumber(1), 1001), std::vector<char*>{BlockNumber(1)});
}

}  // namespace
}  // namespace hz3
