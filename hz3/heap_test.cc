// The heap as an object, beside the C library's malloc, through its slow paths only.

#include "hz3/heap.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <map>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/os_memory.h"

namespace hz3 {
namespace {

constexpr size_t kMiB = size_t{1} << 20;
const size_t kSizes[] = {0,
                         1,
                         16,
                         64,
                         1000,
                         kMaxSmallSize,
                         3841,
                         20000,
                         kMaxBinnedSize,
                         kMaxBinnedSize + 1,
                         100000,
                         kMiB,
                         kSegmentSize,
                         kSegmentSize + 1,
                         5 * kMiB + 3};

char* Allocate(size_t bytes) { return static_cast<char*>(heap.AllocateSlow(bytes)); }
void Free(void* p) { heap.FreeSlow(p); }
bool IsOurs(const void* p) { return heap.segmap().Contains(p) || heap.ChecksItself(p); }
bool IsAligned(const void* p, size_t align) { return reinterpret_cast<uintptr_t>(p) % align == 0; }

// Marks both ends of a block.
void Mark(char* p, size_t bytes, char value) {
  if (bytes > 0) p[0] = p[bytes - 1] = value;
}
bool IsMarked(const char* p, size_t bytes, char value) {
  return bytes == 0 || (p[0] == value && p[bytes - 1] == value);
}

// While it lives, what costs memory and saves time is used at once, however rarely it is asked for.
class WithoutDecay {
 public:
  WithoutDecay() { heap.budget()->SetDecayHalfLife(MemBudget::kNoDecay); }
  ~WithoutDecay() { heap.budget()->SetDecayHalfLife(before_); }
  WithoutDecay(const WithoutDecay&) = delete;
  WithoutDecay& operator=(const WithoutDecay&) = delete;

