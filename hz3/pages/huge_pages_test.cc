#include "hz3/pages/huge_pages.h"

#include <gtest/gtest.h>

namespace hz3 {
namespace {

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
    pages.NoteCost(HugePages::kDearNs);
  }
}

TEST(HugePages, AfterEachDearOneThePauseIsTwiceAsLongUpToABound) {
  HugePages pages;
  for (unsigned pause = HugePages::kFirstPause; pause < HugePages::kLongestPause; pause *= 2) {
    pages.NoteCost(HugePages::kDearNs + 1);
    EXPECT_EQ(PauseOf(pages), pause);
  }
  for (int i = 0; i < 3; ++i) {
    pages.NoteCost(HugePages::kDearNs * 10);
    EXPECT_EQ(PauseOf(pages), HugePages::kLongestPause);
  }
}

TEST(HugePages, ACheapOneIsForgiving) {
  HugePages pages;
  for (int i = 0; i < 5; ++i) pages.NoteCost(HugePages::kDearNs + 1);
  PauseOf(pages);
  pages.NoteCost(HugePages::kDearNs);
  EXPECT_EQ(PauseOf(pages), 0u);
  pages.NoteCost(HugePages::kDearNs + 1);
  EXPECT_EQ(PauseOf(pages), HugePages::kFirstPause);
}

}  // namespace
}  // namespace hz3
