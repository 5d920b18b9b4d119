#include "hz3/objects/private_heap.h"

#include <cstring>
#include <random>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"

namespace hz3 {
namespace {

constexpr SizeClass kSmall = ClassOf(64);
constexpr SizeClass kWideSpan = ClassOf(3000);  // of several pages

// Runs are cut from two slots, one after the other; what comes back is remembered.
class PrivateHeapTest : public ::testing::Test {
 protected:
  PrivateHeapTest() {
    EXPECT_TRUE(arena_.Init(os_, size_t{64} << 20, false, sizeof(Span)));
    EXPECT_EQ(arena_.TakeSlots(2), 0u);
  }
  ~PrivateHeapTest() override { arena_.Destroy(); }

  char* NewRun(unsigned pages) {
    const PageIndex page(next_page_);
    next_page_ += pages;
    arena_.segmap().Set(page, kTagLarge);
    return arena_.segmap().AddressOf(page);
  }
  Tag TagOf(const void* p) const { return arena_.segmap().Lookup(p); }
  void* Allocate(PrivateHeap& heap, SizeClass c) {
    LeaseHolder hold(heap.lease());
    void* object = heap.Take(c);
    if (object != nullptr) return object;
    heap.AddSpan(c, NewRun(InfoOf(c).pages));
    return heap.Take(c);
  }
  void* Free(PrivateHeap& heap, void* p) {
    LeaseHolder hold(heap.lease());
    return heap.Free(p);
  }
  void* RemoveRun(PrivateHeap& heap) {
    LeaseHolder hold(heap.lease());
    return heap.RemoveRun();
  }

