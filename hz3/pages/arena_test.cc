#include "hz3/pages/arena.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <future>
#include <map>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"

namespace hz3 {
namespace {

struct Record {
  uint64_t value[8];
};

class ArenaTest : public ::testing::Test {
 protected:
  void Init(uint32_t slots) {
    ASSERT_TRUE(arena_.Init(os_, slots * kSegmentSize, false, sizeof(Record)));
    inited_ = true;
  }
  void TearDown() override {
    if (!inited_) return;
    arena_.Destroy();
    EXPECT_EQ(os_.reservations(), 0u) << "Destroy gives everything back";
  }
  char* AddressOf(uint32_t slot) { return arena_.segmap().AddressOf(FirstPageOf(SlotIndex(slot))); }
  // The first slot from `slot` on whose address is a multiple of `align` slots.
  uint32_t NextAligned(uint32_t slot, uint32_t align) {
    while (reinterpret_cast<uintptr_t>(AddressOf(slot)) % (align * kSegmentSize) != 0) ++slot;
    return slot;
  }
  // The slot's pages [first, first + n) are in use, and counted.
  void Dirty(uint32_t slot, unsigned first, unsigned n) {
    ASSERT_TRUE(arena_.meter().Charge(n));
    arena_.segment(SlotIndex(slot)).MarkDirty(first, n);
    memset(AddressOf(slot) + first * kPageSize, 0x5a, n * kPageSize);
  }

