// The doors themselves; testing/integration holds the whole interface against its specifications.

#include <malloc.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/config/build_flags.h"
#include "hz3/heap.h"
#include "hz3/malloc_extension.h"

namespace hz3 {
namespace {

constexpr char kMovesWhenHardened[] =
    "SKIP: built with hardened=true: freed blocks wait in the quarantine, and large ones move";

class Malloc : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::string_view(kBuildSanitizer) != "none") {
      GTEST_SKIP() << "under " << kBuildSanitizer << " the sanitizer owns malloc";
    }
  }
};

bool IsOurs(const void* p) { return heap.segmap().Contains(p); }

TEST_F(Malloc, ServesThisProcess) {
  void* small = malloc(64);
  void* medium = malloc(20000);
  void* large = malloc(100000);
  void* huge = malloc(size_t{5} << 20);
  for (void* p : {small, medium, large, huge}) {
    EXPECT_TRUE(IsOurs(p));
    free(p);
  }
  void* object = ::operator new(100);
  EXPECT_TRUE(IsOurs(object));
  ::operator delete(object);
}

TEST_F(Malloc, GivesTheLastFreedBlockOfAClassFirst) {
  if (kConfig.hardened) GTEST_SKIP() << kMovesWhenHardened;
  void* a = malloc(64);
  free(a);
  void* b = malloc(50);  // the same class
  EXPECT_EQ(a, b);
  free(b);
}

TEST_F(Malloc, FreeKeepsErrnoAlsoOnTheSlowPath) {
  std::vector<void*> blocks;
  for (int i = 0; i < 10000; ++i) blocks.push_back(malloc(3000));
  errno = 77;
  for (void* p : blocks) free(p);
  EXPECT_EQ(errno, 77);
}

TEST_F(Malloc, SuccessKeepsErrno) {
  errno = 78;
  void* p = malloc(200000);
  EXPECT_EQ(errno, 78);
  free(p);
}

TEST_F(Malloc, CallocClearsWhatWasUsedBefore) {
  for (const size_t size : {24u, 5000u, 50000u, 3000000u}) {
    void* dirty = malloc(size);
    memset(dirty, 0x5a, size);
    free(dirty);
    unsigned char* clean = static_cast<unsigned char*>(calloc(1, size));
    for (size_t i = 0; i < size; ++i) ASSERT_EQ(clean[i], 0) << i << " of " << size;
    free(clean);
  }
}

TEST_F(Malloc, ReallocKeepsLargeBlocksWhereTheyAreWhenTheyShrinkALittle) {
  if (kConfig.hardened) GTEST_SKIP() << kMovesWhenHardened;
  void* p = malloc(200000);
  const uintptr_t before = reinterpret_cast<uintptr_t>(p);
  p = realloc(p, 190000);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(p), before);
  free(p);
}

TEST_F(Malloc, ReallocInSmallStepsMovesABlockOfPagesByQuarters) {
  if (kConfig.hardened) GTEST_SKIP() << kMovesWhenHardened;
  if (kConfig.wide_bin_bytes == 0 || kConfig.arena_mib != 0) {
    GTEST_SKIP() << "SKIP: built with wide_bin_bytes=0 or a fixed arena: no block gets more pages "
                    "than it needs";
  }
  bool has_room = false;
  for (unsigned i = 0; i < 10000 && !has_room; ++i) has_room = heap.GivesRoomToGrow();
  ASSERT_TRUE(has_room);
  void* p = malloc(8192);
  unsigned moves = 0;
  for (size_t bytes = 8192; bytes <= 32768; bytes += 64) {
    void* grown = realloc(p, bytes);
    ASSERT_NE(grown, nullptr);
    moves += grown != p;
    p = grown;
  }
  EXPECT_LE(moves, 5u) << "page by page it would be six";
  free(p);
}

TEST_F(Malloc, ABlockThatMovesOnceTakesThePagesItNeeds) {
  if (kConfig.hardened) GTEST_SKIP() << kMovesWhenHardened;
  if (kConfig.pace_ns == 0) GTEST_SKIP() << "SKIP: built with pace_ns=0: every move makes room";
  // In a thread of its own, in which nothing has moved yet.
  std::thread([] {
    void* p = malloc(32768);
    p = realloc(p, 32769);
    ASSERT_NE(p, nullptr);
    EXPECT_EQ(malloc_usable_size(p), 9u * 4096);
    free(p);
  }).join();
}

TEST_F(Malloc, TheUsableSizeOfALargeBlockIsSteadyWhileItsNeighbourComesAndGoes) {
  if (kConfig.hardened) GTEST_SKIP() << kMovesWhenHardened;
  // The neighbour's pages, right behind the block, are taken and given back all the time.
  // Aligned to more than a page, so that no bin holds them.
  constexpr size_t kBytes = 40960;
  const auto allocate = [] { return static_cast<char*>(aligned_alloc(8192, kBytes)); };
  char* block = allocate();
  std::vector<char*> others;
  char* behind = allocate();
  while (behind != block + kBytes && others.size() < 1000) {
    others.push_back(block);
    block = behind;
    behind = allocate();
  }
  ASSERT_EQ(behind, block + kBytes);
  free(behind);
  std::atomic<bool> stop{false};
  // Threads are spread over the shards: so many that one shares this thread's.
  std::vector<std::thread> churn;
  const uint64_t threads = heap.GetStats().shards;
  for (uint64_t i = 0; i < threads; ++i) {
    churn.emplace_back([&] {
      while (!stop.load()) free(allocate());
    });
  }
  size_t wrong = 0;
  for (int i = 0; i < 2000000; ++i) wrong += malloc_usable_size(block) != kBytes;
  stop.store(true);
  for (std::thread& thread : churn) thread.join();
  EXPECT_EQ(wrong, 0u);
  free(block);
  for (char* other : others) free(other);
}

TEST_F(Malloc, ALimitMakesItFailSoftlyAndWorkAgainWithoutIt) {
  free(malloc(1000));
  ASSERT_EQ(hz3_set_limit(hz3_committed_bytes() + (size_t{4} << 20)), 0);
  errno = 0;
  void* p = malloc(size_t{64} << 20);
  EXPECT_EQ(p, nullptr);
  EXPECT_EQ(errno, ENOMEM);
  ASSERT_EQ(hz3_set_limit(SIZE_MAX), 0);
  p = malloc(size_t{64} << 20);
  EXPECT_NE(p, nullptr);
  free(p);
}

TEST_F(Malloc, WhatCanNeverFitFailsWithoutDisturbingAnyThread) {
  const Stats before = heap.GetStats();
  errno = 0;
  EXPECT_EQ(malloc(hz3_arena_bytes() + 1), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_EQ(heap.GetStats().pressure_broadcasts, before.pressure_broadcasts);
}

}  // namespace
}  // namespace hz3
