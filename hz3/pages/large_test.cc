#include "hz3/pages/large.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"
#include "hz3/config/config.h"

namespace hz3 {
namespace {

constexpr Tag kTag = 63;
constexpr uint32_t kSlots = 32;

class LargeTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(arena_.Init(os_, kSlots * kSegmentSize, false, 64)); }
  void TearDown() override { arena_.Destroy(); }

  char* Allocate(size_t bytes, size_t align = kPageSize, bool zero = false) {
    return static_cast<char*>(large_.Allocate(bytes, align, zero));
  }
  PageIndex PageOf(const void* p) const { return arena_.segmap().PageOf(p); }
  char* Resize(void* p, size_t bytes) {
    return static_cast<char*>(large_.Resize(PageOf(p), bytes));
  }
  void Free(void* p) { large_.Free(PageOf(p)); }
  size_t Usable(const void* p) const { return large_.UsableSize(PageOf(p)); }

  FakeOsMemory os_;
  Arena arena_;
  Large large_{arena_, kTag};
};

// A pattern over a block: the first byte of each of its pages tells the pages apart.
char PatternAt(size_t page, char value) {
  return static_cast<char>(value + static_cast<int>(page % 50));
}
void Fill(char* p, size_t bytes, char value) {
  for (size_t i = 0; i < bytes; i += kPageSize) p[i] = PatternAt(i / kPageSize, value);
}
bool Holds(const char* p, size_t bytes, char value) {
  for (size_t i = 0; i < bytes; i += kPageSize) {
    if (p[i] != PatternAt(i / kPageSize, value)) return false;
  }
  return true;
}

TEST_F(LargeTest, BlocksHoldTheirBytesAndAreTaggedAtTheirFirstPage) {
  const size_t bytes = 2 * kSegmentSize + 5000;
  char* p = Allocate(bytes);
  ASSERT_NE(p, nullptr);
  memset(p, 1, bytes);
  EXPECT_EQ(Usable(p), RoundUp(bytes, kPageSize));
  EXPECT_EQ(arena_.segmap().Lookup(p), kTag);
  EXPECT_EQ(arena_.segmap().Lookup(p + kPageSize), 0);
  EXPECT_EQ(arena_.free_slots(), kSlots - 3);
  EXPECT_EQ(arena_.SegmentOf(PageOf(p)).use(), Segment::Use::kHugeHead);
  EXPECT_EQ(arena_.SegmentOf(PageOf(p + 2 * kSegmentSize)).use(), Segment::Use::kHugeTail);
  EXPECT_EQ(arena_.meter().committed(), PagesFor(bytes)) << "not the rest of the last slot";
  Free(p);
  EXPECT_EQ(arena_.segmap().Lookup(p), 0);
  EXPECT_EQ(arena_.free_slots(), kSlots);
  EXPECT_EQ(arena_.segment(SlotIndex(0)).use(), Segment::Use::kUnused);
}

TEST_F(LargeTest, AlignsToMoreThanASegment) {
  char* small = Allocate(kSegmentSize + 1);
  ASSERT_NE(small, nullptr);
  for (size_t align = kPageSize; align <= 4 * kSegmentSize; align *= 2) {
    char* p = Allocate(1, align);
    ASSERT_NE(p, nullptr) << align;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % align, 0u);
    Free(p);
  }
}

TEST_F(LargeTest, WhatDoesNotFitIsNullptrAndTakesNothing) {
  EXPECT_EQ(Allocate(kSlots * kSegmentSize + 1), nullptr);
  EXPECT_EQ(Allocate(SIZE_MAX), nullptr);
  EXPECT_EQ(Allocate(1, size_t{1} << 62), nullptr);
  char* all = Allocate(kSlots * kSegmentSize);
  ASSERT_NE(all, nullptr);
  EXPECT_EQ(Allocate(1), nullptr);
  Free(all);
  EXPECT_EQ(arena_.free_slots(), kSlots);
}

TEST_F(LargeTest, TheCommitLimitForbidsABlockAndTakesNothing) {
  arena_.meter().set_limit(1000);
  EXPECT_EQ(Allocate(1001 * kPageSize), nullptr);
  EXPECT_EQ(arena_.free_slots(), kSlots);
  EXPECT_EQ(arena_.meter().committed(), 0u);
  char* p = Allocate(1000 * kPageSize);
  ASSERT_NE(p, nullptr);
  EXPECT_EQ(Resize(p, 1002 * kPageSize), nullptr);
  EXPECT_EQ(Resize(p, 4 * kSegmentSize), nullptr);
  EXPECT_EQ(arena_.free_slots(), kSlots - 2) << "the slots behind are given back";
  EXPECT_EQ(Usable(p), 1000 * kPageSize);
  EXPECT_EQ(arena_.meter().committed(), 1000u);
  Fill(p, Usable(p), 1);
}

