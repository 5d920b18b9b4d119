// What services rely on: a soft limit gives memory back before more is used, a hard one fails
// softly whatever the shape of the request, the program is asked before anything fails, and the
// bytes that hz3 calls committed are never fewer than those that are there.

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/config/config.h"
#include "testing/integration/extension.h"
#include "testing/integration/pinned_blocks.h"
#include "testing/lib/allocator_under_test.h"
#include "testing/lib/process_memory.h"
#include "testing/lib/random.h"
#include "testing/lib/watchdog.h"

namespace hz3::testlib {
namespace {

constexpr std::uint64_t kSeed = 23;
constexpr unsigned kHangSeconds = 200;
// For what the test itself and its threads allocate meanwhile.
constexpr std::size_t kSlack = 4 * kMiB;

char* Allocate(std::size_t bytes) { return static_cast<char*>(malloc(Opaque(bytes))); }

class Budget : public ::testing::Test {
 protected:
  void SetUp() override {
    if (kConfig.hardened) GTEST_SKIP() << "SKIP: built with hardened=true: blocks take more pages";
    Hz3().purge();
  }
  void TearDown() override {
    Hz3().set_pressure_callback(nullptr, nullptr);
    ASSERT_EQ(Hz3().set_limit(SIZE_MAX), 0);
    ASSERT_EQ(Hz3().set_soft_limit(SIZE_MAX), 0);
    Hz3().purge();
  }
  static void SetLimit(std::size_t more) {
    ASSERT_EQ(Hz3().set_limit(Hz3().committed_bytes() + more), 0);
  }
};

// -- soft -----------------------------------------------------------------------------------------

// Committed bytes after a block has been written that fits into no hole.
std::size_t CommittedByABlockBesideHoles() {
  PinnedBlocks holes;
  EXPECT_TRUE(holes.Fill(16 * kKiB, 90 * kMiB));
  holes.Thin(16);
  char* block = Allocate(60 * kMiB);
  EXPECT_NE(block, nullptr);
  std::memset(block, 2, 60 * kMiB);
  const std::size_t committed = Hz3().committed_bytes();
  EXPECT_LE(ResidentBytes(), committed + 64 * kMiB) << "the program and hz3's metadata";
  free(block);
  return committed;
}

TEST_F(Budget, UnderASoftLimitFreeMemoryGoesBackBeforeMoreIsUsed) {
  const std::size_t before = Hz3().committed_bytes();
  EXPECT_GT(CommittedByABlockBesideHoles(), before + 140 * kMiB) << "this is what it would be";
  Hz3().purge();
  const std::size_t soft = Hz3().committed_bytes() + 100 * kMiB;
  ASSERT_EQ(Hz3().set_soft_limit(soft), 0);
  EXPECT_LE(CommittedByABlockBesideHoles(), soft);
}

TEST_F(Budget, ASoftLimitFailsNothingAndThreadsAboveItGoOn) {
  const Watchdog watchdog("threads above the soft limit", kHangSeconds);
  ASSERT_EQ(Hz3().set_soft_limit(8 * kMiB), 0);
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (std::uint64_t id = 0; id < 4; ++id) {
    threads.emplace_back([&failed, id] {
      Random random(kSeed + id);
      std::vector<void*> blocks(2000, nullptr);
      for (int i = 0; i < 100'000; ++i) {
        void*& block = blocks[random.Between(0, blocks.size() - 1)];
        free(block);
        block = Allocate(random.Between(16, 32768));
        failed += block == nullptr;
      }
      for (void* block : blocks) free(block);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  Hz3().purge();
  EXPECT_LE(Hz3().committed_bytes(), 8 * kMiB);
}

// -- hard -----------------------------------------------------------------------------------------

TEST_F(Budget, WholeSlotsUnderALimitFailSoftlyAndServeAgainAfterAFree) {
  SetLimit(64 * kMiB);
  char* first = Allocate(40 * kMiB);
  ASSERT_NE(first, nullptr);
  for (int i = 0; i < 3; ++i) {
    errno = 0;
    EXPECT_EQ(Allocate(30 * kMiB), nullptr);
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_EQ(Allocate(std::size_t{1} << 40), nullptr);
    void* small = Allocate(100);
    EXPECT_NE(small, nullptr) << "what fits is served all the same";
    free(small);
  }
  free(first);
  first = Allocate(60 * kMiB);
  EXPECT_NE(first, nullptr);
  free(first);
}

TEST_F(Budget, FreeHolesServeABlockThatFitsIntoNone) {
  SetLimit(110 * kMiB);
  PinnedBlocks holes;
  ASSERT_TRUE(holes.Fill(16 * kKiB, 90 * kMiB));
  EXPECT_EQ(Allocate(60 * kMiB), nullptr);
  holes.Thin(16);
  char* block = Allocate(60 * kMiB);
  ASSERT_NE(block, nullptr) << "the holes are purged, not kept";
  std::memset(block, 3, 60 * kMiB);
  free(block);
}

// One after the other: each needs pages of its own to be given back, with nothing freed in between.
TEST_F(Budget, WhatWasFreedServesManyBlocksOfWholeSlots) {
  SetLimit(100 * kMiB);
  std::vector<void*> blocks;
  while (void* block = Allocate(300 * kKiB)) blocks.push_back(block);
  for (void* block : blocks) free(block);
  blocks.clear();
  while (void* block = Allocate(5 * kMiB)) blocks.push_back(block);
  EXPECT_GE(blocks.size(), 17u);
  for (void* block : blocks) free(block);
}

TEST_F(Budget, ALimitBelowWhatIsCommittedForbidsGrowthUntilEnoughIsFree) {
  char* large = Allocate(60 * kMiB);
  ASSERT_NE(large, nullptr);
  PinnedBlocks holes;
  ASSERT_TRUE(holes.Fill(16 * kKiB, 60 * kMiB));
  ASSERT_EQ(Hz3().set_limit(Hz3().committed_bytes() - 30 * kMiB), 0);
  EXPECT_EQ(Allocate(10 * kMiB), nullptr);
  holes.Thin(16);  // 56 MiB are free now, 26 MiB more than the limit wants back
  char* block = Allocate(10 * kMiB);
  EXPECT_NE(block, nullptr);
  EXPECT_LE(Hz3().committed_bytes(), Hz3().limit());
  free(block);
  free(large);
}

// Blocks of one thread, of all sizes, never more than its share of the limit.
class LiveSet {
 public:
  LiveSet(std::uint64_t seed, std::size_t share) : random_(seed), share_(share) {}
  ~LiveSet() {
    while (!blocks_.empty()) FreeOne();
  }

  // False when malloc failed.
  bool Step() {
    const std::size_t kind = random_.Below(100);
    const std::size_t bytes = kind < 60   ? random_.Between(16, 4000)
                              : kind < 98 ? random_.Between(4096, 64'000)
                              : kind < 99 ? random_.Between(100'000, 600'000)
                                          : random_.Between(2'100'000, 3'000'000);
    while (live_ + Rounded(bytes) > share_) FreeOne();
    char* block = Allocate(bytes);
    if (block == nullptr) return false;
    block[0] = block[bytes - 1] = 1;
    blocks_.push_back({block, bytes});
    live_ += Rounded(bytes);
    return true;
  }

 private:
  struct Block {
    char* start;
    std::size_t bytes;
  };

  // To pages, or to somewhat more than the classes of small blocks.
  static std::size_t Rounded(std::size_t bytes) {
    return bytes > 2048 ? (bytes + 4095) / 4096 * 4096 : bytes * 5 / 4 + 16;
  }
  void FreeOne() {
    std::swap(blocks_[random_.Below(blocks_.size())], blocks_.back());
    live_ -= Rounded(blocks_.back().bytes);
    free(blocks_.back().start);
    blocks_.pop_back();
  }

  Random random_;
  const std::size_t share_;
  std::size_t live_ = 0;
  std::vector<Block> blocks_;
};

// What the ladder gives back for one thread, others may take before it.
TEST_F(Budget, ThreadsWhoseLiveBlocksLeaveAQuarterOfTheLimitNeverFail) {
  const Watchdog watchdog("threads at the limit", kHangSeconds);
  SetLimit(128 * kMiB);
  constexpr std::size_t kThreads = 6;
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (std::uint64_t id = 0; id < kThreads; ++id) {
    threads.emplace_back([&failed, id] {
      LiveSet blocks(kSeed + id, 96 * kMiB / kThreads);
      for (int i = 0; i < 60'000; ++i) failed += !blocks.Step();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
}

TEST_F(Budget, ReallocUnderALimitKeepsTheBlockWhenItFailsAndGrowsAfterAFree) {
  SetLimit(64 * kMiB);
  auto* block = static_cast<unsigned char*>(malloc(Opaque(3 * kMiB)));
  ASSERT_NE(block, nullptr);
  for (std::size_t i = 0; i < 3 * kMiB; i += 4096) block[i] = static_cast<unsigned char>(i >> 12);
  void* other = Allocate(50 * kMiB);
  ASSERT_NE(other, nullptr);
  errno = 0;
  EXPECT_EQ(realloc(block, Opaque(30 * kMiB)), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  free(other);
  for (std::size_t mib : {6u, 20u, 30u}) {
    void* grown = realloc(block, Opaque(mib * kMiB));
    ASSERT_NE(grown, nullptr) << mib;
    block = static_cast<unsigned char*>(grown);
  }
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < 3 * kMiB; i += 4096) {
    wrong += block[i] != static_cast<unsigned char>(i >> 12);
  }
  EXPECT_EQ(wrong, 0u);
  free(block);
}

TEST_F(Budget, CallocUnderALimitGivesZeroesFromWhatWasWrittenBefore) {
  SetLimit(32 * kMiB);
  for (const std::size_t bytes : {std::size_t{100}, std::size_t{20'000}, kMiB, 20 * kMiB}) {
    char* dirty = Allocate(bytes);
    ASSERT_NE(dirty, nullptr);
    std::memset(dirty, 0x55, bytes);
    free(dirty);
    char* block = static_cast<char*>(calloc(Opaque(std::size_t{1}), bytes));
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(std::count(block, block + bytes, 0), static_cast<std::ptrdiff_t>(bytes));
    free(block);
  }
  errno = 0;
  EXPECT_EQ(calloc(Opaque(std::size_t{1}), 40 * kMiB), nullptr);
  EXPECT_EQ(errno, ENOMEM);
}

// -- callback -------------------------------------------------------------------------------------

// A cache of a program, shared by its threads, that drops a little more than is asked for.
class DropsCache {
 public:
  static constexpr std::size_t kBlockBytes = 256 * kKiB;

  // Fills it up to so many bytes.
  void Fill(std::size_t bytes) {
    while (blocks_.size() < bytes / kBlockBytes) blocks_.push_back(Allocate(kBlockBytes));
  }
  ~DropsCache() {
    for (void* block : blocks_) free(block);
  }
  unsigned calls() const { return calls_; }
  void Install() { Hz3().set_pressure_callback(Drop, this); }

 private:
  static int Drop(std::size_t bytes, void* arg) {
    auto* self = static_cast<DropsCache*>(arg);
    ++self->calls_;
    std::lock_guard<std::mutex> hold(self->mutex_);
    if (self->blocks_.empty()) return 0;
    for (std::size_t n = 0; n < bytes / kBlockBytes + 4 && !self->blocks_.empty(); ++n) {
      free(self->blocks_.back());
      self->blocks_.pop_back();
    }
    return 1;
  }

  std::mutex mutex_;
  std::vector<void*> blocks_;
  std::atomic<unsigned> calls_{0};
};

TEST_F(Budget, TheProgramsCacheIsDroppedBeforeAnyKindOfAllocationFails) {
  SetLimit(48 * kMiB);
  DropsCache cache;
  cache.Install();
  for (int kind = 0; kind < 5; ++kind) {
    SCOPED_TRACE(kind);
    cache.Fill(44 * kMiB);
    const unsigned calls = cache.calls();
    void* block = nullptr;
    if (kind == 0) block = Allocate(20 * kMiB);
    if (kind == 1) block = calloc(Opaque(std::size_t{1}), 20 * kMiB);
    if (kind == 2) block = aligned_alloc(4 * kMiB, Opaque(20 * kMiB));
    if (kind == 3) block = realloc(Allocate(kMiB), Opaque(20 * kMiB));
    if (kind == 4) block = operator new(Opaque(20 * kMiB));
    EXPECT_NE(block, nullptr);
    EXPECT_GT(cache.calls(), calls);
    if (kind == 4) {
      operator delete(block);
    } else {
      free(block);
    }
  }
}

TEST_F(Budget, ManyThreadsLiveFromTheProgramsCache) {
  const Watchdog watchdog("threads and the callback", kHangSeconds);
  SetLimit(96 * kMiB);
  DropsCache cache;
  cache.Install();
  cache.Fill(88 * kMiB);
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (std::uint64_t id = 0; id < 4; ++id) {
    threads.emplace_back([&failed, id] {
      Random random(kSeed + id);
      std::vector<void*> blocks;
      for (std::size_t bytes = 0; bytes < 12 * kMiB;) {
        const std::size_t size = random.Between(16, 60'000);
        blocks.push_back(Allocate(size));
        failed += blocks.back() == nullptr;
        bytes += size;
      }
      for (void* block : blocks) free(block);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_GT(cache.calls(), 0u);
}

TEST_F(Budget, AProgramThatAsksInVainStaysFastWithACallback) {
  SetLimit(16 * kMiB);
  DropsCache cache;
  cache.Install();
  std::vector<void*> blocks;
  blocks.reserve(100'000);
  while (void* block = Allocate(2000)) blocks.push_back(block);
  const Watchdog watchdog("a million refusals", kHangSeconds);
  const unsigned calls = cache.calls();
  for (int i = 0; i < 1'000'000; ++i) ASSERT_EQ(Allocate(2000), nullptr);
  EXPECT_LE(cache.calls(), calls + 1);
  for (void* block : blocks) free(block);
}

// -- accounting -----------------------------------------------------------------------------------

struct Range {
  std::uintptr_t begin, end;
};

// The arena: it begins where the mapping of a block begins, for nothing writable lies before it.
Range ArenaRange() {
  void* block = malloc(Opaque(std::size_t{100}));
  const auto address = reinterpret_cast<std::uintptr_t>(block);
  free(block);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    unsigned long begin = 0;
    unsigned long end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx", &begin, &end) != 2) continue;
    if (address >= begin && address < end) return {begin, begin + Hz3().arena_bytes()};
  }
  return {};
}

// Bytes of the range that the kernel holds in memory.
std::size_t ResidentIn(const Range& range) {
  std::ifstream smaps("/proc/self/smaps");
  std::size_t resident = 0;
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    unsigned long begin = 0;
    unsigned long end = 0;
    std::size_t kib = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
      inside = begin >= range.begin && begin < range.end;
    } else if (inside && std::sscanf(line.c_str(), "Rss: %zu kB", &kib) == 1) {
      resident += kib * kKiB;
    }
  }
  return resident;
}

bool HugePagesComeUnasked() {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string text;
  std::getline(file, text);
  return text.find("[always]") != std::string::npos;
}

TEST_F(Budget, CommittedBytesAreNeverFewerThanThoseInMemory) {
  if (HugePagesComeUnasked()) GTEST_SKIP() << "the kernel adds huge pages where one was touched";
  const Range arena = ArenaRange();
  ASSERT_NE(arena.begin, 0u);
  ASSERT_EQ(arena.begin % (2 * kMiB), 0u);
  Hz3().set_soft_limit(64 * kMiB);
  for (int round = 0; round < 5; ++round) {
    std::vector<std::thread> threads;
    for (std::uint64_t id = 0; id < 3; ++id) {
      threads.emplace_back([id, round] {
        Random random(kSeed + id + 10 * static_cast<std::uint64_t>(round));
        std::vector<void*> blocks(300, nullptr);
        for (int i = 0; i < 3000; ++i) {
          void*& block = blocks[random.Between(0, blocks.size() - 1)];
          const std::size_t bytes = random.Between(1, i % 100 == 0 ? 3'000'000 : 100'000);
          void* grown = realloc(block, bytes);
          if (grown == nullptr) continue;
          block = grown;
          std::memset(block, 1, bytes);
        }
        for (void* block : blocks) free(block);
      });
    }
    for (std::thread& thread : threads) thread.join();
    const std::size_t resident = ResidentIn(arena);
    EXPECT_LE(resident, Hz3().committed_bytes()) << "seed " << kSeed << ", round " << round;
    EXPECT_GT(resident, kMiB);
  }
  Hz3().purge();
  EXPECT_LE(ResidentIn(arena), Hz3().committed_bytes());
  EXPECT_LE(Hz3().committed_bytes(), kSlack) << "everything is free";
}

}  // namespace
}  // namespace hz3::testlib
