#include "hz3/base/metadata_pool.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <future>
#include <map>
#include <random>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"
#include "hz3/base/words.h"

namespace hz3 {
namespace {

size_t BlockOf(size_t bytes) { return std::bit_ceil(std::max(bytes, MetadataPool::kMinBlock)); }

class MetadataPoolTest : public ::testing::Test {
 protected:
  FakeOsMemory os_;
  MetadataPool pool_{&os_};
};

TEST_F(MetadataPoolTest, AsksForNothingBeforeItIsUsed) {
  EXPECT_EQ(pool_.bytes(), 0u);
  EXPECT_EQ(os_.calls(FakeOsMemory::kReserve), 0u);
}

TEST_F(MetadataPoolTest, BlocksHoldTheirBytesAreAlignedAndDoNotOverlap) {
  std::map<uintptr_t, size_t> blocks;
  std::mt19937_64 random(1);
  for (int i = 0; i < 400; ++i) {
    const size_t bytes = 1 + random() % (size_t{1} << (6 + random() % 11));
    void* p = pool_.Allocate(bytes);
    ASSERT_NE(p, nullptr);
    const uintptr_t start = reinterpret_cast<uintptr_t>(p);
    EXPECT_EQ(start % std::min(BlockOf(bytes), kPageSize), 0u) << bytes;
    const auto [place, fresh] = blocks.emplace(start, bytes);
    ASSERT_TRUE(fresh) << "handed out twice";
    const auto after = std::next(place);
    if (after != blocks.end()) {
      EXPECT_LE(start + bytes, after->first);
    }
    if (place != blocks.begin()) {
      const auto before = std::prev(place);
      EXPECT_LE(before->first + before->second, start);
    }
    memset(p, 0xff, bytes);
  }
  size_t all = 0;
  for (const auto& [start, bytes] : blocks) all += BlockOf(bytes);
  EXPECT_GE(pool_.bytes(), all);
  EXPECT_LE(pool_.bytes(), os_.reserved_bytes() - 2 * kPageSize * os_.reservations());
}

TEST_F(MetadataPoolTest, FreedBlocksAreUsedAgainBeforeTheOsIsAskedForMore) {
  for (size_t bytes : {size_t{1}, MetadataPool::kMinBlock, size_t{5000}, MetadataPool::kMaxBlock}) {
    std::vector<void*> first;
    for (int i = 0; i < 20; ++i) first.push_back(pool_.Allocate(bytes));
    const size_t had = pool_.bytes();
    for (void* p : first) pool_.Free(p, bytes);
    std::vector<void*> second;
    for (int i = 0; i < 20; ++i) second.push_back(pool_.Allocate(bytes));
    EXPECT_EQ(pool_.bytes(), had);
    std::sort(first.begin(), first.end());
    std::sort(second.begin(), second.end());
    EXPECT_EQ(first, second) << bytes;
  }
}

TEST_F(MetadataPoolTest, SmallBlocksShareAPageAlsoWhenPagesAreAskedForInBetween) {
  char* const first = static_cast<char*>(pool_.Allocate(MetadataPool::kMinBlock));
  void* const page = pool_.Allocate(kPageSize);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(page) % kPageSize, 0u);
  EXPECT_EQ(pool_.Allocate(MetadataPool::kMinBlock), first + MetadataPool::kMinBlock);
}

TEST_F(MetadataPoolTest, GetsMemoryForSomePagesAheadAndDoesWithoutWhereThatIsRefused) {
  for (int i = 0; i < 60; ++i) pool_.Allocate(kPageSize);
  const size_t calls = os_.calls(FakeOsMemory::kPopulate);
  EXPECT_GT(calls, 0u);
  EXPECT_LT(calls, 30u) << "several pages at a time";
  os_.Refuse(FakeOsMemory::kPopulate);
  for (int i = 0; i < 60; ++i) {
    void* p = pool_.Allocate(kPageSize);
    ASSERT_NE(p, nullptr);
    memset(p, 1, kPageSize);
  }
}

// A thread that waits for the kernel must not have the others stand in line: one of them gets a
// block while it does.
TEST_F(MetadataPoolTest, GrowsAndPopulatesWhileOthersAllocate) {
  ASSERT_NE(pool_.Allocate(64), nullptr);  // the first chunk
  unsigned calls = 0;
  bool inside = false;
  const auto others_are_served = [&] {
    if (std::exchange(inside, true)) return;  // one of theirs
    ++calls;
    auto other = std::async(std::launch::async, [&] { return pool_.Allocate(64); });
    EXPECT_EQ(other.wait_for(std::chrono::seconds(10)), std::future_status::ready);
    inside = false;
  };
  for (const auto call : {FakeOsMemory::kReserve, FakeOsMemory::kCommit, FakeOsMemory::kPopulate}) {
    os_.set_during(call, others_are_served);
  }
  const size_t had = os_.reservations();
  while (os_.reservations() < had + 3) {
    char* p = static_cast<char*>(pool_.Allocate(kPageSize));
    ASSERT_NE(p, nullptr);
    p[0] = p[kPageSize - 1] = 1;
  }
  EXPECT_GT(calls, 6u);
  for (const auto call : {FakeOsMemory::kReserve, FakeOsMemory::kCommit, FakeOsMemory::kPopulate}) {
    os_.set_during(call, {});
  }
}

TEST_F(MetadataPoolTest, TakesLessWhereTheOsRefusesMuch) {
  os_.set_largest_reservation(size_t{1} << 20);
  std::set<void*> blocks;
  for (unsigned i = 0; i < 100; ++i) {
    void* p = pool_.Allocate(MetadataPool::kMaxBlock);
    ASSERT_NE(p, nullptr);
    memset(p, 1, MetadataPool::kMaxBlock);
    blocks.insert(p);
  }
  EXPECT_EQ(blocks.size(), 100u);
}

TEST_F(MetadataPoolTest, WhatTheOsRefusesAheadIsAskedForAgainWhenItIsNeeded) {
  ASSERT_NE(pool_.Allocate(64), nullptr);
  os_.Refuse(FakeOsMemory::kReserve);
  unsigned served = 0;
  while (pool_.Allocate(MetadataPool::kMaxBlock) != nullptr) ++served;
  EXPECT_GT(served, 0u) << "what was left of the chunk";
  os_.Allow(FakeOsMemory::kReserve);
  EXPECT_NE(pool_.Allocate(MetadataPool::kMaxBlock), nullptr);
}

// Whether the pool asks the OS for three more chunks, each outside of its lease.
bool GrowsAhead(FakeOsMemory& os, MetadataPool& pool) {
  unsigned ahead = 0;
  os.set_during(FakeOsMemory::kReserve, [&] {
    std::atomic<bool> served{false};
    std::thread other([&] {
      pool.LockForFork();
      served = true;
      pool.UnlockAfterFork();
    });
    for (int ms = 0; ms < 10000 && !served; ++ms) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ahead += served;
    if (!served) _exit(2);  // it waits for us, and we for it
    other.join();
  });
  const size_t had = os.reservations();
  while (os.reservations() < had + 3) {
    if (pool.Allocate(kPageSize) == nullptr) return false;
  }
  return ahead == 3;
}

// Whoever grew the pool when the process forked is not in the child.
TEST_F(MetadataPoolTest, TheChildOfAForkInTheMidstOfGrowingGrowsAheadToo) {
  ASSERT_NE(pool_.Allocate(64), nullptr);
  const size_t had = os_.reservations();
  pid_t child = -1;
  os_.set_during(FakeOsMemory::kReserve, [&] {
    pool_.LockForFork();
    child = fork();
    if (child == 0) {
      pool_.ResetAfterFork();
      _exit(GrowsAhead(os_, pool_) ? 0 : 1);
    }
    pool_.UnlockAfterFork();
  });
  while (os_.reservations() == had) ASSERT_NE(pool_.Allocate(kPageSize), nullptr);
  ASSERT_GT(child, 0);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  os_.set_during(FakeOsMemory::kReserve, {});
}

TEST_F(MetadataPoolTest, ARefusalIsNullptrLosesNothingAndIsNotForEver) {
  os_.Refuse(FakeOsMemory::kReserve);
  EXPECT_EQ(pool_.Allocate(64), nullptr);
  os_.Allow(FakeOsMemory::kReserve);
  os_.Refuse(FakeOsMemory::kCommit);
  EXPECT_EQ(pool_.Allocate(64), nullptr);
  EXPECT_EQ(os_.reservations(), 0u) << "what could not be committed is given back";
  EXPECT_EQ(pool_.bytes(), 0u);
  os_.Allow(FakeOsMemory::kCommit);
  EXPECT_NE(pool_.Allocate(64), nullptr);
}

TEST_F(MetadataPoolTest, ServesThreadsAtOnceWithoutHandingABlockOutTwice) {
  constexpr int kThreads = 4;
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(static_cast<uint64_t>(t));
      std::vector<unsigned char*> held;
      for (int i = 0; i < 4000; ++i) {
        if (held.size() < 20 || random() % 2 == 0) {
          auto* p = static_cast<unsigned char*>(pool_.Allocate(200));
          memset(p, t, 200);
          held.push_back(p);
        } else {
          unsigned char* p = held.back();
          held.pop_back();
          if (std::any_of(p, p + 200, [t](unsigned char c) { return c != t; })) ++wrong;
          pool_.Free(p, 200);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0);
}

}  // namespace
}  // namespace hz3
