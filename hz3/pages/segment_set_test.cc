#include "hz3/pages/segment_set.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"

namespace hz3 {
namespace {

constexpr unsigned kSlots = 24;

class SegmentSetTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(arena_.Init(os_, kSlots * kSegmentSize, false, 64));
    ASSERT_EQ(arena_.TakeSlots(kSlots), 0u);
  }
  void TearDown() override { arena_.Destroy(); }

  Segment& Add(uint32_t slot) {
    Segment& segment = arena_.segment(SlotIndex(slot));
    segment.Open(SlotIndex(slot));
    set_.Insert(arena_, segment);
    return segment;
  }
  // A segment whose free pages are the last `n`.
  Segment& AddWithFree(uint32_t slot, unsigned n) {
    Segment& segment = Add(slot);
    segment.Carve(0, kPagesPerSegment - n);
    segment.UpdateLongest();
    set_.Update(arena_, segment);
    return segment;
  }
  std::set<uint32_t> Members() const {
    std::set<uint32_t> members;
    set_.ForEach(const_cast<Arena&>(arena_), [&](Segment& segment) {
      EXPECT_TRUE(members.insert(segment.slot().value()).second) << "listed twice";
    });
    return members;
  }

  FakeOsMemory os_;
  Arena arena_;
  SegmentSet set_;
};

TEST_F(SegmentSetTest, FindsNothingWhenItIsEmpty) {
  unsigned first;
  EXPECT_EQ(set_.Find(arena_, 1, 1, Pages::kAny, {true}, &first), nullptr);
  EXPECT_EQ(set_.FindAny(arena_, 1, Pages::kAny, {true}), nullptr);
  EXPECT_EQ(set_.empty_segment(), kNoIndex);
  EXPECT_TRUE(Members().empty());
}

TEST_F(SegmentSetTest, GoesToTheSegmentWithTheShortestRunThatFits) {
  if (!kConfig.fullest_first) GTEST_SKIP() << "this build's fullest_first is off";
  AddWithFree(0, 400);
  AddWithFree(1, 4);
  Add(2);
  AddWithFree(3, 30);
  AddWithFree(4, 7);
  unsigned first;
  const auto slot_for = [&](unsigned n) {
    return set_.Find(arena_, n, 1, Pages::kAny, {false}, &first)->slot().value();
  };
  EXPECT_EQ(slot_for(1), 1u);
  EXPECT_EQ(slot_for(4), 1u);
  EXPECT_EQ(slot_for(5), 4u);
  EXPECT_EQ(slot_for(8), 3u);
  EXPECT_EQ(slot_for(31), 0u);
  EXPECT_EQ(slot_for(401), 2u);
  EXPECT_EQ(set_.empty_segment(), 2u);
}

TEST_F(SegmentSetTest, LooksPastSegmentsOfTheMixedListThatAreTooShort) {
  AddWithFree(0, 15);
  AddWithFree(1, 9);  // the same list, in front
  unsigned first;
  Segment* found = set_.Find(arena_, 12, 1, Pages::kAny, {false}, &first);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->slot().value(), 0u);
  EXPECT_EQ(first, kPagesPerSegment - 15);
  EXPECT_EQ(set_.Find(arena_, 16, 1, Pages::kAny, {true}, &first), nullptr);
}

TEST_F(SegmentSetTest, AnExhaustiveSearchHasNoBoundOnTheSegmentsItLooksAt) {
  AddWithFree(0, 15);
  for (uint32_t slot = 1; slot <= SegmentSet::kMaxProbes + 2; ++slot) AddWithFree(slot, 9);
  unsigned first;
  Segment* found = set_.Find(arena_, 15, 1, Pages::kAny, {true}, &first);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->slot().value(), 0u);
}

TEST_F(SegmentSetTest, DirtyOnlyPassesCleanSegmentsBy) {
  Add(0);
  Segment& used = Add(1);
  used.Carve(40, 5);
  used.Uncarve(40, 5);
  set_.Update(arena_, used);
  unsigned first;
  Segment* found = set_.Find(arena_, 5, 1, Pages::kDirtyOnly, {true}, &first);
  ASSERT_EQ(found, &used);
  EXPECT_EQ(first, 40u);
  EXPECT_EQ(set_.FindAny(arena_, 5, Pages::kDirtyOnly, {true}), &used);
  EXPECT_EQ(set_.Find(arena_, 6, 1, Pages::kDirtyOnly, {true}, &first), nullptr);
  EXPECT_EQ(set_.FindAny(arena_, 6, Pages::kDirtyOnly, {true}), nullptr);
}

TEST_F(SegmentSetTest, RemovedSegmentsAreNotFoundAndTheOthersStay) {
  for (uint32_t slot = 0; slot < 5; ++slot) AddWithFree(slot, 6);
  set_.Remove(arena_, arena_.segment(SlotIndex(2)));
  set_.Remove(arena_, arena_.segment(SlotIndex(4)));
  set_.Remove(arena_, arena_.segment(SlotIndex(0)));
  EXPECT_EQ(Members(), (std::set<uint32_t>{1, 3}));
  set_.Remove(arena_, arena_.segment(SlotIndex(1)));
  set_.Remove(arena_, arena_.segment(SlotIndex(3)));
  EXPECT_TRUE(Members().empty());
  EXPECT_EQ(set_.FindAny(arena_, 1, Pages::kAny, {true}), nullptr);
}