  FakeOsMemory os_;
  Arena arena_;
  Lease lease_;
  PrivateHeap heap_{arena_, lease_};
  PrivateHeap other_{arena_, lease_};
  uint32_t next_page_ = 0;
};

using PrivateHeapDeathTest = PrivateHeapTest;

TEST_F(PrivateHeapTest, HasNothingUntilItIsGivenARun) {
  LeaseHolder hold(heap_.lease());
  EXPECT_EQ(heap_.Take(kSmall), nullptr);
  EXPECT_EQ(heap_.RemoveRun(), nullptr);
}

TEST_F(PrivateHeapTest, ASpanServesAllItsObjectsOnceAndEachPageTellsWhoseItIs) {
  const unsigned objects = InfoOf(kWideSpan).objects;
  ASSERT_GT(InfoOf(kWideSpan).pages, 1u);
  std::set<void*> all;
  for (unsigned i = 0; i < objects; ++i) all.insert(Allocate(heap_, kWideSpan));
  EXPECT_EQ(all.size(), objects);
  EXPECT_EQ(next_page_, InfoOf(kWideSpan).pages);
  for (void* p : all) {
    EXPECT_EQ(TagOf(p), kTagPrivate);
    EXPECT_EQ(PrivateHeap::Of(arena_, p), &heap_);
    EXPECT_EQ(PrivateHeap::UsableSize(arena_, p), InfoOf(kWideSpan).size);
  }
}

TEST_F(PrivateHeapTest, WhatIsNoHeapsBelongsToNobody) {
  int local = 0;
  EXPECT_EQ(PrivateHeap::Of(arena_, &local), nullptr);
  EXPECT_EQ(PrivateHeap::Of(arena_, nullptr), nullptr);
  EXPECT_EQ(PrivateHeap::Of(arena_, NewRun(1)), nullptr);
}

TEST_F(PrivateHeapTest, ARunComesBackWithTheTagItCameWith) {
  char* run = NewRun(20);
  char* behind = NewRun(1);
  {
    LeaseHolder hold(heap_.lease());
    heap_.AddRun(run, 20);
  }
  EXPECT_EQ(PrivateHeap::Of(arena_, run), &heap_);
  EXPECT_EQ(PrivateHeap::UsableSize(arena_, run), 20 * kPageSize);
  EXPECT_EQ(TagOf(run + kPageSize), 0) << "only its first page can be freed";
  EXPECT_EQ(Free(heap_, run), run);
  EXPECT_EQ(TagOf(run), kTagLarge);
  EXPECT_EQ(TagOf(behind), kTagLarge);
}

TEST_F(PrivateHeapTest, NoPageOfASpanThatCameBackIsTheHeapsAnyMore) {
  Allocate(heap_, kWideSpan);
  char* run = static_cast<char*>(RemoveRun(heap_));
  EXPECT_EQ(TagOf(run), kTagLarge);
  for (unsigned i = 1; i < InfoOf(kWideSpan).pages; ++i) EXPECT_EQ(TagOf(run + i * kPageSize), 0);
}

TEST_F(PrivateHeapTest, ASpanThatIsEmptyComesBackUnlessItIsTheLastWithRoom) {
  const unsigned objects = InfoOf(kSmall).objects;
  std::vector<void*> blocks;
  for (unsigned i = 0; i < 2 * objects; ++i) blocks.push_back(Allocate(heap_, kSmall));
  std::vector<void*> runs;
  for (void* p : blocks) {
    if (void* run = Free(heap_, p)) runs.push_back(run);
  }
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(TagOf(runs[0]), kTagLarge);
  for (unsigned page = 1; page < InfoOf(kSmall).pages; ++page) {
    EXPECT_EQ(TagOf(static_cast<char*>(runs[0]) + page * kPageSize), 0);
  }
  EXPECT_NE(RemoveRun(heap_), nullptr);
  EXPECT_EQ(RemoveRun(heap_), nullptr);
}

TEST_F(PrivateHeapTest, ARunThatCameBackHasNoMailForItsNextOwner) {
  const uint32_t page = next_page_;
  Allocate(heap_, kSmall);
  ASSERT_NE(RemoveRun(heap_), nullptr);
  EXPECT_EQ(arena_.page_mail<SpanMail>(PageIndex(page)).Count(), 0u);
}

TEST_F(PrivateHeapTest, AllRunsComeBackWithLiveBlocksInThem) {
  std::set<void*> expected;
  for (unsigned i = 0; i < 5 * InfoOf(kWideSpan).objects; ++i) Allocate(heap_, kWideSpan);
  {
    LeaseHolder hold(heap_.lease());
    heap_.AddRun(NewRun(9), 9);
  }
  Allocate(heap_, kSmall);
  Allocate(other_, kSmall);
  unsigned runs = 0;
  while (void* run = RemoveRun(heap_)) {
    ++runs;
    EXPECT_EQ(TagOf(run), kTagLarge);
  }
  EXPECT_EQ(runs, 7u);
  {
    LeaseHolder hold(heap_.lease());
    EXPECT_EQ(heap_.Take(kSmall), nullptr);
  }
  LeaseHolder hold(other_.lease());
  EXPECT_NE(other_.Take(kSmall), nullptr) << "the other heap has kept its own";
}

TEST_F(PrivateHeapTest, RandomUseOfTwoHeapsNeverHandsOutABlockTwice) {
  std::mt19937 random(7);
  struct Live {
    PrivateHeap* heap;
    char* p;
    size_t size;
    char mark;
  };
  std::vector<Live> live;
  std::vector<char*> spare;  // runs that came back, of one page
  for (int step = 0; step < 20'000; ++step) {
    if (live.size() < 300 && random() % 2 == 0) {
      PrivateHeap& heap = random() % 2 == 0 ? heap_ : other_;
      const SizeClass c = ClassOf(1 + random() % 500);
      LeaseHolder hold(heap.lease());
      void* p = heap.Take(c);
      if (p == nullptr && InfoOf(c).pages == 1 && !spare.empty()) {
        heap.AddSpan(c, spare.back());
        spare.pop_back();
        p = heap.Take(c);
      } else if (p == nullptr && next_page_ < 900) {
        heap.AddSpan(c, NewRun(InfoOf(c).pages));
        p = heap.Take(c);
      }
      if (p == nullptr) continue;
      const char mark = static_cast<char>(step);
      live.push_back({&heap, static_cast<char*>(p), InfoOf(c).size, mark});
      memset(p, mark, InfoOf(c).size);
    } else if (!live.empty()) {
      std::swap(live[random() % live.size()], live.back());
      const Live block = live.back();
      live.pop_back();
      ASSERT_EQ(PrivateHeap::Of(arena_, block.p), block.heap);
      for (size_t i = 0; i < block.size; ++i) ASSERT_EQ(block.p[i], block.mark) << "step " << step;
      const unsigned pages = InfoOf(ClassOf(block.size)).pages;
      void* run = Free(*block.heap, block.p);
      if (run != nullptr && pages == 1) spare.push_back(static_cast<char*>(run));
    }
  }
}

TEST_F(PrivateHeapDeathTest, MisuseIsReported) {
  char* p = static_cast<char*>(Allocate(heap_, kSmall));
  EXPECT_DEATH(Free(heap_, p + 8), "interior pointer");
  Free(heap_, p);
  EXPECT_DEATH(Free(heap_, p), "double free");
  char* run = NewRun(12);
  LeaseHolder hold(heap_.lease());
  heap_.AddRun(run, 12);
  EXPECT_DEATH(heap_.Free(run + 64), "interior pointer");
}

}  // namespace
}  // namespace hz3