TEST_F(LargeTest, ZeroedBlocksReadAsZeroWhateverWasThereBefore) {
  for (size_t bytes : {size_t{3} * kSegmentSize - 100, kSegmentSize / 2, 3 * kSegmentSize}) {
    char* dirty = Allocate(4 * kSegmentSize);
    ASSERT_NE(dirty, nullptr);
    memset(dirty, 0x5a, 4 * kSegmentSize);
    Free(dirty);
    char* p = Allocate(bytes, kPageSize, true);
    ASSERT_EQ(p, dirty) << "the same slots again";
    EXPECT_EQ(std::count(p, p + bytes, 0), static_cast<long>(bytes));
    Free(p);
  }
}

TEST_F(LargeTest, ZeroedBlocksReadAsZeroAlsoWhereThePurgeIsRefused) {
  char* dirty = Allocate(2 * kSegmentSize);
  memset(dirty, 0x5a, 2 * kSegmentSize);
  Free(dirty);
  os_.Refuse(FakeOsMemory::kPurge);
  char* p = Allocate(2 * kSegmentSize, kPageSize, true);
  ASSERT_EQ(p, dirty);
  EXPECT_EQ(std::count(p, p + 2 * kSegmentSize, 0), static_cast<long>(2 * kSegmentSize));
}

TEST_F(LargeTest, VeryLargeBlocksGiveTheirMemoryBackWhenFreed) {
  if (kConfig.huge_purge_bytes > kSlots * kSegmentSize) GTEST_SKIP() << "no such block fits";
  char* p = Allocate(kConfig.huge_purge_bytes);
  ASSERT_NE(p, nullptr);
  Fill(p, kConfig.huge_purge_bytes, 3);
  Free(p);
  EXPECT_EQ(arena_.meter().committed(), 0u);
  EXPECT_EQ(arena_.dirty_free_pages(), 0u);
  EXPECT_EQ(os_.purged_pages(), PagesFor(kConfig.huge_purge_bytes));
}

TEST_F(LargeTest, ShrinksInPlaceAndGivesSlotsAndPagesBack) {
  char* p = Allocate(5 * kSegmentSize);
  ASSERT_NE(p, nullptr);
  Fill(p, 5 * kSegmentSize, 7);
  EXPECT_EQ(Resize(p, kSegmentSize + 3 * kPageSize), p);
  EXPECT_EQ(Usable(p), kSegmentSize + 3 * kPageSize);
  EXPECT_TRUE(Holds(p, Usable(p), 7));
  EXPECT_EQ(arena_.free_slots(), kSlots - 2);
  EXPECT_EQ(arena_.meter().committed(), kPagesPerSegment + 3u);
  EXPECT_EQ(arena_.TakeSlots(3), 2u);
}

TEST_F(LargeTest, GrowsInPlaceWhenTheSlotsBehindAreFree) {
  char* p = Allocate(kSegmentSize + 1);
  ASSERT_NE(p, nullptr);
  Fill(p, kSegmentSize + 1, 7);
  EXPECT_EQ(Resize(p, 6 * kSegmentSize), p);
  EXPECT_TRUE(Holds(p, kSegmentSize + 1, 7));
  Fill(p, 6 * kSegmentSize, 8);
  EXPECT_EQ(arena_.free_slots(), kSlots - 6);
  EXPECT_EQ(arena_.SegmentOf(PageOf(p + 5 * kSegmentSize)).use(), Segment::Use::kHugeTail);
}

TEST_F(LargeTest, MovesWhenTheSlotsBehindAreTakenWithAndWithoutThePageTables) {
  for (bool refused : {false, true}) {
    if (refused) os_.Refuse(FakeOsMemory::kMove);
    char* p = Allocate(2 * kSegmentSize);
    char* wall = Allocate(kSegmentSize);
    ASSERT_NE(wall, nullptr);
    Fill(p, 2 * kSegmentSize, 9);
    char* moved = Resize(p, 3 * kSegmentSize);
    ASSERT_NE(moved, nullptr);
    ASSERT_NE(moved, p);
    EXPECT_TRUE(Holds(moved, 2 * kSegmentSize, 9));
    EXPECT_EQ(Usable(moved), 3 * kSegmentSize);
    EXPECT_EQ(arena_.segmap().Lookup(p), 0);
    Free(moved);
    Free(wall);
    EXPECT_EQ(arena_.free_slots(), kSlots);
  }
  EXPECT_EQ(os_.calls(FakeOsMemory::kMove), 2u);
}

