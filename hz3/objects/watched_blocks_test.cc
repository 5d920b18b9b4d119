#include "hz3/objects/watched_blocks.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/os_memory.h"

namespace hz3 {
namespace {

constexpr SizeClass kClass{20};  // 384 bytes: objects that cross pages

// A span, a run and a large run in the first slot of an arena.
class WatchedBlocksTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(arena_.Init(SystemMemory(), size_t{4} << 20, false, sizeof(Span)));
    ASSERT_EQ(arena_.TakeSlots(1), 0u);
    watched_.Init(arena_);
    const unsigned pages = InfoOf(kClass).pages;
    ASSERT_GT(pages, 1u);
    Segment& segment = arena_.segment(SlotIndex(0));
    segment.Open(SlotIndex(0));
    SpanTable::Open(arena_, segment, kSpanPage.value(), kClass);
    arena_.segmap().SetRange(kSpanPage, pages, kClass.value());
    arena_.segmap().Set(kRunPage, kFirstMediumClass);
    arena_.segmap().Set(kLargePage, kTagLarge);
  }
  void TearDown() override { arena_.Destroy(); }

  char* Object(unsigned n) {
    return arena_.segmap().AddressOf(kSpanPage) + n * InfoOf(kClass).size;
  }
  Tag TagOf(const void* p) { return arena_.segmap().Lookup(p); }
  Tag PlainTagOf(const void* p) { return PlainTag(arena_, arena_.segmap().PageOf(p)); }

  static constexpr PageIndex kSpanPage{4}, kRunPage{32}, kLargePage{40};
  Arena arena_;
  WatchedBlocks watched_;
};

TEST_F(WatchedBlocksTest, OnlyTheWatchedObjectIsWatchedAndOnlyItsPageTakesTheSlowPath) {
  watched_.Watch(Object(11), kClass.value());
  for (unsigned i = 0; i < InfoOf(kClass).objects; ++i) {
    EXPECT_EQ(watched_.IsWatched(Object(i)), i == 11) << i;
    const bool same_page = arena_.segmap().PageOf(Object(i)) == arena_.segmap().PageOf(Object(11));
    EXPECT_EQ(TagOf(Object(i)), same_page ? kTagWatched : kClass.value()) << i;
    EXPECT_EQ(PlainTagOf(Object(i)), kClass.value());
  }
  watched_.Unwatch(Object(11));
  EXPECT_FALSE(watched_.IsWatched(Object(11)));
  EXPECT_EQ(TagOf(Object(11)), kClass.value());
}

TEST_F(WatchedBlocksTest, APageIsPlainAgainWhenItsLastWatchedObjectIsNotAnyMore) {
  for (unsigned i = 0; i < InfoOf(kClass).objects; ++i) watched_.Watch(Object(i), kClass.value());
  for (unsigned i = 0; i < InfoOf(kClass).objects; ++i) {
    watched_.Unwatch(Object(i));
    const bool last = i + 1 == InfoOf(kClass).objects ||
                      !(arena_.segmap().PageOf(Object(i)) == arena_.segmap().PageOf(Object(i + 1)));
    EXPECT_EQ(TagOf(Object(i)), last ? kClass.value() : kTagWatched) << i;
  }
}

TEST_F(WatchedBlocksTest, APointerIntoTheMiddleOfABlockIsNotWatched) {
  watched_.Watch(Object(0), kClass.value());
  EXPECT_FALSE(watched_.IsWatched(Object(0) + 16));
  watched_.Unwatch(Object(0) + 16);
  EXPECT_TRUE(watched_.IsWatched(Object(0)));
}

TEST_F(WatchedBlocksTest, RunsAreWatchedByTheirPage) {
  char* const run = arena_.segmap().AddressOf(kRunPage);
  watched_.Watch(run, kFirstMediumClass);
  EXPECT_EQ(TagOf(run), kTagWatched);
  EXPECT_EQ(PlainTagOf(run), kFirstMediumClass);
  EXPECT_TRUE(watched_.IsWatched(run));
  EXPECT_FALSE(watched_.IsWatched(run + 64));
  watched_.Unwatch(run);
  EXPECT_EQ(TagOf(run), kFirstMediumClass);
}

TEST_F(WatchedBlocksTest, BlocksWithoutABinKeepTheirTag) {
  char* const large = arena_.segmap().AddressOf(kLargePage);
  watched_.Watch(large, kTagLarge);
  EXPECT_EQ(TagOf(large), kTagLarge);
  EXPECT_TRUE(watched_.IsWatched(large));
  watched_.Unwatch(large);
  EXPECT_FALSE(watched_.IsWatched(large));
}

TEST_F(WatchedBlocksTest, ARunThatBecameALargeOneKeepsItsNewTag) {
  char* const run = arena_.segmap().AddressOf(kRunPage);
  watched_.Watch(run, kFirstWideClass);
  arena_.segmap().Set(kRunPage, kTagLarge);
  watched_.Unwatch(run);
  EXPECT_EQ(TagOf(run), kTagLarge);
}

TEST_F(WatchedBlocksTest, ThreadsMayWatchNeighboursAtTheSameTime) {
  constexpr unsigned kThreads = 4;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      for (unsigned round = 0; round < 20'000; ++round) {
        watched_.Watch(Object(t), kClass.value());
        EXPECT_TRUE(watched_.IsWatched(Object(t)));
        EXPECT_EQ(TagOf(Object(t)), kTagWatched);
        watched_.Unwatch(Object(t));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(TagOf(Object(0)), kClass.value());
}

}  // namespace
}  // namespace hz3
