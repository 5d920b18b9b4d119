#include "bench/workloads/class_shift.h"

#include <algorithm>
#include <set>
#include <vector>

#include "bench/lib/rng.h"
#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

constexpr uint64_t kSlotPages = kSlot / kPage;
constexpr uint64_t kBase = 77 * kSlotPages;  // any slot

uint64_t Pinned(const std::set<uint64_t>& pages, uint64_t run_pages, uint64_t slots) {
  const std::vector<uint64_t> sorted(pages.begin(), pages.end());
  return PinnedBytes(sorted.data(), sorted.size(), run_pages, slots * kSlot);
}

// Cuts runs out of the free pages one by one, as often as it goes.
uint64_t ByTrying(const std::set<uint64_t>& pages, uint64_t run_pages, uint64_t slots) {
  uint64_t usable = 0;
  for (uint64_t slot = 0; slot < slots; ++slot) {
    uint64_t free_in_row = 0;
    for (uint64_t page = 0; page < kSlotPages; ++page) {
      const bool pinned = pages.contains(kBase + slot * kSlotPages + page);
      free_in_row = pinned ? 0 : free_in_row + 1;
      if (free_in_row != run_pages) continue;
      usable += run_pages;
      free_in_row = 0;
    }
  }
  return slots * kSlot - usable * kPage;
}

TEST(PinnedBytes, IsWhatNoRunOfThatLengthCanUse) {
  EXPECT_EQ(Pinned({}, 1, 4), 0u);
  EXPECT_EQ(Pinned({}, 8, 4), 0u);
  EXPECT_EQ(Pinned({kBase}, 1, 4), kPage);
  // 511 pages are left of that slot: 63 runs of 8.
  EXPECT_EQ(Pinned({kBase}, 8, 4), 8 * kPage);
  EXPECT_EQ(Pinned({kBase, kBase + 8}, 8, 1), (512 - 62 * 8) * kPage);
}

TEST(PinnedBytes, AgreesWithTryingItOut) {
  constexpr uint64_t kSeed = 3;
  constexpr uint64_t kSlots = 4;
  Rng rng(kSeed);
  for (int round = 0; round < 200; ++round) {
    std::set<uint64_t> pages;
    const uint64_t count = rng.Next() % 300;
    for (uint64_t i = 0; i < count; ++i) pages.insert(kBase + rng.Next() % (kSlots * kSlotPages));
    for (const uint64_t run_pages : {1u, 2u, 3u, 8u, 16u}) {
      ASSERT_EQ(Pinned(pages, run_pages, kSlots), ByTrying(pages, run_pages, kSlots))
          << "seed " << kSeed << " round " << round << " run " << run_pages;
    }
  }
}

TEST(PinnedBytes, IsNeverMoreThanTheArena) {
  std::set<uint64_t> pages;
  for (uint64_t page = 0; page < 4 * kSlotPages; ++page) pages.insert(kBase + page);
  EXPECT_EQ(Pinned(pages, 1, 4), 4 * kSlot);
  EXPECT_EQ(Pinned(pages, 1, 2), 2 * kSlot);
}

}  // namespace
}  // namespace hz3::bench