 private:
  const size_t before_ = heap.budget()->decay_half_life_ms();
};

TEST(Heap, IsNotTheMallocOfThisProcess) {
  std::vector<char> of_the_c_library(1000);
  EXPECT_FALSE(IsOurs(of_the_c_library.data()));
}

TEST(Heap, ServesEverySizeWithAlignedBlocksThatHoldIt) {
  for (size_t bytes : kSizes) {
    char* p = Allocate(bytes);
    ASSERT_NE(p, nullptr) << bytes;
    EXPECT_TRUE(IsOurs(p));
    EXPECT_TRUE(IsAligned(p, kMinAlign)) << bytes;
    EXPECT_GE(heap.UsableSize(p), bytes);
    const size_t most_waste = std::max(bytes / (bytes > kMaxBinnedSize ? 4 : 8), kPageSize);
    EXPECT_LE(heap.UsableSize(p), bytes + most_waste);
    memset(p, 0x5a, heap.UsableSize(p));
    Free(p);
  }
}

TEST(Heap, ServesEveryAlignment) {
  for (size_t align = 1; align <= 16 * kMiB; align *= 2) {
    for (size_t bytes :
         {size_t{0}, size_t{1}, size_t{100}, size_t{5000}, size_t{70000}, 3 * kMiB}) {
      char* p = static_cast<char*>(heap.AllocateAligned(bytes, align));
      ASSERT_NE(p, nullptr) << bytes << " at " << align;
      EXPECT_TRUE(IsAligned(p, align)) << bytes << " at " << align;
      EXPECT_GE(heap.UsableSize(p), bytes);
      memset(p, 0x5a, bytes);
      Free(p);
    }
  }
}

TEST(Heap, ZeroedBlocksReadAsZeroAlsoWhereOthersWereBefore) {
  for (int round = 0; round < 3; ++round) {
    for (size_t bytes : {size_t{40000}, kMiB, 3 * kMiB}) {
      char* p = static_cast<char*>(heap.AllocateLarge(bytes, kPageSize, true));
      ASSERT_NE(p, nullptr);
      EXPECT_EQ(std::count(p, p + bytes, 0), static_cast<long>(bytes));
      memset(p, 0x5a, bytes);
      Free(p);
    }
  }
}

TEST(Heap, ZeroedBlocksTakeNoMemoryForPagesThatNobodyTouched) {
  constexpr size_t kBytes = kMiB / 2;
  // Pages that were handed out and not touched: they hold no memory.
  void* before = heap.AllocateLarge(kBytes, kPageSize, false);
  ASSERT_NE(before, nullptr);
  ASSERT_TRUE(SystemMemory().Purge(before, kBytes));
  Free(before);
  void* p = heap.AllocateLarge(kBytes, kPageSize, true);
  ASSERT_EQ(p, before) << "the same pages again";
  EXPECT_EQ(SystemMemory().ResidentPages(p, kBytes), 0u);
  Free(p);
}

// By a bin of short runs, by one of long runs, and past all bins.
TEST(Heap, FreshBlocksHaveMemoryBeforeTheyAreWrittenOnceOthersWereWritten) {
  if (kConfig.populate_pages == 0) {
    GTEST_SKIP() << "SKIP: built with populate_pages=0: each page by its own fault";
  }
  constexpr size_t kLook = 2 * kPageSize;
  char* probe = Allocate(64 * kPageSize);
  ASSERT_TRUE(SystemMemory().Purge(probe, kLook));
  const bool can =
      SystemMemory().Populate(probe, kLook) && SystemMemory().ResidentPages(probe, kLook) == 2u;
  Free(probe);
  if (!can) GTEST_SKIP() << "SKIP: this kernel does not populate pages (MADV_POPULATE_WRITE)";
  for (const size_t pages : {2u, 40u, 300u}) {
    heap.Trim();
    std::vector<char*> blocks;
    unsigned populated = 0;
    // Bins of short runs take many at a time, and each batch is one decision.
    const unsigned count = pages < 10 ? 400 : 40;
    for (unsigned i = 0; i < count; ++i) {
      char* p = Allocate(pages * kPageSize);
      ASSERT_NE(p, nullptr);
      populated += SystemMemory().ResidentPages(p, kLook) == 2u;
      memset(p, 1, pages * kPageSize);
      blocks.push_back(p);
    }
    EXPECT_GT(populated, count / 3) << pages;
    EXPECT_LT(populated, count) << pages << ": these were not fresh";
    for (char* p : blocks) Free(p);
  }
}

// The hole at the end of the first segment is fresh, and the second is free again.
TEST(Heap, ALargeBlockTakesPagesThatHoldMemoryBeforeFreshOnes) {
  heap.Trim();
  void* small = Allocate(kPageSize);
  constexpr size_t kBytes = 300 * kPageSize;
  void* at_the_start = heap.AllocateLarge(kBytes, kSegmentSize, false);
  ASSERT_NE(at_the_start, nullptr);
  Free(at_the_start);
  const size_t committed = heap.budget()->committed_bytes();
  void* p = heap.AllocateLarge(kBytes, kPageSize, false);
  EXPECT_EQ(heap.budget()->committed_bytes(), committed);
  Free(p);
  Free(small);
}

TEST(Heap, ALargeBlockTakesWhatWideBinsHoldBeforeFreshPagesThatWouldBeWritten) {
  if (!kConfig.wide_bins_first || kConfig.wide_bin_bytes == 0 || kConfig.populate_pages == 0) {
    GTEST_SKIP() << "SKIP: built without wide_bins_first, or what it needs: bins, populate_pages";
  }
  const WithoutDecay bins_at_once;
  constexpr size_t kBytes = 300 * kPageSize;
  const auto committed = [] { return heap.budget()->committed_bytes(); };
  // Fresh runs until they are known to be written.
  std::vector<char*> written;
  for (unsigned i = 0; i < 40; ++i) {
    written.push_back(Allocate(kBytes));
    memset(written.back(), 1, kBytes);
  }
  heap.Trim();
  // Too long for the holes behind those: a segment of their own, which is in a bin then.
  char* const wide[] = {Allocate(kMaxWidePages * kPageSize), Allocate(kMaxWidePages * kPageSize)};
  for (char* p : wide) Free(p);
  const size_t before = committed();
  char* large = Allocate(kBytes);
  EXPECT_EQ(committed(), before);
  Free(large);
  for (char* p : written) Free(p);
}

TEST(Heap, ShorterBlocksThatPassTheBinsLeaveThemAlone) {
  const WithoutDecay bins_at_once;
  std::vector<char*> wide;
  for (unsigned i = 0; i < 4; ++i) wide.push_back(Allocate(40 * kPageSize));
  for (char* p : wide) Free(p);
  const size_t cached = heap.GetStats().cached_bytes;
  std::vector<char*> blocks;
  for (unsigned i = 0; i < 12; ++i) {
    blocks.push_back(static_cast<char*>(heap.AllocateLarge(200 * kPageSize, kPageSize, true)));
    memset(blocks.back(), 1, 200 * kPageSize);
  }
  EXPECT_EQ(heap.GetStats().cached_bytes, cached);
  for (char* p : blocks) Free(p);
}

TEST(Heap, LargeBlocksGrowAndShrinkInPlaceOrByMovingPages) {
  for (size_t bytes : {size_t{100000}, 3 * kMiB}) {
    char* p = Allocate(bytes);
    Mark(p, bytes, 7);
    char* smaller = static_cast<char*>(heap.ResizeInPlace(p, bytes - 2 * kPageSize));
    ASSERT_EQ(smaller, p);
    EXPECT_EQ(p[0], 7);
    EXPECT_LT(heap.UsableSize(p), bytes);
    char* larger = static_cast<char*>(heap.ResizeInPlace(p, bytes));
    ASSERT_NE(larger, nullptr);
    EXPECT_EQ(larger[0], 7);
    EXPECT_GE(heap.UsableSize(larger), bytes);
    Free(larger);
  }
  char* small = Allocate(100);
  EXPECT_EQ(heap.ResizeInPlace(small, 200), nullptr) << "only copying helps";
  Free(small);
}

// Else requests that have failed before would be refused from memory, although there are slots now
// (found by the simulation).
TEST(Heap, WhatABlockOfSlotsLeavesCountsAsReleased) {
  char* p = Allocate(9 * kMiB);
  ASSERT_NE(p, nullptr);
  const uint64_t before = heap.Activity();
  ASSERT_EQ(heap.ResizeInPlace(p, 3 * kMiB), p);
  EXPECT_GT(heap.Activity(), before);
  Free(p);
}

TEST(Heap, SuccessKeepsErrnoAndFailureIsEnomem) {
  errno = 4711;
  for (size_t bytes : kSizes) Free(Allocate(bytes));
  Free(nullptr);
  EXPECT_EQ(errno, 4711);
  for (size_t bytes : {size_t{PTRDIFF_MAX} + 1, SIZE_MAX, heap.ArenaBytes() + 1}) {
    errno = 0;
    EXPECT_EQ(heap.AllocateLarge(bytes, kPageSize, false), nullptr);
    EXPECT_EQ(errno, ENOMEM) << bytes;
  }
}

// Before the limit below, which makes memory scarce: bins hold nothing then.
TEST(Heap, BinsThatLieIdleAreEmptiedWhileTheThreadGoesOn) {
  heap.Trim();
  constexpr size_t kBytes = 20000;
  constexpr size_t kInBins = 8 * kBytes;
  std::vector<char*> blocks;
  for (int i = 0; i < 64; ++i) blocks.push_back(Allocate(kBytes));
  for (char* p : blocks) Free(p);
  const auto cached = [] { return heap.GetStats().cached_bytes; };
  ASSERT_GT(cached(), kInBins);
  // Two looks, a fifth of a second apart; the bound is for machines that are busy.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (cached() > kInBins / 2 && std::chrono::steady_clock::now() < end) {
    for (int i = 0; i < 100; ++i) Free(Allocate(64));
  }
  EXPECT_LE(cached(), kInBins / 2);
}

TEST(Heap, UnderALimitItFailsSoftlyAndServesAgainAfterAFree) {
  Free(Allocate(1));
  heap.Trim();
  heap.budget()->SetLimit(heap.budget()->committed_bytes() + 16 * kMiB);
  std::vector<char*> blocks;
  for (char* p; (p = Allocate(30000)) != nullptr;) {
    Mark(p, 30000, 5);
    blocks.push_back(p);
    ASSERT_LT(blocks.size(), 1000u) << "the limit does not hold";
  }
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_GT(blocks.size() * 8 * kPageSize, 14 * kMiB) << "failed while there was memory";
  Free(blocks.back());
  blocks.back() = Allocate(30000);
  EXPECT_NE(blocks.back(), nullptr);
  heap.budget()->SetLimit(MemBudget::kNoLimit);
  for (char* p : blocks) Free(p);
}

TEST(Heap, TrimGivesTheMemoryOfFreeBlocksBack) {
  heap.Trim();
  const size_t before = heap.budget()->committed_bytes();
  std::vector<char*> blocks;
  for (int i = 0; i < 500; ++i) blocks.push_back(Allocate(20000));
  for (char* p : blocks) Free(p);
  EXPECT_GT(heap.budget()->committed_bytes(), before);
  EXPECT_GT(heap.Trim(), 0u);
  EXPECT_EQ(heap.budget()->committed_bytes(), before);
}

TEST(Heap, StatsFollowWhatIsAllocatedAndFreed) {
  heap.Trim();
  const Stats before = heap.GetStats();
  std::vector<char*> blocks;
  for (int i = 0; i < 100; ++i) blocks.push_back(Allocate(100000));
  blocks.push_back(Allocate(9 * kMiB));
  const Stats with = heap.GetStats();
  EXPECT_EQ(with.handed_out_bytes - before.handed_out_bytes, 100 * 25 * kPageSize + 9 * kMiB);
  EXPECT_EQ(with.huge_bytes - before.huge_bytes, 9 * kMiB);
  for (char* p : blocks) Free(p);
  EXPECT_EQ(heap.GetStats().handed_out_bytes, before.handed_out_bytes);
}

TEST(Heap, AThreadThatEndsLeavesNothingBehind) {
  Free(Allocate(1));
  const uint64_t threads = heap.GetStats().threads;
  const auto work = [] {
    std::vector<char*> blocks;
    for (size_t bytes : kSizes) blocks.push_back(Allocate(bytes));
    for (char* p : blocks) Free(p);
  };
  std::thread(work).join();
  heap.Trim();
  const Stats before = heap.GetStats();
  for (int i = 0; i < 300; ++i) std::thread(work).join();
  heap.Trim();
  const Stats after = heap.GetStats();
  EXPECT_EQ(after.threads, threads);
  EXPECT_EQ(after.metadata_bytes, before.metadata_bytes);
  EXPECT_EQ(after.handed_out_bytes, before.handed_out_bytes);
}

TEST(Heap, AThreadWhoseCacheHasEndedIsStillServed) {
  std::thread([] {
    char* early = Allocate(64);
    heap.EndThread();
    Free(early);
    for (size_t bytes : kSizes) {
      char* p = Allocate(bytes);
      ASSERT_NE(p, nullptr) << bytes;
      Mark(p, bytes, 1);
      Free(p);
    }
    EXPECT_EQ(Heap::thread_cache()->top[1][-1], nullptr) << "no cache any more";
  }).join();
}

// Each block is freed by any thread; what it was marked with must still be there.
TEST(Heap, BlocksWanderBetweenThreadsUnharmed) {
  constexpr int kThreads = 4;
  struct Block {
    char* p;
    size_t bytes;
    char value;
  };
  std::mutex mutex;
  std::vector<Block> pool;
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(static_cast<uint64_t>(t));
      for (int step = 0; step < 15000; ++step) {
        const size_t bytes = 1 + random() % (size_t{1} << (4 + random() % 13));
        Block block = {Allocate(bytes), bytes, static_cast<char>(random())};
        if (block.p == nullptr) {
          ++wrong;
          continue;
        }
        Mark(block.p, bytes, block.value);
        {
          std::lock_guard<std::mutex> hold(mutex);
          if (pool.size() < 300) {
            pool.push_back(block);
            continue;
          }
          std::swap(block, pool[random() % pool.size()]);
        }
        if (!IsMarked(block.p, block.bytes, block.value)) ++wrong;
        Free(block.p);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0) << "seeds 0.." << kThreads - 1;
  for (const Block& block : pool) {
    EXPECT_TRUE(IsMarked(block.p, block.bytes, block.value));
    Free(block.p);
  }
}

TEST(Heap, TheChildOfAForkHasAWorkingHeapWhileThreadsAllocate) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      while (!stop.load()) {
        for (size_t bytes : kSizes) Free(Allocate(bytes));
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(30);  // a child that hangs is a failure, not a wait for ever
      bool ok = true;
      for (size_t bytes : kSizes) {
        char* p = Allocate(bytes);
        ok = ok && p != nullptr;
        if (p != nullptr) Mark(p, bytes, 3);
        Free(p);
      }
      ok = ok && heap.GetStats().threads == 1;
      _exit(ok ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "fork " << i;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

TEST(Heap, ContentsSurviveRandomUseOfEverySize) {
  constexpr uint64_t kSeed = 17;
  std::mt19937_64 random(kSeed);
  std::map<char*, std::pair<size_t, char>> live;
  size_t live_bytes = 0;
  for (int step = 0; step < 30000; ++step) {
    SCOPED_TRACE(::testing::Message() << "seed " << kSeed << ", step " << step);
    if (live.empty() || (live_bytes < 100 * kMiB && random() % 2 == 0)) {
      const size_t bytes = 1 + random() % (size_t{1} << (4 + random() % 19));
      char* p = random() % 4 == 0
                    ? static_cast<char*>(heap.AllocateAligned(bytes, size_t{1} << random() % 15))
                    : Allocate(bytes);
      ASSERT_NE(p, nullptr);
      const auto [place, fresh] = live.emplace(p, std::pair(bytes, static_cast<char>(step)));
      ASSERT_TRUE(fresh);
      if (place != live.begin()) {
        ASSERT_LE(std::prev(place)->first + std::prev(place)->second.first, p) << "overlap";
      }
      if (std::next(place) != live.end()) {
        ASSERT_LE(p + bytes, std::next(place)->first) << "overlap";
      }
      Mark(p, bytes, static_cast<char>(step));
      live_bytes += bytes;
    } else {
      auto victim = live.lower_bound(reinterpret_cast<char*>(
          reinterpret_cast<uintptr_t>(live.begin()->first) +
          random() % static_cast<uintptr_t>(live.rbegin()->first - live.begin()->first + 1)));
      if (victim == live.end()) victim = live.begin();
      ASSERT_TRUE(IsMarked(victim->first, victim->second.first, victim->second.second));
      live_bytes -= victim->second.first;
      Free(victim->first);
      live.erase(victim);
    }
  }
  for (const auto& [p, block] : live) Free(p);
}

// In a thread of its own, whose bins are empty: none would give a longer block.
TEST(Heap, AWideBlockComesBackFromItsBinAndCanBeResizedInPlace) {
  if (kConfig.wide_bin_bytes == 0) {
    GTEST_SKIP() << "SKIP: built with wide_bin_bytes=0: wide blocks have no bins";
  }
  const WithoutDecay bins_at_once;
  std::thread([] {
    char* p = Allocate(100000);
    ASSERT_NE(p, nullptr);
    EXPECT_EQ(heap.UsableSize(p), 28 * kPageSize);
    Free(p);
    EXPECT_EQ(Allocate(101000), p) << "of the same class";
    memset(p, 0x33, 101000);
    EXPECT_EQ(heap.ResizeInPlace(p, 50000), p);
    EXPECT_EQ(heap.UsableSize(p), 13 * kPageSize) << "as many pages as are needed from then on";
    EXPECT_EQ(p[49999], 0x33);
    Free(p);
  }).join();
}

// In threads of their own, of which nobody has asked for anything yet.
TEST(Heap, WideBinsAreForWhoAsksOften) {
  if (kConfig.wide_bin_bytes == 0 || kConfig.pace_ns == 0) {
    GTEST_SKIP() << "SKIP: built with wide_bin_bytes=0 or pace_ns=0: nobody or everybody uses them";
  }
  static constexpr size_t kBytes = 25 * kPageSize;  // the class has 28 pages
  std::thread([] {
    const size_t cached = heap.GetStats().cached_bytes;
    for (unsigned i = 0; i < 2; ++i) {
      char* p = Allocate(kBytes);
      ASSERT_NE(p, nullptr);
      EXPECT_EQ(heap.UsableSize(p), kBytes) << "as many pages as are needed";
      Free(p);
    }
    EXPECT_EQ(heap.GetStats().cached_bytes, cached) << "and nobody keeps them";
  }).join();
  std::thread([] {
    // Rounds that are cut short by another thread or process do not count.
    bool from_a_bin = false;
    for (unsigned i = 0; i < 10000 && !from_a_bin; ++i) {
      char* p = Allocate(kBytes);
      ASSERT_NE(p, nullptr);
      from_a_bin = heap.UsableSize(p) > kBytes;
      Free(p);
    }
    EXPECT_TRUE(from_a_bin);
  }).join();
}

// In a thread of its own, in which nothing has moved yet.
TEST(Heap, RoomToGrowIsForWhoGrowsOften) {
  if (kConfig.pace_ns == 0 || !kConfig.wide_bin_bytes) {
    GTEST_SKIP() << "SKIP: built with pace_ns=0 or wide_bin_bytes=0: for everybody or nobody";
  }
  std::thread([] {
    EXPECT_FALSE(heap.GivesRoomToGrow()) << "the thread has no cache";
    Free(Allocate(64));
    EXPECT_FALSE(heap.GivesRoomToGrow());
    bool open = false;
    for (unsigned i = 0; i < 10000 && !open; ++i) open = heap.GivesRoomToGrow();
    EXPECT_TRUE(open);
  }).join();
  const WithoutDecay at_once;
  std::thread([] {
    Free(Allocate(64));
    EXPECT_TRUE(heap.GivesRoomToGrow());
  }).join();
}

// In a thread of its own, whose bins are empty.
TEST(Heap, AWideClassWithAnEmptyBinTakesFromTheNextClassOnly) {
  if (kConfig.wide_bin_bytes == 0 || !kConfig.wider_bin) {
    GTEST_SKIP() << "SKIP: built with wide_bin_bytes=0 or wider_bin=false: no bin to take from";
  }
  const WithoutDecay bins_at_once;
  std::thread([] {
    char* p = Allocate(28 * kPageSize);
    ASSERT_NE(p, nullptr);
    Free(p);
    char* two_below = Allocate(20 * kPageSize);
    EXPECT_NE(two_below, p);
    EXPECT_EQ(heap.UsableSize(two_below), 20 * kPageSize);
    char* below = Allocate(24 * kPageSize);
    EXPECT_EQ(below, p);
    EXPECT_EQ(heap.UsableSize(below), 28 * kPageSize);
    char* second = Allocate(24 * kPageSize);
    EXPECT_EQ(heap.UsableSize(second), 24 * kPageSize) << "the next class's bin is empty, too";
    Free(below);
    EXPECT_EQ(Allocate(28 * kPageSize), p) << "freed, it lies in the bin of its own class";
    for (char* block : {p, two_below, second}) Free(block);
  }).join();
}

class HeapDeathTest : public ::testing::Test {
 protected:
  // `misuse` ends the process with this line of hz3's.
  template <typename F>
  void ExpectReport(F misuse, const char* line) {
    EXPECT_EXIT(misuse(), ::testing::KilledBySignal(SIGABRT), line);
  }
};

TEST_F(HeapDeathTest, APointerThatWasNeverGivenOutIsReported) {
  Free(Allocate(1));
  int here;
  ExpectReport([&] { Free(&here); }, "^hz3: free of a pointer that hz3 never gave out: 0x");
  std::vector<char> of_the_c_library(100);
  ExpectReport([&] { Free(of_the_c_library.data()); }, "hz3 never gave out");
  char* last = static_cast<char*>(heap.segmap().base()) + heap.ArenaBytes() - kPageSize;
  ExpectReport([&] { Free(last); }, "hz3 never gave out");
  ExpectReport([&] { heap.UsableSize(&here); }, "hz3 never gave out");
}

TEST_F(HeapDeathTest, APointerIntoALargeBlockIsReported) {
  for (size_t bytes : {size_t{1200000}, 5 * kMiB}) {
    char* p = Allocate(bytes);
    ExpectReport([&] { Free(p + 16); }, "^hz3: free of an interior pointer");
    ExpectReport([&] { Free(p + 3 * kPageSize); }, "^hz3: free of an interior pointer");
    Free(p);
  }
}

TEST_F(HeapDeathTest, ASecondFreeOfALargeBlockIsReported) {
  for (size_t bytes : {size_t{1200000}, 5 * kMiB}) {
    char* p = Allocate(bytes);
    Mark(p, bytes, 1);
    Free(p);
    ExpectReport([&] { Free(p); }, "^hz3: double free: 0x");
  }
}

TEST_F(HeapDeathTest, ASecondFreeOfASmallBlockIsReportedWhenItReachesTheBitmaps) {
  char* p = Allocate(64);
  Free(p);
  heap.ReleaseThread();
  ExpectReport(
      [&] {
        Free(p);
        heap.ReleaseThread();
      },
      "^hz3: double free: 0x");
  ExpectReport(
      [&] {
        char* twice = Allocate(64);
        Free(twice);
        Free(twice);
        heap.ReleaseThread();
      },
      "^hz3: double free: 0x");
}

TEST(Heap, BlocksOf0BytesAreAddressesOfTheirOwn) {
  if (!kConfig.guard_zero_size) GTEST_SKIP() << "built without";
  char* p = Allocate(0);
  EXPECT_TRUE(heap.ChecksItself(p));
  EXPECT_FALSE(heap.segmap().Contains(p));
  EXPECT_EQ(heap.UsableSize(p), 0u);
  EXPECT_DEATH(*p = 1, "");
  EXPECT_DEATH((Free(p), Free(p)), "hz3: double free: 0x");
  EXPECT_DEATH(heap.UsableSize(p + 8), "hz3: free of a pointer that hz3 never gave out: 0x");
  Free(p);
}

// Slow paths of all threads together are many more than one in guarded_sample_refills.
TEST(Heap, OneOfManySlowPathsGivesABlockBetweenGuardPages) {
  if (kConfig.guarded_sample_refills == 0) GTEST_SKIP() << "built without";
  std::vector<char*> blocks;
  for (unsigned i = 0; i < 4 * kConfig.guarded_sample_refills; ++i) {
    char* p = static_cast<char*>(heap.MaybeGuarded(100));
    if (p == nullptr) continue;
    EXPECT_TRUE(heap.ChecksItself(p));
    EXPECT_EQ(heap.UsableSize(p), 100u);
    blocks.push_back(p);
  }
  EXPECT_GE(blocks.size(), 2u);
  EXPECT_LE(blocks.size(), 8u);
  for (char* p : blocks) Free(p);
}

TEST(Heap, ReallocOfAnInteriorPointerIsReportedAlsoWhereNothingWouldBeCopied) {
  char* p = Allocate(3 * kMiB);
  EXPECT_DEATH(heap.ResizeInPlace(p + 16, 5 * kMiB), "hz3: free of an interior pointer");
  Free(p);
}

TEST(Heap, ABlockCannotBeOfMoreBytesThanItHolds) {
  for (const size_t bytes : {size_t{48}, 20 * size_t{1024}, 3 * kMiB}) {
    char* p = Allocate(bytes);
    heap.CheckSize(p, bytes);
    EXPECT_DEATH(heap.CheckSize(p, 2 * bytes), "hz3: sized delete with another size");
    Free(p);
  }
  heap.CheckSize(nullptr, 8);
}

TEST(Heap, AtTheEndADoubleFreeInABinIsFound) {
  if (!kConfig.exit_check) GTEST_SKIP() << "built without";
  for (const size_t bytes : {size_t{48}, 20 * size_t{1024}}) {
    char* p = Allocate(bytes);
    EXPECT_DEATH((Free(p), Free(p), heap.CheckAtExit()), "hz3: double free: 0x") << bytes;
    Free(p);
    heap.CheckAtExit();
  }
}

}  // namespace
}  // namespace hz3