TEST_F(LargeTest, ABlockThatCannotGrowStaysAsItWas) {
  char* p = Allocate(2 * kSegmentSize);
  Fill(p, 2 * kSegmentSize, 4);
  EXPECT_EQ(Resize(p, SIZE_MAX), nullptr);
  EXPECT_EQ(Resize(p, (kSlots + 1) * kSegmentSize), nullptr);
  char* wall = Allocate((kSlots - 2) * kSegmentSize);
  ASSERT_NE(wall, nullptr);
  EXPECT_EQ(Resize(p, 3 * kSegmentSize), nullptr);
  EXPECT_TRUE(Holds(p, 2 * kSegmentSize, 4));
  EXPECT_EQ(Usable(p), 2 * kSegmentSize);
}

class LargeFreshTest : public LargeTest {
 protected:
  void SetUp() override {
    LargeTest::SetUp();
    if (kConfig.huge_page_segments == 0) {
      GTEST_SKIP() << "SKIP: built with huge_page_segments=0: hz3 populates no whole slots";
    }
  }
  // Blocks of fresh slots, written or not.
  void AllocateMany(unsigned n, bool write) {
    for (unsigned i = 0; i < n; ++i) {
      char* p = Allocate(kSegmentSize + 5 * kPageSize);
      ASSERT_NE(p, nullptr);
      if (write) memset(p, 1, kSegmentSize + 5 * kPageSize);
    }
  }
};

TEST_F(LargeFreshTest, BlocksGetMemoryOnceThoseBeforeTurnOutToBeWritten) {
  AllocateMany(12, true);
  EXPECT_GE(os_.calls(FakeOsMemory::kPopulateHuge), 3u) << "but for controls";
  EXPECT_EQ(os_.calls(FakeOsMemory::kPopulate), os_.calls(FakeOsMemory::kPopulateHuge))
      << "what is behind the whole slot";
  EXPECT_EQ(arena_.meter().committed(), 12 * (kPagesPerSegment + 5));
}

TEST_F(LargeFreshTest, BlocksThatNobodyWritesToGetNone) {
  AllocateMany(12, false);
  EXPECT_EQ(os_.calls(FakeOsMemory::kPopulateHuge), 0u);
  EXPECT_EQ(os_.calls(FakeOsMemory::kPopulate), 0u);
}

TEST_F(LargeFreshTest, BlocksGetNoneAheadWherePagesAreCounted) {
  arena_.meter().set_alarm(kSlots * kPagesPerSegment);
  AllocateMany(12, true);
  EXPECT_EQ(os_.calls(FakeOsMemory::kPopulateHuge), 0u);
}

TEST_F(LargeFreshTest, BlocksOfZeroesAndWhatIsMovedGetNone) {
  AllocateMany(8, true);
  const size_t before = os_.calls(FakeOsMemory::kPopulateHuge);
  ASSERT_GT(before, 0u);
  for (unsigned i = 0; i < 3; ++i) ASSERT_NE(Allocate(kSegmentSize, kPageSize, true), nullptr);
  EXPECT_EQ(os_.calls(FakeOsMemory::kPopulateHuge), before);
  char* p = Allocate(2 * kSegmentSize);
  ASSERT_NE(Allocate(kSegmentSize), nullptr) << "so that it has to move";
  const size_t before_move = os_.calls(FakeOsMemory::kPopulateHuge);
  ASSERT_NE(Resize(p, 2 * kSegmentSize + kPageSize), p);
  EXPECT_EQ(os_.calls(FakeOsMemory::kPopulateHuge), before_move);
}

TEST_F(LargeFreshTest, WhereTheKernelRefusesBlocksAreServedAllTheSame) {
  os_.Refuse(FakeOsMemory::kPopulateHuge);
  os_.Refuse(FakeOsMemory::kPopulate);
  AllocateMany(12, true);
  EXPECT_GE(os_.calls(FakeOsMemory::kPopulateHuge), 3u);
}