  FakeOsMemory os_;
  Arena arena_;
  bool inited_ = false;
};

using ArenaDeathTest = ArenaTest;

TEST_F(ArenaTest, HasAllItsSlotsFreeAndNoneUsedAtFirst) {
  Init(100);
  EXPECT_EQ(arena_.slots(), 100u);
  EXPECT_EQ(arena_.bytes(), 100 * kSegmentSize);
  EXPECT_EQ(arena_.free_slots(), 100u);
  EXPECT_EQ(arena_.used_slots(), 0u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(AddressOf(0)) % kSegmentSize, 0u);
  EXPECT_EQ(arena_.segmap().pages(), 100 * size_t{kPagesPerSegment});
  for (uint32_t slot = 0; slot < 100; ++slot) {
    EXPECT_EQ(arena_.segmap().Lookup(AddressOf(slot)), 0) << "the map is readable throughout";
  }
}

TEST_F(ArenaTest, TakenSlotsAndTheirMetadataCanBeUsedAndReadAsZero) {
  Init(100);
  const uint32_t first = arena_.TakeSlots(40);
  ASSERT_EQ(first, 0u);
  for (uint32_t slot = 0; slot < 40; ++slot) {
    char* p = AddressOf(slot);
    EXPECT_EQ(p[0], 0);
    p[0] = 1;
    p[kSegmentSize - 1] = 1;
    EXPECT_EQ(arena_.segment(SlotIndex(slot)).use(), Segment::Use::kUnused);
    EXPECT_EQ(arena_.segment(SlotIndex(slot)).DirtyPages(), 0u);
    const PageIndex last(FirstPageOf(SlotIndex(slot)).value() + kPagesPerSegment - 1);
    EXPECT_EQ(arena_.slot_records<Record>()[last.value()].value[7], 0u);
    EXPECT_EQ(arena_.record_number(last), 0u);
    EXPECT_EQ(arena_.page_record<Record>(last).value[7], 0u);
    EXPECT_EQ(arena_.page_mail<Record>(last).value[7], 0u);
    arena_.slot_records<Record>()[last.value()].value[7] = slot + 200;
    arena_.record_number(last) = static_cast<uint16_t>(slot + 300);
    arena_.page_record<Record>(last).value[7] = slot;
    arena_.page_mail<Record>(last).value[7] = slot + 100;
    arena_.segmap().Set(last, 5);
    arena_.set_owner(SlotIndex(slot), ShardId(static_cast<uint8_t>(slot)));
  }
  for (uint32_t slot = 0; slot < 40; ++slot) {
    const PageIndex last(FirstPageOf(SlotIndex(slot)).value() + kPagesPerSegment - 1);
    EXPECT_EQ(arena_.slot_records<Record>()[last.value()].value[7], slot + 200);
    EXPECT_EQ(arena_.record_number(last), slot + 300);
    EXPECT_EQ(arena_.page_record<Record>(last).value[7], slot);
    EXPECT_EQ(arena_.page_mail<Record>(last).value[7], slot + 100);
    EXPECT_EQ(arena_.owner(SlotIndex(slot)).value(), slot);
    EXPECT_EQ(&arena_.SegmentOf(last), &arena_.segment(SlotIndex(slot)));
  }
  EXPECT_EQ(arena_.free_slots(), 60u);
  EXPECT_GE(arena_.used_slots(), 40u);
}

TEST_F(ArenaDeathTest, SlotsThatWereNeverTakenCannotBeTouched) {
  Init(200);
  ASSERT_EQ(arena_.TakeSlots(1), 0u);
  // EXPECT_DEATH, not the signal: a sanitizer's runtime reports it and exits.
  EXPECT_DEATH(*static_cast<volatile char*>(AddressOf(199)) = 1, "");
}

TEST_F(ArenaTest, TakesTheLowestSlotsThatFitAndAreAligned) {
  Init(64);
  ASSERT_EQ(arena_.TakeSlots(10), 0u);
  arena_.ReturnSlots(SlotIndex(2), 1);
  arena_.ReturnSlots(SlotIndex(5), 3);
  EXPECT_EQ(arena_.TakeSlots(2), 5u);
  EXPECT_EQ(arena_.TakeSlots(1), 2u);
  EXPECT_EQ(arena_.TakeSlots(2), 10u);
  EXPECT_EQ(arena_.TakeSlots(1), 7u);
  const uint32_t aligned = NextAligned(12, 8);
  EXPECT_EQ(arena_.TakeSlots(3, 8), aligned);
  EXPECT_EQ(arena_.TakeSlots(1), aligned == 12 ? 15u : 12u) << "the slots before stay free";
}

TEST_F(ArenaTest, HasNothingWhereNoFreeSlotIsAligned) {
  Init(8);
  const uint32_t aligned = NextAligned(0, 8);
  ASSERT_TRUE(arena_.TakeSlotsAt(SlotIndex(aligned), 1));
  EXPECT_EQ(arena_.TakeSlots(1, 8), kNoIndex);
  arena_.ReturnSlots(SlotIndex(aligned), 1);
  EXPECT_EQ(arena_.TakeSlots(1, 8), aligned);
}

TEST_F(ArenaTest, HasNothingWhenEveryRunOfFreeSlotsIsTooShort) {
  Init(6);
  EXPECT_EQ(arena_.TakeSlots(7), kNoIndex);
  ASSERT_EQ(arena_.TakeSlots(6), 0u);
  EXPECT_EQ(arena_.TakeSlots(1), kNoIndex);
  arena_.ReturnSlots(SlotIndex(1), 1);
  arena_.ReturnSlots(SlotIndex(3), 1);
  EXPECT_EQ(arena_.TakeSlots(2), kNoIndex);
  EXPECT_EQ(arena_.free_slots(), 2u);
  arena_.ReturnSlots(SlotIndex(2), 1);
  EXPECT_EQ(arena_.TakeSlots(3), 1u);
}

TEST_F(ArenaTest, TakesExactlyTheSlotsAskedForOrNone) {
  Init(20);
  ASSERT_EQ(arena_.TakeSlots(4), 0u);
  EXPECT_FALSE(arena_.TakeSlotsAt(SlotIndex(3), 2));
  EXPECT_TRUE(arena_.TakeSlotsAt(SlotIndex(4), 2));
  EXPECT_FALSE(arena_.TakeSlotsAt(SlotIndex(5), 1));
  EXPECT_TRUE(arena_.TakeSlotsAt(SlotIndex(18), 2)) << "past all that was used";
  EXPECT_FALSE(arena_.TakeSlotsAt(SlotIndex(19), 1));
  EXPECT_FALSE(arena_.TakeSlotsAt(SlotIndex(20), 1)) << "behind the arena";
  EXPECT_FALSE(arena_.TakeSlotsAt(SlotIndex(17), 4));
  EXPECT_EQ(arena_.free_slots(), 12u);
  EXPECT_EQ(arena_.TakeSlots(12), 6u) << "the slots in between stay free";
}

TEST_F(ArenaTest, AgreesWithAnArrayAfterRandomTakingAndReturning) {
  constexpr uint32_t kSlots = 150;
  constexpr uint64_t kSeed = 5;
  Init(kSlots);
  std::mt19937_64 random(kSeed);
  const auto below = [&](size_t bound) { return static_cast<uint32_t>(random() % bound); };
  std::vector<bool> taken(kSlots, false);
  std::map<uint32_t, uint32_t> blocks;
  const auto free_at = [&](uint32_t first, uint32_t n) {
    for (uint32_t slot = first; slot < first + n; ++slot) {
      if (slot >= kSlots || taken[slot]) return false;
    }
    return true;
  };
  const auto mark = [&](uint32_t first, uint32_t n, bool value) {
    for (uint32_t slot = first; slot < first + n; ++slot) taken[slot] = value;
  };
  for (int step = 0; step < 5000; ++step) {
    SCOPED_TRACE(::testing::Message() << "seed " << kSeed << ", step " << step);
    if (below(2) == 0 && !blocks.empty()) {
      const auto block = std::next(blocks.begin(), below(blocks.size()));
      arena_.ReturnSlots(SlotIndex(block->first), block->second);
      mark(block->first, block->second, false);
      blocks.erase(block);
    } else if (below(4) == 0) {
      const uint32_t first = below(kSlots);
      const uint32_t n = 1 + below(6);
      const bool got = arena_.TakeSlotsAt(SlotIndex(first), n);
      ASSERT_EQ(got, free_at(first, n));
      if (got) {
        mark(first, n, true);
        blocks[first] = n;
      }
    } else {
      const uint32_t n = 1 + below(size_t{1} << below(6));
      const uint32_t align = 1u << below(5);
      uint32_t expected = NextAligned(0, align);
      while (expected < kSlots && !free_at(expected, n)) expected += align;
      if (expected >= kSlots) expected = kNoIndex;
      const uint32_t first = arena_.TakeSlots(n, align);
      ASSERT_EQ(first, expected) << n << " slots, align " << align;
      if (first != kNoIndex) {
        mark(first, n, true);
        blocks[first] = n;
      }
    }
    ASSERT_EQ(arena_.free_slots(), std::count(taken.begin(), taken.end(), false));
  }
}

TEST_F(ArenaTest, ShrinksOnlyWhenItMayAndUntilTheReservationIsGranted) {
  os_.set_largest_reservation(40 * kSegmentSize);
  EXPECT_FALSE(arena_.Init(os_, 256 * kSegmentSize, false, sizeof(Record)));
  EXPECT_EQ(os_.reservations(), 0u);
  ASSERT_TRUE(arena_.Init(os_, 256 * kSegmentSize, true, sizeof(Record)));
  inited_ = true;
  EXPECT_EQ(arena_.slots(), 32u);
  EXPECT_EQ(arena_.TakeSlots(32), 0u);
}

TEST_F(ArenaTest, LeavesNothingBehindWhicheverCallOfInitIsRefused) {
  for (FakeOsMemory::Call call :
       {FakeOsMemory::kReserve, FakeOsMemory::kMakeReadable, FakeOsMemory::kCommit}) {
    for (size_t n = 0; n < 2; ++n) {
      FakeOsMemory os;
      os.RefuseNth(call, n);
      Arena arena;
      if (arena.Init(os, 4 * kSegmentSize, false, sizeof(Record))) {
        EXPECT_EQ(n, 1u) << "the only such call was refused";
        arena.Destroy();
      }
      EXPECT_EQ(os.reservations(), 0u) << "call " << call << ", number " << n;
    }
  }
}

TEST_F(ArenaTest, ARefusedCommitTakesNoSlotAndIsNotForEver) {
  Init(64);
  os_.Refuse(FakeOsMemory::kCommit);
  EXPECT_EQ(arena_.TakeSlots(1), kNoIndex);
  EXPECT_FALSE(arena_.TakeSlotsAt(SlotIndex(3), 1));
  EXPECT_EQ(arena_.free_slots(), 64u);
  EXPECT_EQ(arena_.used_slots(), 0u);
  os_.Allow(FakeOsMemory::kCommit);
  EXPECT_EQ(arena_.TakeSlots(1), 0u);
  EXPECT_EQ(arena_.TakeSlots(63), 1u);
}

TEST_F(ArenaTest, TakesASingleSlotWhereTheOsRefusesMoreAtOnce) {
  FakeOsMemory other_os;
  Arena other;
  ASSERT_TRUE(other.Init(other_os, 64 * kSegmentSize, false, sizeof(Record)));
  const size_t before = other_os.calls(FakeOsMemory::kCommit);
  ASSERT_EQ(other.TakeSlots(1), 0u);
  const size_t commits = other_os.calls(FakeOsMemory::kCommit) - before;
  ASSERT_GT(other.used_slots(), 1u) << "more than was asked for, to save calls";
  other.Destroy();

  Init(64);
  os_.RefuseNth(FakeOsMemory::kCommit, commits - 1);
  EXPECT_EQ(arena_.TakeSlots(1), 0u);
  EXPECT_EQ(arena_.used_slots(), 1u);
  *AddressOf(0) = 1;
}

TEST_F(ArenaTest, EachSingleRefusedCommitIsSurvived) {
  for (size_t n = 0; n < 8; ++n) {
    FakeOsMemory os;
    Arena arena;
    ASSERT_TRUE(arena.Init(os, 64 * kSegmentSize, false, sizeof(Record)));
    os.RefuseNth(FakeOsMemory::kCommit, n);
    uint32_t taken = 0;
    for (int attempt = 0; attempt < 80; ++attempt) {
      const uint32_t slot = arena.TakeSlots(1);
      if (slot == kNoIndex) continue;
      EXPECT_EQ(slot, taken);
      *arena.segmap().AddressOf(FirstPageOf(SlotIndex(slot))) = 1;
      ++taken;
    }
    EXPECT_EQ(taken, 64u) << "commit " << n << " refused";
    arena.Destroy();
  }
}

TEST_F(ArenaTest, CommitsTheNextSlotsBeforeTheyAreNeeded) {
  Init(100);
  uint32_t taken = 0;
  const auto take = [&] {
    const uint32_t slot = arena_.TakeSlots(1);
    EXPECT_EQ(slot, taken++);
    *AddressOf(slot) = 1;
    arena_.record_number(FirstPageOf(SlotIndex(slot))) = 1;
    arena_.slot_records<Record>()[size_t{slot} * kPagesPerSegment].value[0] = 1;
  };
  take();
  const uint32_t first_step = arena_.used_slots();
  arena_.CommitAhead();
  EXPECT_EQ(arena_.used_slots(), first_step) << "there are enough";
  for (; taken < 100; arena_.CommitAhead()) {
    const size_t before = os_.calls(FakeOsMemory::kCommit);
    take();
    EXPECT_EQ(os_.calls(FakeOsMemory::kCommit), before) << "slot " << taken;
  }
  EXPECT_EQ(arena_.used_slots(), 100u);
  EXPECT_EQ(arena_.free_slots(), 0u);
  const size_t before = os_.calls(FakeOsMemory::kCommit);
  arena_.CommitAhead();
  EXPECT_EQ(os_.calls(FakeOsMemory::kCommit), before) << "there is nothing more";
}

TEST_F(ArenaTest, WhatTheOsRefusesAheadIsNotAskedForAgainBeforeItIsNeeded) {
  Init(64);
  ASSERT_EQ(arena_.TakeSlots(1), 0u);
  const uint32_t first_step = arena_.used_slots();
  ASSERT_EQ(arena_.TakeSlots(first_step - 1), 1u);
  os_.Refuse(FakeOsMemory::kCommit);
  arena_.CommitAhead();
  const size_t before = os_.calls(FakeOsMemory::kCommit);
  arena_.CommitAhead();
  EXPECT_EQ(os_.calls(FakeOsMemory::kCommit), before);
  EXPECT_EQ(arena_.free_slots(), 64 - first_step);
  os_.Allow(FakeOsMemory::kCommit);
  EXPECT_EQ(arena_.TakeSlots(1), first_step);
  EXPECT_EQ(arena_.TakeSlots(64 - first_step - 1), first_step + 1);
}

// While one thread waits for the kernel, others take slots, the same ones too.
TEST_F(ArenaTest, CommitsAheadWhileOthersTakeTheSameSlots) {
  Init(64);
  ASSERT_EQ(arena_.TakeSlots(1), 0u);
  const uint32_t first_step = arena_.used_slots();
  ASSERT_EQ(arena_.TakeSlots(first_step - 1), 1u);
  bool inside = false;
  os_.set_during(FakeOsMemory::kCommit, [&] {
    if (std::exchange(inside, true)) return;
    auto other = std::async(std::launch::async, [&] { return arena_.TakeSlots(10); });
    EXPECT_EQ(other.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  });
  arena_.CommitAhead();
  os_.set_during(FakeOsMemory::kCommit, {});
  EXPECT_TRUE(inside);
  EXPECT_EQ(arena_.free_slots(), 64 - first_step - 10);
  *AddressOf(first_step + 9) = 1;
  EXPECT_EQ(arena_.TakeSlots(1), first_step + 10) << "those are not free";
  EXPECT_EQ(arena_.TakeSlots(64 - first_step - 11), first_step + 11);
}

TEST_F(ArenaTest, PurgedPagesReadAsZeroAndAreUncharged) {
  Init(4);
  ASSERT_EQ(arena_.TakeSlots(1), 0u);
  Dirty(0, 10, 20);
  PageBits pages;
  pages.SetRange(15, 5);
  pages.SetRange(25, 2);
  EXPECT_EQ(arena_.PurgePages(arena_.segment(SlotIndex(0)), pages), 7u);
  EXPECT_EQ(arena_.meter().committed(), 13u);
  EXPECT_EQ(arena_.segment(SlotIndex(0)).DirtyPages(), 13u);
  EXPECT_EQ(os_.purged_pages(), 7u);
  EXPECT_EQ(AddressOf(0)[14 * kPageSize], 0x5a);
  EXPECT_EQ(AddressOf(0)[15 * kPageSize], 0);
  EXPECT_EQ(AddressOf(0)[20 * kPageSize], 0x5a);
  EXPECT_EQ(AddressOf(0)[26 * kPageSize], 0);
}

TEST_F(ArenaTest, ARefusedPurgeChangesNothing) {
  Init(4);
  ASSERT_EQ(arena_.TakeSlots(1), 0u);
  Dirty(0, 0, 8);
  os_.Refuse(FakeOsMemory::kPurge);
  PageBits pages;
  pages.SetRange(0, 8);
  EXPECT_EQ(arena_.PurgePages(arena_.segment(SlotIndex(0)), pages), 0u);
  EXPECT_EQ(arena_.meter().committed(), 8u);
  EXPECT_EQ(arena_.segment(SlotIndex(0)).DirtyPages(), 8u);
  arena_.ReturnSlots(SlotIndex(0), 1);
  EXPECT_EQ(arena_.PurgeFreeSlots(SIZE_MAX), 0u);
  EXPECT_EQ(arena_.dirty_free_pages(), 8u);
  EXPECT_EQ(arena_.free_slots(), 4u);
}

TEST_F(ArenaTest, GivesTheMemoryOfFreeSlotsBackAndOfNoOthers) {
  Init(200);
  ASSERT_EQ(arena_.TakeSlots(150), 0u);
  for (uint32_t slot : {0u, 3u, 70u, 140u}) Dirty(slot, 5, 10);
  EXPECT_EQ(arena_.dirty_free_pages(), 0u);
  for (uint32_t slot : {3u, 70u, 71u, 140u}) arena_.ReturnSlots(SlotIndex(slot), 1);
  EXPECT_EQ(arena_.dirty_free_pages(), 30u);
  EXPECT_EQ(arena_.PurgeFreeSlots(1), 10u) << "stops after the slot that reached the bound";
  EXPECT_EQ(arena_.dirty_free_pages(), 20u);
  EXPECT_EQ(arena_.PurgeFreeSlots(SIZE_MAX), 20u);
  EXPECT_EQ(arena_.dirty_free_pages(), 0u);
  EXPECT_EQ(arena_.meter().committed(), 10u) << "slot 0 is in use";
  EXPECT_EQ(AddressOf(0)[5 * kPageSize], 0x5a);
  EXPECT_EQ(arena_.free_slots(), 54u);
  EXPECT_EQ(arena_.PurgeFreeSlots(SIZE_MAX), 0u);
  ASSERT_EQ(arena_.TakeSlots(1), 3u);
  EXPECT_EQ(AddressOf(3)[5 * kPageSize], 0);
}

TEST_F(ArenaTest, OwnersAreKeptWhileOtherSlotsAreTakenAndReturned) {
  // As few slots as share no whole word of the bitmap of free ones.
  Init(32);
  ASSERT_EQ(arena_.TakeSlots(31), 0u);
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop.load()) {
      if (arena_.TakeSlots(1) == 31) arena_.ReturnSlots(SlotIndex(31), 1);
    }
  });
  unsigned wrong = 0;
  for (unsigned i = 0; i < 300000; ++i) {
    const SlotIndex slot(i % 31);
    const ShardId owner(static_cast<uint8_t>(i % 64));
    arena_.set_owner(slot, owner);
    for (int look = 0; look < 4; ++look) wrong += arena_.owner(slot) != owner;
  }
  stop.store(true);
  other.join();
  EXPECT_EQ(wrong, 0u);
}

TEST_F(ArenaTest, ThreadsNeverGetTheSameSlot) {
  constexpr uint32_t kSlots = 64;
  Init(kSlots);
  std::vector<std::atomic<int>> holders(kSlots);
  std::atomic<int> clashes{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint32_t i = 0; i < 3000; ++i) {
        const uint32_t n = 1 + (i + static_cast<uint32_t>(t)) % 5;
        const uint32_t first = arena_.TakeSlots(n);
        if (first == kNoIndex) continue;
        for (uint32_t slot = first; slot < first + n; ++slot) clashes += holders[slot]++ != 0;
        for (uint32_t slot = first; slot < first + n; ++slot) --holders[slot];
        arena_.ReturnSlots(SlotIndex(first), n);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(clashes.load(), 0);
  EXPECT_EQ(arena_.free_slots(), kSlots);
}

}  // namespace
}  // namespace hz3
