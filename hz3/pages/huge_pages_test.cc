#include "hz3/pages/huge_pages.h"

#include "gtest/gtest.h"

namespace hz3 {
namespace {

constexpr uint64_t CheapAt(uint64_t page_ns) { return 2 * page_ns * kPagesPerSegment; }
constexpr uint64_t kCheap = CheapAt(HugePages::kFirstPageNs);
constexpr uint64_t kDear = kCheap + 1;

// How many decisions say no before one says yes.
unsigned PauseOf(HugePages& pages) {
  unsigned paused = 0;
  while (!pages.AskForOne()) ++paused;
  return paused;
}

TEST(HugePages, CheapOnesAreAskedForAlways) {
  HugePages pages;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(pages.AskForOne());
    pages.NoteCost(kCheap);
  }
}

TEST(HugePages, AfterEachDearOneThePauseIsTwiceAsLongUpToABound) {
  HugePages pages;
  for (unsigned pause = HugePages::kFirstPause; pause < HugePages::kLongestPause; pause *= 2) {
    pages.NoteCost(kDear);
    EXPECT_EQ(PauseOf(pages), pause);
  }
  for (int i = 0; i < 3; ++i) {
    pages.NoteCost(kDear * 10);
    EXPECT_EQ(PauseOf(pages), HugePages::kLongestPause);
  }
}

TEST(HugePages, ACheapOneIsForgiving) {
  HugePages pages;
  for (int i = 0; i < 5; ++i) pages.NoteCost(kDear);
  PauseOf(pages);
  pages.NoteCost(kCheap);
  EXPECT_EQ(PauseOf(pages), 0u);
  pages.NoteCost(kDear);
  EXPECT_EQ(PauseOf(pages), HugePages::kFirstPause);
}

TEST(HugePages, WhatIsDearFollowsWhatSmallPagesCost) {
  HugePages pages;
  for (int i = 0; i < 100; ++i) pages.NoteCostOfPages(16, 16 * 11000);
  pages.NoteCost(CheapAt(10900));
  EXPECT_EQ(PauseOf(pages), 0u);
  pages.NoteCost(CheapAt(11000) + 1);
  EXPECT_EQ(PauseOf(pages), HugePages::kFirstPause);
  for (int i = 0; i < 100; ++i) pages.NoteCostOfPages(2, 2 * 100);
  pages.NoteCost(CheapAt(HugePages::kLeastPageNs));
  EXPECT_EQ(PauseOf(pages), 0u) << "not less than the least";
  pages.NoteCost(CheapAt(HugePages::kLeastPageNs) + 1);
  EXPECT_EQ(PauseOf(pages), HugePages::kFirstPause);
}

}  // namespace
}  // namespace hz3