// Carving leaves `longest` an upper bound; whoever asks the set gets the truth.
TEST_F(SegmentSetTest, NeverAnswersWithASegmentThatHasNoSuchRun) {
  for (unsigned n : {1u, 3u, 8u}) {
    SegmentSet set;
    std::vector<Segment*> stale;
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      Segment& segment = arena_.segment(SlotIndex(slot));
      segment.Open(SlotIndex(slot));
      set.Insert(arena_, segment);
      segment.Carve(0, kPagesPerSegment);
    }
    unsigned first;
    EXPECT_EQ(set.FindAny(arena_, n, Pages::kAny, {true}), nullptr) << n;
    EXPECT_EQ(set.Find(arena_, n, 1, Pages::kAny, {true}, &first), nullptr) << n;
  }
}

// Against the definition: an exhaustive search finds a run exactly if some member has one.
TEST_F(SegmentSetTest, MissesNoRunAfterRandomCarvingAndUncarving) {
  constexpr uint64_t kSeed = 11;
  std::mt19937_64 random(kSeed);
  const auto below = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
  std::map<uint32_t, std::map<unsigned, unsigned>> runs;  // of each member
  const auto longest = [&](bool dirty_only) {
    unsigned most = 0;
    for (const auto& [slot, unused] : runs) {
      const Segment& segment = arena_.segment(SlotIndex(slot));
      most = std::max(most, (dirty_only ? segment.FreeDirty() : segment.free_bits()).LongestRun());
    }
    return most;
  };
  for (int step = 0; step < 6000; ++step) {
    SCOPED_TRACE(::testing::Message() << "seed " << kSeed << ", step " << step);
    const uint32_t slot = below(kSlots);
    const auto member = runs.find(slot);
    Segment& segment = arena_.segment(SlotIndex(slot));
    if (member == runs.end()) {
      Add(slot);
      runs[slot];
    } else if (member->second.empty() && below(4) == 0) {
      set_.Remove(arena_, segment);
      segment.Close();
      runs.erase(member);
    } else if (!member->second.empty() && below(3) == 0) {
      const auto run =
          std::next(member->second.begin(), below(static_cast<unsigned>(member->second.size())));
      segment.Uncarve(run->first, run->second);
      set_.Update(arena_, segment);
      member->second.erase(run);
    }
    const unsigned n = 1 + below(1u << below(10));
    const Pages pages = below(3) == 0 ? Pages::kDirtyOnly : Pages::kAny;
    const bool there = n <= longest(pages == Pages::kDirtyOnly);
    Segment* any = set_.FindAny(arena_, n, pages, {true});
    ASSERT_EQ(any != nullptr, there) << n;
    if (any != nullptr) {
      ASSERT_NE(any->FindRun(n, 1, pages), Segment::kNone) << n;
    }
    unsigned first;
    Segment* found = set_.Find(arena_, n, 1, pages, {true}, &first);
    ASSERT_EQ(found != nullptr, there) << n;
    if (found != nullptr) {
      found->Carve(first, n);
      runs[found->slot().value()][first] = n;
    }
  }
  std::set<uint32_t> with_room;
  for (const auto& [slot, unused] : runs) {
    if (arena_.segment(SlotIndex(slot)).free_pages() > 0) with_room.insert(slot);
  }
  const std::set<uint32_t> members = Members();
  EXPECT_TRUE(std::includes(members.begin(), members.end(), with_room.begin(), with_room.end()));
}

TEST_F(SegmentSetTest, FindsAHoleOfExactlyTheLengthBehindLongerOnes) {
  // Free: 0..2, 10..17, and the rest of the segment from 100 on.
  Segment& segment = Add(0);
  segment.Carve(3, 7);
  segment.Carve(18, 82);
  segment.UpdateLongest();
  set_.Update(arena_, segment);
  EXPECT_EQ(set_.FindExact(arena_, 3), &segment);
  EXPECT_EQ(set_.FindExact(arena_, 8), &segment);
  EXPECT_EQ(set_.FindExact(arena_, 4), nullptr) << "a longer one would have to be cut";
  EXPECT_EQ(set_.FindExact(arena_, 2), nullptr);
}

TEST_F(SegmentSetTest, BestFitIsTheLeastListThatServes) {
  EXPECT_EQ(set_.BestFit(1), 0u);
  AddWithFree(0, 20);
  EXPECT_EQ(set_.BestFit(3), SegmentSet::BucketOf(20));
  AddWithFree(1, 5);
  EXPECT_EQ(set_.BestFit(3), 5u);
  EXPECT_EQ(set_.BestFit(6), SegmentSet::BucketOf(20));
  EXPECT_EQ(set_.BestFit(64), 0u);
}

}  // namespace
}  // namespace hz3
