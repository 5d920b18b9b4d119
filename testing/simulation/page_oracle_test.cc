#include "testing/simulation/page_oracle.h"

#include <vector>

#include "gtest/gtest.h"

namespace hz3::simulation {
namespace {

constexpr SizeClass kRun{0};
constexpr SizeClass kTwoPages{kFirstMediumClass + 1};
constexpr SizeClass kSmall = ClassOf(1024);
constexpr unsigned kSpanPages = InfoOf(kSmall).pages;
constexpr uint32_t kSlots = 3;

class PageOracleTest : public ::testing::Test {
 protected:
  // Spans begin at multiples of their length here.
  PageOracleTest()
      : oracle_(Page(0), kSlots, [](const void* p) {
          const auto page = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(p) / kPageSize);
          return (page - kFirstPage) / kSpanPages * kSpanPages;
        }) {}

  // An address that nobody looks behind.
  static char* Page(size_t page) {
    return reinterpret_cast<char*>((kFirstPage + page) * kPageSize);  // NOLINT
  }
  static char* Object(size_t page, unsigned number) {
    return Page(page) + size_t{number} * InfoOf(kSmall).size;
  }
  bool RunOf(size_t pages, unsigned align = 1, const Hidden& hidden = {}) {
    return oracle_.Survey({SizeClass(0), pages, align}, hidden).run;
  }
  bool ObjectOf(SizeClass c, const Hidden& hidden = {}) {
    return oracle_.Survey({c, InfoOf(c).pages, 1}, hidden).object;
  }
  static Hidden Hide(Holder holder) {
    Hidden hidden{};
    hidden[holder] = true;
    return hidden;
  }
  void FillSlots(uint32_t from) {
    for (uint32_t slot = from; slot < kSlots; ++slot) {
      oracle_.HandOut(Page(slot * kPagesPerSegment), kRun, kPagesPerSegment);
    }
  }

