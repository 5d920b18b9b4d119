#include "hz3/hardened_heap.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/os_memory.h"
#include "hz3/config/config.h"

namespace hz3 {
namespace {

constexpr size_t kSizes[] = {1, 24, 100, 4000, 30000, 32768, 40000, 3 << 20};
constexpr BlockKind kMalloc = BlockKind::kMalloc;

// Linked to a plain front door, the test has the hardened heap to itself.
char* Allocate(size_t bytes, size_t align = kMinAlign, BlockKind kind = kMalloc) {
  return static_cast<char*>(hardened_heap.Allocate(bytes, kind, align));
}
void Free(void* p) { hardened_heap.Free(p, kMalloc); }

// What the hardened configuration's heap does for itself.
void InitQuarantines() {
  static const bool once = [] {
    return kConfig.hardened || (heap.quarantine().Init(SystemMemory(), kConfig.quarantine_bytes) &&
                                heap.guarded_blocks().Init(SystemMemory()));
  }();
  ASSERT_TRUE(once);
}

class HardenedHeapTest : public ::testing::TestWithParam<size_t> {
 protected:
  void SetUp() override { InitQuarantines(); }
  static constexpr const char* kNoBlock = "^hz3: free of an? (interior|pointer)";
};

TEST_P(HardenedHeapTest, BlocksAreZeroAlignedAndAsLargeAsAskedFor) {
  for (const size_t align : {size_t{16}, size_t{64}, size_t{1024}, kPageSize, size_t{1} << 21}) {
    char* p = Allocate(GetParam(), align);
    ASSERT_NE(p, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % align, 0u);
    EXPECT_EQ(hardened_heap.UsableSize(p), GetParam());
    EXPECT_TRUE(std::all_of(p, p + GetParam(), [](char c) { return c == 0; }));
    memset(p, 'x', GetParam());
    Free(p);
  }
}

TEST_P(HardenedHeapTest, ResizingKeepsContents) {
  for (const size_t other : kSizes) {
    char* p = Allocate(GetParam());
    memset(p, 'x', GetParam());
    p = static_cast<char*>(hardened_heap.Resize(p, other));
    EXPECT_EQ(hardened_heap.UsableSize(p), other);
    const size_t kept = std::min(other, GetParam());
    EXPECT_TRUE(std::all_of(p, p + kept, [](char c) { return c == 'x'; }));
    EXPECT_TRUE(std::all_of(p + kept, p + other, [](char c) { return c == 0; }));
    Free(p);
  }
}

TEST_P(HardenedHeapTest, AFreedBlockIsNotHandedOutAtOnce) {
  void* p = Allocate(GetParam());
  Free(p);
  void* next = Allocate(GetParam());
  EXPECT_NE(next, p);
  Free(next);
}

TEST_P(HardenedHeapTest, ManyBlocksOfManyThreadsComeAndGo) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      std::vector<char*> live(64);
      for (int i = 0; i < 4000; ++i) {
        char*& block = live[static_cast<size_t>(i) * 7 % live.size()];
        if (block != nullptr) Free(block);
        block = Allocate(GetParam() % 50000 + static_cast<size_t>(i) % 100);
        block[0] = 1;
      }
      for (char* block : live) Free(block);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

using HardenedHeapDeathTest = HardenedHeapTest;
const auto kAborts = ::testing::KilledBySignal(SIGABRT);

TEST_P(HardenedHeapDeathTest, ADoubleFreeIsReportedAtOnce) {
  char* p = Allocate(GetParam());
  EXPECT_EXIT((Free(p), Free(p)), kAborts, "^hz3: double free: 0x");
  EXPECT_EXIT((Free(p), hardened_heap.UsableSize(p)), kAborts, "^hz3: double free: 0x");
  EXPECT_EXIT((Free(p), hardened_heap.Resize(p, 10)), kAborts, "^hz3: double free: 0x");
  Free(p);
}

TEST_P(HardenedHeapDeathTest, WritesBesideABlockAreFound) {
  char* p = Allocate(GetParam());
  const size_t n = GetParam();
  // Where a guard page is next to the block, the write itself faults.
  const bool faults = n % kMinAlign == 0 && n >= kMaxBinnedSize;
  EXPECT_DEATH((p[n] = static_cast<char>(~p[n]), Free(p)), faults ? "" : "^hz3: overflow, ");
  EXPECT_DEATH((p[-1] = static_cast<char>(~p[-1]), Free(p)),
               n % kPageSize == 0 ? "" : "header was overwritten|underflow, ");
  Free(p);
}

TEST_P(HardenedHeapDeathTest, TheCounterpartAndTheSizeAreChecked) {
  char* p = Allocate(GetParam(), kMinAlign, BlockKind::kNew);
  EXPECT_EXIT(Free(p), kAborts, "^hz3: free, delete or delete");
  EXPECT_EXIT(hardened_heap.Free(p, BlockKind::kNewArray), kAborts, "^hz3: free, delete or ");
  EXPECT_EXIT(hardened_heap.Resize(p, 10), kAborts, "^hz3: free, delete or ");
  EXPECT_EXIT(hardened_heap.FreeSized(p, BlockKind::kNew, GetParam() + 1), kAborts,
              "^hz3: sized delete");
  hardened_heap.FreeSized(p, BlockKind::kNew, GetParam());
}

TEST_P(HardenedHeapDeathTest, WhatIsNoBlockIsReported) {
  char* p = Allocate(GetParam() + 64);
  EXPECT_EXIT(Free(p + 1), kAborts, kNoBlock);
  EXPECT_EXIT(Free(p + 16), kAborts, kNoBlock);
  char local[64];
  EXPECT_EXIT(Free(local + 16), kAborts, "^hz3: free of a pointer that hz3 never gave out: 0x");
  Free(p);
}

TEST_P(HardenedHeapDeathTest, AWriteAfterFreeIsFoundAtTheEndAtTheLatest) {
  char* p = Allocate(GetParam());
  // A large block faults at once, and whoever handles that is not there in this process.
  EXPECT_DEATH((Free(p), p[0] = static_cast<char>(~p[0]), hardened_heap.CheckAtExit()),
               GetParam() < 32768 ? "^hz3: use after free, " : "");
  Free(p);
  hardened_heap.CheckAtExit();
}

INSTANTIATE_TEST_SUITE_P(Sizes, HardenedHeapTest, ::testing::ValuesIn(kSizes));
INSTANTIATE_TEST_SUITE_P(Sizes, HardenedHeapDeathTest, ::testing::ValuesIn(kSizes));

TEST(HardenedHeap, RefusesWhatIsImpossiblyLarge) {
  EXPECT_EQ(Allocate(SIZE_MAX), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_EQ(Allocate(PTRDIFF_MAX), nullptr);
}

TEST(HardenedHeap, OverBlocksOf0BytesNothingIsSaidUntilTheyAreUsed) {
  void* p = Allocate(0);
  EXPECT_NE(p, nullptr);
  EXPECT_EQ(hardened_heap.UsableSize(p), 0u);
  Free(p);
  Free(nullptr);
}

}  // namespace
}  // namespace hz3
