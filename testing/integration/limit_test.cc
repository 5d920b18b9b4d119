// Under a limit on committed memory malloc serves what fits, then says ENOMEM, and recovers what is
// freed, wherever it was freed.

#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/config/config.h"
#include "hz3/malloc_extension.h"
#include "testing/lib/allocator_under_test.h"
#include "testing/lib/process_memory.h"
#include "testing/lib/random.h"
#include "testing/lib/watchdog.h"

namespace hz3::testlib {
namespace {

constexpr std::uint64_t kSeed = 11;
constexpr std::size_t kLimit = 96 * kMiB;
// Of the limit, for blocks; the rest is for bins, half-filled spans and the test's own things.
constexpr double kLeastShare = 0.85;
constexpr unsigned kHangSeconds = 200;

struct SizeRange {
  std::size_t least;
  std::size_t most;
};

constexpr SizeRange kRanges[] = {{16, 2048}, {4097, 32768}, {16, 32768}, {40'000, 400'000}};

// Blocks that hold each other: the test needs no memory beside them.
struct Blocks {
  struct Link {
    Link* next;
    std::uint64_t mark;
  };

  Link* first = nullptr;
  std::size_t count = 0;
  std::size_t bytes = 0;

  // Allocates until malloc fails; false when it never did, or failed without ENOMEM.
  bool Fill(Random& random, const SizeRange& range) {
    while (bytes < 4 * kLimit) {
      const std::size_t size = random.Between(range.least, range.most);
      errno = 0;
      auto* link = static_cast<Link*>(malloc(Opaque(size)));
      if (link == nullptr) return errno == ENOMEM;
      *link = {first, kSeed ^ ++count};
      first = link;
      bytes += size;
    }
    return false;
  }

  bool FreeAll() {
    bool intact = true;
    for (; first != nullptr; --count) {
      intact &= first->mark == (kSeed ^ count);
      free(std::exchange(first, first->next));
    }
    bytes = 0;
    return intact && count == 0;
  }
};

class Limit : public ::testing::Test {
 protected:
  void SetUp() override {
    if (kConfig.hardened) GTEST_SKIP() << "SKIP: built with hardened=true: blocks take more pages";
    malloc_trim(0);
    ASSERT_EQ(hz3_set_limit(hz3_committed_bytes() + kLimit), 0);
  }
  void TearDown() override {
    ASSERT_EQ(hz3_set_limit(SIZE_MAX), 0);
    malloc_trim(0);
  }
  static void ExpectShare(std::size_t bytes, double least) {
    EXPECT_GE(static_cast<double>(bytes) / kLimit, least) << "seed " << kSeed;
    EXPECT_LE(bytes, kLimit + kLimit / 8);
  }
};

TEST_F(Limit, IsReachedWithMostOfItInBlocks) {
  Random random(kSeed);
  for (const SizeRange& range : kRanges) {
    SCOPED_TRACE(range.most);
    Blocks blocks;
    EXPECT_TRUE(blocks.Fill(random, range));
    ExpectShare(blocks.bytes, kLeastShare);
    EXPECT_TRUE(blocks.FreeAll());
  }
}

TEST_F(Limit, WhatAnotherThreadFreedServesThisOne) {
  Random random(kSeed);
  Blocks blocks;
  for (const SizeRange& range : kRanges) {
    SCOPED_TRACE(range.most);
    EXPECT_TRUE(blocks.Fill(random, range));
    ExpectShare(blocks.bytes, kLeastShare);
    std::thread([&] { EXPECT_TRUE(blocks.FreeAll()); }).join();
  }
}

// Their bins hold what they freed while they sleep: that much, and no more, may be out of reach.
TEST_F(Limit, SleepingThreadsHideLittle) {
  constexpr int kSleepers = 8;
  std::atomic<int> asleep{0};
  std::atomic<bool> wake{false};
  std::vector<std::thread> sleepers;
  for (int i = 0; i < kSleepers; ++i) {
    sleepers.emplace_back([&] {
      std::vector<void*> blocks;
      for (int j = 0; j < 1000; ++j) blocks.push_back(malloc(Opaque(std::size_t{8000})));
      for (void* block : blocks) free(block);
      ++asleep;
      while (!wake) usleep(1000);
    });
  }
  while (asleep < kSleepers) usleep(1000);
  Random random(kSeed);
  Blocks blocks;
  EXPECT_TRUE(blocks.Fill(random, {4097, 32768}));
  ExpectShare(blocks.bytes, 0.6);
  EXPECT_TRUE(blocks.FreeAll());
  wake = true;
  for (std::thread& sleeper : sleepers) sleeper.join();
}

TEST_F(Limit, EightThreadsReachItTogetherAgainAndAgain) {
  const Watchdog watchdog("eight threads at the limit", kHangSeconds);
  std::atomic<int> bad{0};
  std::vector<std::thread> threads;
  for (std::uint64_t id = 0; id < 8; ++id) {
    threads.emplace_back([&bad, id] {
      Random random(kSeed + id);
      for (int round = 0; round < 5; ++round) {
        Blocks blocks;
        bad += !blocks.Fill(random, {16, 32768});
        bad += !blocks.FreeAll();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(bad, 0);
}

TEST_F(Limit, ForksWhileThreadsStandAtItLeaveTheChildAWorkingHeap) {
  const Watchdog watchdog("fork at the limit", kHangSeconds);
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (std::uint64_t id = 0; id < 3; ++id) {
    threads.emplace_back([&stop, id] {
      Random random(kSeed + id);
      while (!stop) {
        Blocks blocks;
        blocks.Fill(random, id == 0 ? SizeRange{40'000, 400'000} : SizeRange{16, 32768});
        blocks.FreeAll();
      }
    });
  }
  for (int i = 0; i < 60; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(40);
      std::array<void*, 100> blocks;
      for (void*& block : blocks) block = malloc(Opaque(std::size_t{5000}));
      for (void* block : blocks) free(block);
      _exit(42);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 42) << "status " << status;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

// A program that goes on asking must not slow down a hundredfold.
TEST_F(Limit, RefusalsAreQuick) {
  Random random(kSeed);
  Blocks blocks;
  EXPECT_TRUE(blocks.Fill(random, {30'000, 32768}));
  const Watchdog watchdog("a million refusals", kHangSeconds);
  for (int i = 0; i < 1'000'000; ++i) {
    void* block = malloc(Opaque(std::size_t{32768}));
    if (block != nullptr) free(block);
  }
  EXPECT_TRUE(blocks.FreeAll());
}

}  // namespace
}  // namespace hz3::testlib