  static constexpr uint32_t kFirstPage = 512 * kSpanPages;
  PageOracle oracle_;
};

TEST_F(PageOracleTest, PromisesWhatIsNotLive) {
  FillSlots(1);
  oracle_.HandOut(Page(100), kRun, 12);
  EXPECT_TRUE(RunOf(400));
  EXPECT_FALSE(RunOf(401));
  EXPECT_TRUE(RunOf(300, 128));
  EXPECT_FALSE(RunOf(390, 128)) << "it would have to begin at page 128";
  oracle_.Return(Page(100), Place::kHeap, 0);
  EXPECT_TRUE(RunOf(512));
  EXPECT_FALSE(RunOf(513));
  EXPECT_EQ(oracle_.error(), "");
}

TEST_F(PageOracleTest, RunsDoNotReachFromSlotToSlotButBlocksOfSlotsDo) {
  oracle_.HandOut(Page(0), kRun, 1);
  oracle_.HandOut(Page(3 * 512 - 1), kRun, 1);
  EXPECT_TRUE(RunOf(512));
  EXPECT_FALSE(RunOf(513));
  oracle_.Return(Page(0), Place::kHeap, 0);
  EXPECT_TRUE(RunOf(513));
  EXPECT_TRUE(RunOf(1024));
  EXPECT_FALSE(RunOf(1025));
}

TEST_F(PageOracleTest, ALiveObjectKeepsItsSpanAndPromisesTheOthers) {
  FillSlots(1);
  EXPECT_FALSE(ObjectOf(kSmall));
  oracle_.HandOut(Object(0, 3), kSmall, kSpanPages);
  EXPECT_FALSE(RunOf(512));
  EXPECT_TRUE(RunOf(512 - kSpanPages));
  EXPECT_TRUE(ObjectOf(kSmall));
  EXPECT_FALSE(ObjectOf(ClassOf(512)));
  for (unsigned i = 0; i < InfoOf(kSmall).objects; ++i) {
    if (i != 3) oracle_.HandOut(Object(0, i), kSmall, kSpanPages);
  }
  EXPECT_FALSE(ObjectOf(kSmall));
  for (unsigned i = 0; i < InfoOf(kSmall).objects; ++i) {
    oracle_.Return(Object(0, i), Place::kHeap, 0);
  }
  EXPECT_TRUE(RunOf(512));
  EXPECT_EQ(oracle_.error(), "");
}

TEST_F(PageOracleTest, WhatABinHoldsIsPromisedUnlessItsThreadIsHidden) {
  FillSlots(1);
  oracle_.HandOut(Page(0), kRun, 508);
  oracle_.HandOut(Page(508), kTwoPages, 2);
  oracle_.HandOut(Page(510), kTwoPages, 2);
  oracle_.PushBin(1, kTwoPages, Page(508));
  oracle_.PushBin(2, kTwoPages, Page(510));
  EXPECT_TRUE(RunOf(4));
  EXPECT_FALSE(RunOf(4, 1, Hide(1)));
  EXPECT_TRUE(RunOf(2, 1, Hide(1)));
  EXPECT_FALSE(RunOf(4, 1, Hide(2)));
  oracle_.PopBin(1, kTwoPages, Page(508));
  EXPECT_FALSE(RunOf(4));
  EXPECT_EQ(oracle_.error(), "");
}

TEST_F(PageOracleTest, WhatLeavesABinIsWithTheHeapOrStaged) {
  const Holder holder = 5;
  std::vector<void*> bin = {Object(0, 0), Object(0, 1), Object(0, 2)};
  const auto staged = [](const void*) { return Place::kStaged; };
  const auto with_heap = [](const void*) { return Place::kHeap; };
  oracle_.ObserveLeft(holder, kSmall, bin.data(), 3, with_heap);
  oracle_.ObserveNew(holder, kSmall, bin.data(), 3);
  EXPECT_EQ(oracle_.PlaceOf(*oracle_.BlockAt(0), 1), Place::kBin);
  oracle_.ObserveLeft(holder, kSmall, bin.data() + 1, 2, staged);
  oracle_.ObserveNew(holder, kSmall, bin.data() + 1, 2);
  EXPECT_EQ(oracle_.PlaceOf(*oracle_.BlockAt(0), 0), Place::kStaged);
  EXPECT_TRUE(oracle_.MayHaveStaged(holder));
  oracle_.ObserveLeft(holder, kSmall, bin.data() + 2, 1, with_heap);
  oracle_.ObserveNew(holder, kSmall, bin.data() + 2, 1);
  EXPECT_EQ(oracle_.PlaceOf(*oracle_.BlockAt(0), 1), Place::kHeap);
  oracle_.NothingStaged(holder);
  EXPECT_EQ(oracle_.PlaceOf(*oracle_.BlockAt(0), 0), Place::kHeap);
  EXPECT_EQ(oracle_.PlaceOf(*oracle_.BlockAt(0), 2), Place::kBin);
  oracle_.ObserveLeft(holder, kSmall, nullptr, 0, with_heap);
  oracle_.ObserveNew(holder, kSmall, nullptr, 0);
  EXPECT_EQ(oracle_.BlockAt(0), nullptr) << "nobody has anything of the span";
  EXPECT_EQ(oracle_.error(), "");
}

TEST_F(PageOracleTest, WhatIsInTransitIsHiddenUntilItArrivesOrIsMetElsewhere) {
  FillSlots(1);
  oracle_.HandOut(Page(0), kRun, 511);
  oracle_.HandOut(Page(511), kRun, 1);
  oracle_.Return(Page(511), Place::kTransit, 1);
  EXPECT_FALSE(RunOf(1));
  oracle_.Arrive(Page(511), Place::kTransit, 2);
  EXPECT_FALSE(RunOf(1)) << "somebody else's";
  oracle_.Arrive(Page(511), Place::kTransit, 1);
  EXPECT_TRUE(RunOf(1));
  oracle_.HandOut(Page(511), kRun, 1);
  oracle_.Return(Page(511), Place::kTransit, 1);
  oracle_.HandOut(Page(511), kRun, 1);
  oracle_.Arrive(Page(511), Place::kTransit, 1);
  EXPECT_FALSE(RunOf(1)) << "it was handed out again before its poster went on";
  EXPECT_EQ(oracle_.error(), "");
}

TEST_F(PageOracleTest, ASlotWhoseMailNobodyCanSeePromisesNothing) {
  FillSlots(1);
  oracle_.SetMute(0, true);
  EXPECT_FALSE(RunOf(1));
  EXPECT_EQ(oracle_.Survey({SizeClass(0), 1, 1}, {}).blocked_pages, kSlots * 512u);
  oracle_.SetMute(0, false);
  EXPECT_TRUE(RunOf(512));
}

TEST_F(PageOracleTest, ClaimedPagesAreNobodyElses) {
  FillSlots(1);
  oracle_.Claim(10, 20);
  EXPECT_FALSE(RunOf(483));
  EXPECT_TRUE(RunOf(482));
  oracle_.Unclaim(10);
  EXPECT_TRUE(RunOf(512));
  oracle_.Claim(10, 20);
  oracle_.HandOut(Page(25), kRun, 1);
  EXPECT_NE(oracle_.error(), "");
}

TEST_F(PageOracleTest, CountsThePagesThatCannotBeGivenBack) {
  oracle_.HandOut(Page(0), kRun, 7);
  oracle_.HandOut(Page(512), kTwoPages, 2);
  oracle_.PushBin(3, kTwoPages, Page(512));
  EXPECT_EQ(oracle_.Survey({SizeClass(0), 1, 1}, {}).blocked_pages, 7u);
  EXPECT_EQ(oracle_.Survey({SizeClass(0), 1, 1}, Hide(3)).blocked_pages, 9u);
  size_t pages;
  size_t bytes;
  oracle_.Hides(Hide(3), &pages, &bytes);
  EXPECT_EQ(pages, 2u);
  EXPECT_EQ(bytes, 2 * kPageSize);
}

TEST_F(PageOracleTest, AResizedRunHasItsNewPages) {
  oracle_.HandOut(Page(0), kRun, 20);
  oracle_.Resize(Page(0), 10);
  oracle_.HandOut(Page(10), kRun, 5);
  EXPECT_EQ(oracle_.error(), "");
  oracle_.Resize(Page(0), 11);
  EXPECT_NE(oracle_.error(), "");
}

TEST_F(PageOracleTest, ComplainsOfABlockThatIsHandedOutTwice) {
  oracle_.HandOut(Page(0), kRun, 20);
  oracle_.HandOut(Page(19), kRun, 2);
  EXPECT_NE(oracle_.error().find("overlaps"), std::string::npos) << oracle_.error();
}

TEST_F(PageOracleTest, ComplainsOfAnObjectThatIsHandedOutTwice) {
  oracle_.HandOut(Object(0, 1), kSmall, kSpanPages);
  oracle_.HandOut(Object(0, 2), kSmall, kSpanPages);
  EXPECT_EQ(oracle_.error(), "");
  oracle_.HandOut(Object(0, 1), kSmall, kSpanPages);
  EXPECT_NE(oracle_.error(), "");
}

TEST_F(PageOracleTest, ComplainsOfAnObjectThatIsInTwoBins) {
  void* p = Object(0, 1);
  oracle_.ObserveNew(1, kSmall, &p, 1);
  EXPECT_EQ(oracle_.error(), "");
  oracle_.ObserveNew(2, kSmall, &p, 1);
  EXPECT_NE(oracle_.error(), "");
}

TEST_F(PageOracleTest, ComplainsOfAFreeOfWhatIsNotLive) {
  oracle_.Return(Page(3), Place::kHeap, 0);
  EXPECT_NE(oracle_.error(), "");
}

}  // namespace
}  // namespace hz3::simulation