TEST_F(LargeFreshTest, WhereHugePagesAreDearFewAreAskedFor) {
  os_.set_huge_page_ns(2 * kPagesPerSegment * os_.page_ns() + 1);
  AllocateMany(12, true);
  EXPECT_EQ(os_.calls(FakeOsMemory::kPopulateHuge), 1u);
  EXPECT_GE(os_.calls(FakeOsMemory::kPopulate), 3u) << "what is behind the whole slot";
}

TEST_F(LargeFreshTest, OfABlockOfUsedAndFreshSlotsOnlyTheFreshArePopulated) {
  AllocateMany(8, true);
  size_t populated = 0;
  for (unsigned i = 0; i < 5; ++i) {
    Free(Allocate(2 * kSegmentSize));
    const size_t before = os_.calls(FakeOsMemory::kPopulateHuge);
    char* p = Allocate(3 * kSegmentSize);
    ASSERT_NE(p, nullptr);
    memset(p, 1, 3 * kSegmentSize);
    const size_t now = os_.calls(FakeOsMemory::kPopulateHuge) - before;
    EXPECT_LE(now, 1u);
    populated += now;
  }
  EXPECT_GT(populated, 0u);
}

TEST_F(LargeFreshTest, PagesThatHoldMemoryAreNotPopulatedAgain) {
  AllocateMany(10, true);
  char* p = Allocate(2 * kSegmentSize);
  ASSERT_NE(p, nullptr);
  Free(p);
  const size_t before = os_.calls(FakeOsMemory::kPopulateHuge);
  for (unsigned i = 0; i < 10; ++i) {
    ASSERT_EQ(Allocate(2 * kSegmentSize), p);
    Free(p);
  }
  EXPECT_EQ(os_.calls(FakeOsMemory::kPopulateHuge), before);
}

// Contents, neighbours and books, over many steps.
TEST_F(LargeTest, KeepsEveryBlockAndItsBooksOverRandomSteps) {
  if (getenv("HZ3_EMULATOR") != nullptr) {
    GTEST_SKIP() << "qemu-user takes madvise, mremap and RLIMIT_AS without doing anything";
  }
  constexpr uint64_t kSeed = 21;
  std::mt19937_64 random(kSeed);
  struct Block {
    size_t bytes;
    char value;
  };
  std::map<char*, Block> blocks;
  const auto size = [&] { return 1 + random() % (6 * kSegmentSize); };
  for (int step = 0; step < 600; ++step) {
    SCOPED_TRACE(::testing::Message() << "seed " << kSeed << ", step " << step);
    const unsigned what = static_cast<unsigned>(random() % 3);
    if (what == 0 || blocks.empty()) {
      const size_t bytes = size();
      const bool zero = random() % 4 == 0;
      char* p = Allocate(bytes, kPageSize, zero);
      if (p == nullptr) continue;
      ASSERT_EQ(blocks.count(p), 0u);
      if (zero) {
        ASSERT_EQ(p[0] | p[bytes / 2] | p[bytes - 1], 0);
      }
      blocks[p] = {bytes, static_cast<char>(step % 60)};
      Fill(p, bytes, blocks[p].value);
      continue;
    }
    const auto place = std::next(blocks.begin(), static_cast<long>(random() % blocks.size()));
    auto [p, block] = *place;
    ASSERT_TRUE(Holds(p, block.bytes, block.value));
    if (what == 1) {
      Free(p);
      blocks.erase(place);
    } else {
      const size_t bytes = size();
      char* now = Resize(p, bytes);
      if (now == nullptr) continue;
      ASSERT_TRUE(Holds(now, std::min(bytes, block.bytes), block.value));
      blocks.erase(place);
      blocks[now] = {bytes, block.value};
      Fill(now, bytes, block.value);
    }
    size_t slots = 0;
    for (const auto& [start, b] : blocks) slots += SlotsFor(b.bytes);
    ASSERT_EQ(arena_.free_slots(), kSlots - slots);
  }
  for (const auto& [p, block] : blocks) {
    ASSERT_TRUE(Holds(p, block.bytes, block.value));
    Free(p);
  }
  EXPECT_EQ(arena_.free_slots(), kSlots);
  EXPECT_EQ(arena_.meter().committed(), arena_.dirty_free_pages());
  arena_.PurgeFreeSlots(SIZE_MAX);
  EXPECT_EQ(arena_.meter().committed(), 0u);
}

}  // namespace
}  // namespace hz3
