#include "hz3/shard/shard.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"
#include "hz3/base/os_memory.h"
#include "hz3/config/config.h"

namespace hz3 {

// Posts as a thread does that was preempted between two steps of PostObjects.
class ShardPeer {
 public:
  static void PostLateHint(Shard& shard, SlotIndex slot) {
    shard.PostPages(slot, Inbox::kSpan, 0, 1);
  }
};

namespace {

constexpr size_t kArenaBytes = size_t{64} << 20;
constexpr SizeClass kOnePage{kFirstMediumClass};
constexpr SizeClass kTwoPages{kFirstMediumClass + 1};
constexpr SizeClass kObjects48 = ClassOf(48);
// Addresses that stand for two threads.
constexpr char kPuts = 0;
constexpr char kTakes = 0;

// An arena with two shards; every call of theirs that needs the lease takes it here.
class Heap {
 public:
  static constexpr unsigned kShards = 2;

  explicit Heap(OsMemory& os = SystemMemory()) : shards_(new Shard[kShards]) {
    EXPECT_TRUE(arena_.Init(os, kArenaBytes, false, sizeof(Span)));
    for (unsigned i = 0; i < kShards; ++i)
      shards_[i].Init(arena_, ShardId(static_cast<uint8_t>(i)), kShards);
  }
  ~Heap() { arena_.Destroy(); }

  Arena& arena() { return arena_; }
  Shard& shard(unsigned i = 0) { return shards_[i]; }

  std::vector<char*> Refill(SizeClass c, unsigned want, const Effort& effort = kFullEffort,
                            unsigned s = 0) {
    std::vector<void*> out(want);
    LeaseHolder hold(shard(s).lease());
    const unsigned got = shard(s).Refill(c, out.data(), want, effort);
    EXPECT_LE(got, want);
    std::vector<char*> blocks;
    for (unsigned i = 0; i < got; ++i) blocks.push_back(static_cast<char*>(out[i]));
    return blocks;
  }
  char* AllocateRun(unsigned n, unsigned align, bool* clean, const Effort& effort = kFullEffort,
                    unsigned s = 0) {
    LeaseHolder hold(shard(s).lease());
    return static_cast<char*>(shard(s).AllocateRun(n, align, kTagLarge, effort, clean));
  }
  char* AllocateRun(unsigned n) {
    bool clean;
    return AllocateRun(n, 1, &clean);
  }
  void Free(SizeClass c, const std::vector<char*>& blocks, unsigned s = 0) {
    const std::vector<void*> objects(blocks.begin(), blocks.end());
    LeaseHolder hold(shard(s).lease());
    shard(s).FreeObjects(c, objects.data(), static_cast<unsigned>(objects.size()));
  }
  void FreeRun(void* p, unsigned s = 0) {
    LeaseHolder hold(shard(s).lease());
    shard(s).FreeRun(p);
  }
  bool ResizeRun(void* p, unsigned pages, unsigned s = 0) {
    LeaseHolder hold(shard(s).lease());
    return shard(s).ResizeRun(p, pages);
  }
  void Post(SizeClass c, const std::vector<char*>& blocks, unsigned s = 0) {
    const std::vector<void*> objects(blocks.begin(), blocks.end());
    shard(s).PostObjects(c, objects.data(), static_cast<unsigned>(objects.size()));
  }
  void CollectMail(unsigned s = 0) {
    LeaseHolder hold(shard(s).lease());
    shard(s).CollectMail();
  }
  void CollectAll(unsigned s = 0) {
    LeaseHolder hold(shard(s).lease());
    shard(s).CollectAll();
  }
  void ReleaseEmptySegments(unsigned s = 0) {
    LeaseHolder hold(shard(s).lease());
    shard(s).ReleaseEmptySegments();
  }
  void ShrinkIdleStashes() {
    LeaseHolder hold(shard().lease());
    shard().ShrinkIdleStashes();
  }
  Segment* ClaimDirty(size_t max_pages, PageBits* claimed, unsigned s = 0) {
    LeaseHolder hold(shard(s).lease());
    return shard(s).ClaimDirty(max_pages, claimed);
  }
  void UnclaimDirty(Segment& segment, const PageBits& claimed, unsigned s = 0) {
    LeaseHolder hold(shard(s).lease());
    shard(s).UnclaimDirty(segment, claimed);
  }
  size_t TakeDirtyLowWater() {
    LeaseHolder hold(shard().lease());
    return shard().TakeDirtyLowWater();
  }

  Segment& SegmentAt(const void* p) { return arena_.SegmentOf(arena_.segmap().PageOf(p)); }
  Tag TagOf(const void* p) { return arena_.segmap().Lookup(p); }

  // The shards' figures are sums over their segments; the meter's over all slots.
  void CheckFigures() {
    size_t free[kShards] = {};
    size_t dirty_free[kShards] = {};
    size_t dirty = 0;
    for (uint32_t slot = 0; slot < arena_.used_slots(); ++slot) {
      const Segment& segment = arena_.segment(SlotIndex(slot));
      dirty += segment.DirtyPages();
      if (segment.use() != Segment::Use::kSegment) continue;
      const unsigned owner = arena_.owner(SlotIndex(slot)).value();
      ASSERT_LT(owner, kShards);
      ASSERT_EQ(segment.free_pages(), segment.free_bits().Count());
      ASSERT_GE(segment.longest(), segment.free_bits().LongestRun());
      free[owner] += segment.free_pages();
      dirty_free[owner] += segment.FreeDirty().Count();
    }
    for (unsigned s = 0; s < kShards; ++s) {
      ASSERT_EQ(shard(s).free_pages(), free[s]) << "shard " << s;
      ASSERT_EQ(shard(s).dirty_free_pages(), dirty_free[s]) << "shard " << s;
    }
    ASSERT_EQ(arena_.meter().committed(), dirty);
  }
  // Nothing is live: all that the shards hold goes back to the arena.
  void CheckEverythingReturns() {
    for (unsigned s = 0; s < kShards; ++s) {
      CollectAll(s);
      ReleaseEmptySegments(s);
    }
    EXPECT_EQ(arena_.free_slots(), arena_.slots());
    for (unsigned s = 0; s < kShards; ++s) {
      EXPECT_EQ(shard(s).free_pages(), 0u);
      EXPECT_EQ(shard(s).dirty_free_pages(), 0u);
      const Shard::Counters& counters = shard(s).counters();
      EXPECT_EQ(counters.segments_opened.Get(), counters.segments_closed.Get());
      EXPECT_EQ(counters.spans_opened.Get(), counters.spans_closed.Get());
    }
    for (size_t page = 0; page < arena_.segmap().pages(); ++page) {
      ASSERT_EQ(arena_.segmap().TagAt(page), 0) << "page " << page;
    }
    EXPECT_EQ(arena_.meter().committed(), arena_.dirty_free_pages());
  }

 private:
  Arena arena_;
  std::unique_ptr<Shard[]> shards_;
};

bool IsZero(const char* p, size_t bytes) {
  return std::all_of(p, p + bytes, [](char c) { return c == 0; });
}

TEST(Shard, GivesOutDistinctObjectsOfTheClassThatAreItsOwn) {
  Heap heap;
  for (unsigned number = 1; number < kClasses; ++number) {
    const SizeClass c(static_cast<uint8_t>(number));
    const std::vector<char*> blocks = heap.Refill(c, 40, kFullEffort, 1);
    ASSERT_FALSE(blocks.empty()) << number;
    std::vector<char*> sorted = blocks;
    std::sort(sorted.begin(), sorted.end());
    for (size_t i = 0; i < sorted.size(); ++i) {
      EXPECT_EQ(heap.TagOf(sorted[i]), number);
      EXPECT_EQ(heap.arena().owner(heap.SegmentAt(sorted[i]).slot()), ShardId(1));
      if (i > 0) {
        EXPECT_GE(sorted[i] - sorted[i - 1], ptrdiff_t{InfoOf(c).size});
      }
    }
    heap.Free(c, blocks, 1);
  }
  heap.CheckFigures();
  heap.CheckEverythingReturns();
}

TEST(Shard, GivesFreedObjectsOutAgainBeforeItOpensAnotherSpan) {
  Heap heap;
  const unsigned n = InfoOf(kObjects48).objects;
  const std::vector<char*> blocks = heap.Refill(kObjects48, n);
  ASSERT_EQ(blocks.size(), n);
  const std::vector<char*> some(blocks.begin() + 3, blocks.begin() + 13);
  heap.Free(kObjects48, some);
  std::vector<char*> again = heap.Refill(kObjects48, 10);
  std::sort(again.begin(), again.end());
  EXPECT_EQ(again, some);
  EXPECT_EQ(heap.shard().counters().spans_opened.Get(), 1u);
}

TEST(Shard, RefillsFromTheFullestSpan) {
  Heap heap;
  const unsigned n = InfoOf(kObjects48).objects;
  const std::vector<char*> first = heap.Refill(kObjects48, n);
  const std::vector<char*> second = heap.Refill(kObjects48, n);
  ASSERT_EQ(second.size(), n);
  heap.Free(kObjects48, {second[5]});
  heap.Free(kObjects48, std::vector<char*>(first.begin(), first.begin() + 20));
  EXPECT_EQ(heap.Refill(kObjects48, 1), std::vector<char*>{second[5]});
}

TEST(Shard, ClosesAnEmptySpanUnlessItIsTheLastOneWithRoom) {
  Heap heap;
  const unsigned n = InfoOf(kObjects48).objects;
  const std::vector<char*> first = heap.Refill(kObjects48, n);
  const std::vector<char*> second = heap.Refill(kObjects48, n);
  heap.Free(kObjects48, first);
  EXPECT_EQ(heap.shard().counters().spans_closed.Get(), 0u);
  EXPECT_EQ(heap.TagOf(first[0]), kObjects48.value());
  heap.Free(kObjects48, second);
  EXPECT_EQ(heap.shard().counters().spans_closed.Get(), 1u);
  EXPECT_EQ(heap.TagOf(second[0]), 0);
  heap.CollectAll();
  EXPECT_EQ(heap.shard().counters().spans_closed.Get(), 2u);
}

TEST(Shard, AFreedRunServesAnyClassAtOnce) {
  Heap heap;
  char* run = heap.AllocateRun(kPagesPerSegment);
  ASSERT_NE(run, nullptr);
  heap.FreeRun(run);
  const std::vector<char*> runs = heap.Refill(kTwoPages, 1, kDirtyEffort);
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(&heap.SegmentAt(runs[0]), &heap.SegmentAt(run));
  EXPECT_EQ(heap.Refill(kObjects48, 1, kDirtyEffort).size(), 1u);
}

TEST(Shard, AllocatesRunsAtTheAlignmentThatWasAskedFor) {
  Heap heap;
  heap.AllocateRun(1);
  for (unsigned align = 1; align <= kPagesPerSegment; align *= 2) {
    for (unsigned n : {1u, 3u, 9u, 100u}) {
      bool clean;
      char* run = heap.AllocateRun(n, align, &clean);
      ASSERT_NE(run, nullptr) << n << " pages at " << align;
      EXPECT_EQ(reinterpret_cast<uintptr_t>(run) % (align * kPageSize), 0u) << align;
      EXPECT_EQ(heap.TagOf(run), kTagLarge);
    }
  }
}

TEST(Shard, SaysCleanOnlyOfRunsThatReadAsZero) {
  Heap heap;
  bool clean = false;
  char* run = heap.AllocateRun(4, 1, &clean);
  EXPECT_TRUE(clean);
  EXPECT_TRUE(IsZero(run, 4 * kPageSize));
  memset(run, 1, 4 * kPageSize);
  heap.FreeRun(run);
  EXPECT_EQ(heap.AllocateRun(4, 1, &clean), run);
  EXPECT_FALSE(clean);
}

TEST(Shard, WithoutGrowthOrFreshPagesItTakesOnlyWhatHoldsMemoryAlready) {
  Heap heap;
  EXPECT_TRUE(heap.Refill(kOnePage, 4, kDirtyEffort).empty());
  EXPECT_TRUE(heap.Refill(kObjects48, 4, kDirtyEffort).empty());
  EXPECT_EQ(heap.arena().free_slots(), heap.arena().slots());
  const std::vector<char*> runs = heap.Refill(kOnePage, 3);
  ASSERT_EQ(runs.size(), 3u);
  EXPECT_TRUE(heap.Refill(kOnePage, 4, kDirtyEffort).empty());
  heap.Free(kOnePage, runs);
  EXPECT_EQ(heap.Refill(kOnePage, 8, kDirtyEffort).size(), 3u);
  heap.CheckFigures();
}

TEST(Shard, CutsIntoALargeHoleOnlyWhenNothingElseIsLeft) {
  if (!kConfig.spare_holes) GTEST_SKIP() << "switched off: refills cut into large holes";
  for (const SizeClass c : {kOnePage, kObjects48}) {
    Heap heap;
    // A segment with ten pages that never held memory, then one with a dirty hole of 200.
    char* const nearly_all = heap.AllocateRun(502);
    char* const hole = heap.AllocateRun(200);
    heap.AllocateRun(300);
    heap.FreeRun(hole);
    const auto segment_of = [&](const char* p) {
      return SlotOf(heap.arena().segmap().PageOf(p)).value();
    };
    unsigned scattered = 0;
    for (std::vector<char*> blocks = heap.Refill(c, 1, kOwnDirtyEffort); !blocks.empty();
         blocks = heap.Refill(c, 1, kOwnDirtyEffort)) {
      if (segment_of(blocks[0]) != segment_of(nearly_all)) break;
      ++scattered;
    }
    EXPECT_EQ(scattered, 10 * (c == kOnePage ? 1 : kPageSize / 48)) << InfoOf(c).size;
    // A wide run is what the hole is for.
    bool clean;
    EXPECT_EQ(segment_of(heap.AllocateRun(150, 1, &clean, kOwnFullEffort)), segment_of(hole));
    heap.CheckFigures();
  }
}

TEST(Shard, ResizesARunInPlaceWhereThePagesBehindItAreFree) {
  Heap heap;
  char* run = heap.AllocateRun(20);
  char* behind = heap.AllocateRun(10);
  ASSERT_EQ(behind, run + 20 * kPageSize);
  EXPECT_FALSE(heap.ResizeRun(run, 21));
  EXPECT_TRUE(heap.ResizeRun(run, 20));
  EXPECT_TRUE(heap.ResizeRun(run, 12));
  heap.CheckFigures();
  EXPECT_TRUE(heap.ResizeRun(run, 20));
  EXPECT_FALSE(heap.ResizeRun(behind, kPagesPerSegment));
  EXPECT_TRUE(heap.ResizeRun(behind, kPagesPerSegment - 20));
  heap.CheckFigures();
  EXPECT_EQ(heap.shard().free_pages(), 0u);
  heap.FreeRun(run);
  heap.FreeRun(behind);
  heap.CheckEverythingReturns();
}

TEST(Shard, ThePagesThatAShrunkRunGaveUpServeOthers) {
  Heap heap;
  char* run = heap.AllocateRun(kPagesPerSegment);
  ASSERT_TRUE(heap.ResizeRun(run, 100));
  EXPECT_EQ(heap.AllocateRun(kPagesPerSegment - 100), run + 100 * kPageSize);
}

TEST(Shard, KeepsTheRetainedSegmentsAndReturnsTheOthers) {
  Heap heap;
  std::vector<char*> runs;
  for (unsigned i = 0; i < kConfig.retained_segments + 3; ++i) {
    runs.push_back(heap.AllocateRun(kPagesPerSegment));
  }
  for (char* run : runs) heap.FreeRun(run);
  EXPECT_EQ(heap.arena().free_slots(), heap.arena().slots() - kConfig.retained_segments);
  heap.CheckFigures();
  heap.ReleaseEmptySegments();
  EXPECT_EQ(heap.arena().free_slots(), heap.arena().slots());
}

// An empty segment that was cut is no longer in the list of empty segments, however it was cut.
class CutOfAnEmptySegment : public ::testing::TestWithParam<const char*> {
 protected:
  // Leaves one segment in the shard, empty and with its first pages dirty.
  void RetainASegment() {
    char* run = heap_.AllocateRun(64);
    heap_.FreeRun(run);
    empty_ = &heap_.SegmentAt(run);
    if (kConfig.retained_segments == 0) GTEST_SKIP() << "this lane retains no empty segment";
  }
  char* Cut() {
    const std::string how = GetParam();
    if (how == "span") return heap_.Refill(kObjects48, 1)[0];
    if (how == "medium") return heap_.Refill(kOnePage, 1)[0];
    if (how == "dirty_medium") return heap_.Refill(kOnePage, 1, kDirtyEffort)[0];
    return heap_.AllocateRun(1);
  }

  Heap heap_;
  Segment* empty_ = nullptr;
};

TEST_P(CutOfAnEmptySegment, KeepsItFromBeingReturned) {
  RetainASegment();
  char* block = Cut();
  ASSERT_EQ(&heap_.SegmentAt(block), empty_);
  memset(block, 7, 48);
  heap_.ReleaseEmptySegments();
  EXPECT_EQ(empty_->use(), Segment::Use::kSegment);
  EXPECT_EQ(heap_.arena().free_slots(), heap_.arena().slots() - 1);
  EXPECT_EQ(heap_.shard().counters().segments_closed.Get(), 0u);
  EXPECT_EQ(block[47], 7);
  heap_.CheckFigures();
}

TEST_P(CutOfAnEmptySegment, LetsOnlyTheSegmentGoThatIsEmpty) {
  if (kConfig.retained_segments == 0) GTEST_SKIP() << "this lane retains no empty segment";
  char* first = heap_.AllocateRun(kPagesPerSegment);
  char* second = heap_.AllocateRun(kPagesPerSegment);
  // A search that finds nothing puts both where they belong. Then the first is emptied and filled
  // again before the second is emptied and cut: if both stayed listed as empty, the second would
  // be ahead of the first, which alone is empty in the end.
  ASSERT_TRUE(heap_.Refill(kOnePage, 1, kDirtyEffort).empty());
  heap_.FreeRun(first);
  ASSERT_EQ(heap_.AllocateRun(kPagesPerSegment), first);
  heap_.FreeRun(second);
  char* block = Cut();
  ASSERT_EQ(&heap_.SegmentAt(block), &heap_.SegmentAt(second));
  heap_.FreeRun(first);
  heap_.ReleaseEmptySegments();
  EXPECT_EQ(heap_.SegmentAt(second).use(), Segment::Use::kSegment);
  EXPECT_EQ(heap_.SegmentAt(first).use(), Segment::Use::kUnused);
  heap_.CheckFigures();
}

INSTANTIATE_TEST_SUITE_P(EachWay, CutOfAnEmptySegment,
                         ::testing::Values("span", "medium", "dirty_medium", "run"),
                         [](const auto& tested) { return std::string(tested.param); });

TEST(Shard, PagesThatAreClaimedForPurgingAreNeitherHandedOutNorReturned) {
  Heap heap;
  char* run = heap.AllocateRun(64);
  memset(run, 1, 64 * kPageSize);
  heap.FreeRun(run);
  EXPECT_EQ(heap.shard().dirty_free_pages(), 64u);
  PageBits claimed;
  Segment* segment = heap.ClaimDirty(50, &claimed);
  ASSERT_EQ(segment, &heap.SegmentAt(run));
  EXPECT_EQ(claimed.Count(), 50u);
  EXPECT_EQ(heap.shard().dirty_free_pages(), 14u);
  heap.ReleaseEmptySegments();
  EXPECT_EQ(segment->use(), Segment::Use::kSegment);
  EXPECT_EQ(heap.Refill(kOnePage, 100, kDirtyEffort).size(), 14u);
  EXPECT_EQ(heap.arena().PurgePages(*segment, claimed), 50u);
  heap.UnclaimDirty(*segment, claimed);
  EXPECT_EQ(heap.shard().dirty_free_pages(), 0u);
  heap.CheckFigures();
  bool clean = false;
  EXPECT_EQ(heap.AllocateRun(50, 1, &clean), run);
  EXPECT_TRUE(clean);
  EXPECT_TRUE(IsZero(run, 50 * kPageSize));
}

TEST(Shard, TellsTheFewestDirtyFreePagesSinceItWasAskedLast) {
  Heap heap;
  heap.FreeRun(heap.AllocateRun(30));
  heap.TakeDirtyLowWater();
  EXPECT_EQ(heap.TakeDirtyLowWater(), 30u);
  heap.FreeRun(heap.AllocateRun(20));
  EXPECT_EQ(heap.TakeDirtyLowWater(), 10u);
  EXPECT_EQ(heap.TakeDirtyLowWater(), 30u);
}

TEST(Shard, UnderACommitLimitOnlyDirtyPagesAreHadAndNothingIsCharged) {
  Heap heap;
  const std::vector<char*> runs = heap.Refill(kOnePage, 10);
  heap.Free(kOnePage, {runs[2], runs[4]});
  heap.arena().meter().set_limit(heap.arena().meter().committed());
  EXPECT_EQ(heap.Refill(kOnePage, 10).size(), 2u);
  EXPECT_TRUE(heap.Refill(kOnePage, 10).empty());
  EXPECT_TRUE(heap.Refill(kObjects48, 10).empty());
  EXPECT_EQ(heap.AllocateRun(1), nullptr);
  EXPECT_FALSE(heap.ResizeRun(runs[9], 2));
  heap.CheckFigures();
  heap.arena().meter().set_limit(heap.arena().meter().committed() + 5);
  EXPECT_GE(heap.Refill(kOnePage, 10, kFullEffort).size(), 1u);
  heap.CheckFigures();
}

TEST(Shard, FailsWithAValueWhenTheArenaIsFullAndServesAgainAfterAFree) {
  Heap heap;
  std::vector<char*> all;
  for (char* run = heap.AllocateRun(256); run != nullptr; run = heap.AllocateRun(256)) {
    all.push_back(run);
  }
  EXPECT_EQ(all.size(), 2 * heap.arena().slots());
  EXPECT_TRUE(heap.Refill(kOnePage, 1, kLadderEffort).empty());
  EXPECT_TRUE(heap.Refill(kObjects48, 1, kLadderEffort).empty());
  heap.FreeRun(all[17]);
  EXPECT_EQ(heap.Refill(kOnePage, 300, kNoGrowthEffort).size(), 256u);
}

TEST(Shard, ReleasesChangeWithEachFreeAndEachPost) {
  Heap heap;
  const std::vector<char*> runs = heap.Refill(kOnePage, 3);
  const std::vector<char*> objects = heap.Refill(kObjects48, 3);
  std::set<uint64_t> seen{heap.shard().releases()};
  const auto changed = [&] { return seen.insert(heap.shard().releases()).second; };
  EXPECT_FALSE(changed());
  heap.Free(kOnePage, {runs[0]});
  EXPECT_TRUE(changed());
  heap.FreeRun(runs[1]);
  EXPECT_TRUE(changed());
  heap.Free(kObjects48, {objects[0]});
  EXPECT_TRUE(changed());
  heap.Post(kObjects48, {objects[1]});
  EXPECT_TRUE(changed());
  heap.shard().PostRun(runs[2]);
  EXPECT_TRUE(changed());
}

TEST(Shard, MailBecomesFreeOnlyWhenItIsCollected) {
  Heap heap;
  const std::vector<char*> objects = heap.Refill(kObjects48, 20);
  const std::vector<char*> runs = heap.Refill(kTwoPages, 5);
  EXPECT_FALSE(heap.shard().HasMail());
  heap.Post(kObjects48, objects);
  heap.Post(kTwoPages, runs);
  EXPECT_TRUE(heap.shard().HasMail());
  EXPECT_NE(heap.TagOf(runs[0]), 0);
  heap.CollectMail();
  EXPECT_FALSE(heap.shard().HasMail());
  EXPECT_EQ(heap.TagOf(runs[0]), 0);
  EXPECT_EQ(heap.shard().counters().mail_collected.Get(), 25u);
  heap.CheckFigures();
  heap.CheckEverythingReturns();
}

TEST(Shard, LooksIntoItsMailboxesBeforeItGrows) {
  Heap heap;
  char* run = heap.AllocateRun(kPagesPerSegment);
  heap.shard().PostRun(run);
  EXPECT_EQ(heap.AllocateRun(kPagesPerSegment), run);
  EXPECT_EQ(heap.shard().counters().segments_opened.Get(), 1u);
  const std::vector<char*> objects = heap.Refill(kObjects48, InfoOf(kObjects48).objects);
  heap.Post(kObjects48, {objects[9]});
  EXPECT_EQ(heap.Refill(kObjects48, 1), std::vector<char*>{objects[9]});
}

// What a poster leaves that was held up while the slot went to another shard: the announcement
// reaches the old owner.
TEST(Shard, PassesMailOnThatWasAnnouncedToTheWrongShard) {
  Heap heap;
  const std::vector<char*> runs = heap.Refill(kTwoPages, 3, kFullEffort, 1);
  heap.shard(0).PostRun(runs[1]);
  heap.CollectMail(0);
  EXPECT_NE(heap.TagOf(runs[1]), 0);
  EXPECT_FALSE(heap.shard(0).HasMail());
  ASSERT_TRUE(heap.shard(1).HasMail());
  heap.CollectMail(1);
  EXPECT_EQ(heap.TagOf(runs[1]), 0);
  heap.CheckFigures();
}

TEST(Shard, CollectAllEmptiesTheOwnerStashes) {
  Heap heap;
  if (!kConfig.owner_stash) GTEST_SKIP() << "this lane has no owner stash";
  const std::vector<char*> objects = heap.Refill(kObjects48, 100);
  const std::vector<void*> pointers(objects.begin(), objects.end());
  const unsigned n = static_cast<unsigned>(pointers.size());
  ASSERT_EQ(heap.shard().stash(kObjects48).Put(pointers.data(), n, &kPuts), n);
  heap.CheckEverythingReturns();
  EXPECT_EQ(heap.shard().stash(kObjects48).count(), 0u);
}

TEST(Shard, TheNotedLengthOfALargeRunIsItsLengthAfterEveryChange) {
  Heap heap;
  std::mt19937 random(1);
  std::vector<std::pair<char*, unsigned>> runs;
  const auto check = [&](const char* run, unsigned pages) {
    const Segment& segment = heap.SegmentAt(run);
    const unsigned first = PageInSegment(heap.arena().segmap().PageOf(run));
    ASSERT_EQ(segment.RunLength(first), pages);
    const unsigned noted = segment.NotedLength(first);
    ASSERT_TRUE(noted == pages || (noted == 0 && pages < 8)) << noted << " of " << pages;
  };
  for (unsigned step = 0; step < 20000; ++step) {
    const unsigned pages = 1 + static_cast<unsigned>(random() % (random() % 8 == 0 ? 512 : 20));
    if (runs.size() < 60) {
      char* run = heap.AllocateRun(pages);
      if (run != nullptr) runs.emplace_back(run, pages);
    } else {
      auto& [run, had] = runs[random() % runs.size()];
      if (random() % 2 == 0) {
        if (heap.ResizeRun(run, pages)) had = pages;
      } else {
        heap.FreeRun(run);
        std::swap(run, runs.back().first);
        std::swap(had, runs.back().second);
        runs.pop_back();
      }
    }
    for (const auto& [run, length] : runs) {
      ASSERT_NO_FATAL_FAILURE(check(run, length));
      if (step % 16 != 0) break;
    }
  }
  for (const auto& [run, pages] : runs) heap.FreeRun(run);
  heap.CheckEverythingReturns();
}

// As many objects as are wanted, by as many refills as that needs.
std::vector<void*> RefillAll(Heap& heap, SizeClass c, unsigned want) {
  std::vector<void*> objects;
  while (objects.size() < want) {
    const std::vector<char*> more = heap.Refill(c, want - static_cast<unsigned>(objects.size()));
    EXPECT_FALSE(more.empty());
    if (more.empty()) break;
    objects.insert(objects.end(), more.begin(), more.end());
  }
  return objects;
}

void FreeAll(Heap& heap, SizeClass c, void* const* objects, unsigned n) {
  LeaseHolder hold(heap.shard().lease());
  heap.shard().FreeObjects(c, objects, n);
}

// Puts n objects into the class's stash and takes all that it holds; what does not fit becomes
// free.
void PassThroughStash(Heap& heap, SizeClass c, unsigned n) {
  std::vector<void*> objects = RefillAll(heap, c, n);
  objects.resize(n + 1);
  const unsigned put = heap.shard().stash(c).Put(objects.data(), n, &kPuts);
  if (put < n) FreeAll(heap, c, objects.data(), n - put);
  ASSERT_EQ(heap.shard().TakeStashed(c, objects.data(), n + 1, &kTakes), put);
  FreeAll(heap, c, objects.data(), put);
}

TEST(Shard, AStashThatIsFullAndThenEmptyGrowsToItsMostAndIdleShrinksAgain) {
  Heap heap;
  if (!kConfig.owner_stash) GTEST_SKIP() << "owner_stash=false: there is no stash that could grow";
  OwnerStash& stash = heap.shard().stash(kObjects48);
  const unsigned first = OwnerStash::FirstOf(kObjects48);
  const unsigned most = OwnerStash::MostOf(kObjects48);
  PassThroughStash(heap, kObjects48, first);
  EXPECT_EQ(stash.room(), first) << "it was large enough";
  for (unsigned room = first; room < most; room = stash.room()) {
    PassThroughStash(heap, kObjects48, room + 1);
    ASSERT_EQ(stash.room(), std::min(2 * room, most));
  }
  PassThroughStash(heap, kObjects48, most + 1);
  EXPECT_EQ(stash.room(), most);

  ASSERT_EQ(stash.Put(RefillAll(heap, kObjects48, most).data(), most, &kPuts), most);
  heap.ShrinkIdleStashes();
  EXPECT_EQ(stash.room(), most) << "in use since the last look";
  for (unsigned room = most; room > first; room = stash.room()) {
    heap.ShrinkIdleStashes();
    ASSERT_EQ(stash.room(), std::max(room / 2, first));
    ASSERT_EQ(stash.count(), stash.room()) << "what it has no room for is free";
  }
  for (unsigned held = first; held > 0; held /= 2) {
    ASSERT_EQ(stash.count(), held);
    heap.ShrinkIdleStashes();
  }
  EXPECT_EQ(stash.count(), 0u);
  heap.CheckEverythingReturns();
}

TEST(Shard, FewObjectsLeaveIdleStashesInOneCall) {
  if (!kConfig.owner_stash) GTEST_SKIP() << "owner_stash=false: there is no stash that could grow";
  constexpr SizeClass kOther = ClassOf(64);
  Heap heap;
  unsigned held = 0;
  for (const SizeClass c : {kObjects48, kOther}) {
    OwnerStash& stash = heap.shard().stash(c);
    const unsigned most = OwnerStash::MostOf(c);
    while (stash.room() < most) PassThroughStash(heap, c, stash.room() + 1);
    ASSERT_EQ(stash.Put(RefillAll(heap, c, most).data(), most, &kPuts), most);
    held += most;
  }
  heap.ShrinkIdleStashes();  // both were in use
  heap.ShrinkIdleStashes();
  const auto left = [&] {
    return heap.shard().stash(kObjects48).count() + heap.shard().stash(kOther).count();
  };
  EXPECT_LT(left(), held);
  EXPECT_GE(left(), held - 1024);
  for (unsigned tick = 0; tick < 20; ++tick) heap.ShrinkIdleStashes();
  EXPECT_EQ(left(), 0u) << "the rest leaves at later ticks";
  heap.CheckEverythingReturns();
}

// What the stashes of runs may hold more than they began with.
size_t StashGrowth(Heap& heap) {
  size_t bytes = 0;
  for (unsigned i = kSmallClasses + 1; i < kClasses; ++i) {
    const SizeClass c(static_cast<uint8_t>(i));
    bytes += size_t{heap.shard().stash(c).room() - OwnerStash::FirstOf(c)} * InfoOf(c).size;
  }
  return bytes;
}

void GrowStashes(Heap& heap) {
  for (unsigned i = kSmallClasses + 1; i < kClasses; ++i) {
    const SizeClass c(static_cast<uint8_t>(i));
    for (unsigned room = 0; room != heap.shard().stash(c).room();) {
      room = heap.shard().stash(c).room();
      if (room > 0) PassThroughStash(heap, c, room + 1);
    }
  }
}

TEST(Shard, StashesOfAShardGrowByABoundedNumberOfBytes) {
  if (!kConfig.owner_stash) GTEST_SKIP() << "owner_stash=false: there is no stash that could grow";
  constexpr size_t kLimit = size_t{512} << 20;
  constexpr size_t kLimitedGrowth = kLimit / 64 / Heap::kShards;
  Heap heap;
  GrowStashes(heap);
  EXPECT_LE(StashGrowth(heap), kConfig.stash_growth_bytes);
  EXPECT_GT(StashGrowth(heap), kConfig.stash_growth_bytes / 2);
  // A limit that comes later shrinks them although they are in use.
  ASSERT_GT(StashGrowth(heap), kLimitedGrowth);
  heap.arena().meter().set_limit(kLimit >> kPageShift);
  for (unsigned tick = 0; tick < 10; ++tick) {
    for (unsigned i = 1; i < kClasses; ++i) {
      heap.shard().stash(SizeClass(static_cast<uint8_t>(i))).NoteUse();
    }
    heap.ShrinkIdleStashes();
  }
  EXPECT_LE(StashGrowth(heap), kLimitedGrowth);
  EXPECT_GT(StashGrowth(heap), 0u);
  heap.CheckEverythingReturns();

  Heap limited;
  limited.arena().meter().set_limit(kLimit >> kPageShift);
  GrowStashes(limited);
  EXPECT_LE(StashGrowth(limited), kLimitedGrowth);
  limited.CheckEverythingReturns();
}

// Blocks on their way from the owner to the threads that post them, and the record of who is live.
class Exchange {
 public:
  struct Batch {
    SizeClass c;
    std::vector<char*> blocks;
  };

  void Give(Batch batch) {
    std::lock_guard<std::mutex> hold(mutex_);
    for (char* block : batch.blocks) EXPECT_TRUE(live_.insert(block).second) << "given out twice";
    batches_.push_back(std::move(batch));
  }
  // False when there is none now.
  bool Get(Batch* batch) {
    std::lock_guard<std::mutex> hold(mutex_);
    if (batches_.empty()) return false;
    *batch = std::move(batches_.back());
    batches_.pop_back();
    for (char* block : batch->blocks) live_.erase(block);
    return true;
  }
  void Close() {
    std::lock_guard<std::mutex> hold(mutex_);
    closed_ = true;
  }
  bool Over() {
    std::lock_guard<std::mutex> hold(mutex_);
    return closed_ && batches_.empty();
  }

 private:
  std::mutex mutex_;
  std::vector<Batch> batches_;
  std::set<char*> live_;
  bool closed_ = false;
};

TEST(Shard, LosesNothingThatOtherThreadsPostWhileItRefills) {
  Heap heap;
  Exchange exchange;
  std::vector<std::thread> posters;
  for (int t = 0; t < 3; ++t) {
    posters.emplace_back([&heap, &exchange] {
      while (!exchange.Over()) {
        Exchange::Batch batch;
        if (exchange.Get(&batch)) {
          heap.Post(batch.c, batch.blocks);
        } else {
          std::this_thread::yield();
        }
      }
    });
  }
  std::mt19937 random(11);
  for (int step = 0; step < 20000; ++step) {
    const SizeClass c(static_cast<uint8_t>(1 + random() % (kClasses - 1)));
    std::vector<char*> blocks = heap.Refill(c, static_cast<unsigned>(1 + random() % 40));
    if (blocks.empty()) {
      std::this_thread::yield();
      continue;
    }
    for (char* block : blocks) memset(block, step, 16);
    exchange.Give({c, std::move(blocks)});
  }
  exchange.Close();
  for (std::thread& poster : posters) poster.join();
  EXPECT_GT(heap.shard().counters().mail_collected.Get(), 0u);
  heap.CollectMail();
  heap.CheckFigures();
  heap.CheckEverythingReturns();
}

// Two shards pass the slots of a small arena back and forth while their mail is under way.
TEST(Shard, MailFindsItsOwnerWhileSlotsChangeHands) {
  Heap heap;
  Exchange exchange[Heap::kShards];
  const auto own = [&](unsigned s) {
    std::mt19937 random(100 + s);
    for (int step = 0; step < 4000; ++step) {
      const SizeClass c = step % 3 == 0 ? kTwoPages : ClassOf(1 + random() % 2048);
      std::vector<char*> blocks = heap.Refill(c, 100, kFullEffort, s);
      if (!blocks.empty()) exchange[s].Give({c, std::move(blocks)});
      if (step % 16 == 0) {
        heap.CollectAll(s);
        heap.ReleaseEmptySegments(s);
      }
    }
    exchange[s].Close();
  };
  const auto post = [&](unsigned s) {
    while (!exchange[s].Over()) {
      Exchange::Batch batch;
      if (exchange[s].Get(&batch)) {
        heap.Post(batch.c, batch.blocks, s);
      } else {
        std::this_thread::yield();
      }
    }
  };
  std::vector<std::thread> threads;
  for (unsigned s = 0; s < Heap::kShards; ++s) {
    threads.emplace_back(own, s);
    threads.emplace_back(post, s);
  }
  for (std::thread& thread : threads) thread.join();
  // A late announcement may be passed on once.
  for (int round = 0; round < 2; ++round) {
    for (unsigned s = 0; s < Heap::kShards; ++s) heap.CollectMail(s);
  }
  heap.CheckFigures();
  heap.CheckEverythingReturns();
}

// Random steps of every operation, held against a map of the live blocks.
class Model {
 public:
  explicit Model(unsigned seed) : random_(seed) {}

  void Run(int steps) {
    for (int step = 0; step < steps && !::testing::Test::HasFatalFailure(); ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      Step();
      if (step % 8 == 0) heap_.CheckFigures();
    }
  }
  void Finish() {
    // The walk went where it was meant to.
    EXPECT_GT(peak_pages_, kMostLivePages / 2);
    EXPECT_GT(refused_, 0u);
    heap_.arena().meter().set_limit(SIZE_MAX);
    while (!live_.empty() && !::testing::Test::HasFatalFailure()) FreeSome();
    heap_.CheckFigures();
    heap_.CheckEverythingReturns();
  }

 private:
  struct Block {
    size_t bytes;
    SizeClass c;  // 0: a large run
    unsigned shard;
    uint64_t mark;
  };
  using Blocks = std::map<char*, Block>;

  // So near to the arena's size that it is full at times.
  static constexpr size_t kMostLivePages = kArenaBytes / kPageSize * 7 / 8;

  unsigned Below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  SizeClass AnyClass() { return SizeClass(static_cast<uint8_t>(1 + Below(kClasses - 1))); }
  const Effort& AnyEffort() {
    static constexpr Effort kEfforts[] = {kFullEffort, kFullEffort, kDirtyEffort, kLadderEffort};
    return kEfforts[Below(4)];
  }

  void Step() {
    const unsigned s = Below(Heap::kShards);
    const unsigned dice = Below(100);
    // Swings between growth and decline, so that segments and spans come and go.
    if (live_pages_ > kMostLivePages) growing_ = false;
    if (live_.empty()) growing_ = true;
    peak_pages_ = std::max(peak_pages_, live_pages_);
    if (dice < 70) {
      if (growing_ == (Below(10) < 8)) {
        dice % 4 == 0 ? Allocate(s) : Refill(s);
      } else {
        FreeSome();
      }
    } else if (dice < 80) {
      Resize();
    } else if (dice < 84) {
      heap_.CollectMail(s);
    } else if (dice < 87) {
      heap_.CollectAll(s);
    } else if (dice < 91) {
      heap_.ReleaseEmptySegments(s);
    } else if (dice < 95) {
      Purge(s);
    } else if (dice < 97) {
      heap_.arena().PurgeFreeSlots(Below(600));
    } else {
      const size_t now = heap_.arena().meter().committed();
      heap_.arena().meter().set_limit(Below(4) == 0 ? now + Below(40) : SIZE_MAX);
    }
  }

  void Add(char* p, size_t bytes, SizeClass c, unsigned shard) {
    const auto after = live_.lower_bound(p);
    if (after != live_.end()) {
      ASSERT_LE(p + bytes, after->first) << "overlaps a live block";
    }
    if (after != live_.begin()) {
      const auto before = std::prev(after);
      ASSERT_LE(before->first + before->second.bytes, p) << "overlaps a live block";
    }
    ASSERT_EQ(reinterpret_cast<uintptr_t>(p) % kMinAlign, 0u);
    ASSERT_EQ(heap_.TagOf(p), c == SizeClass(0) ? kTagLarge : c.value());
    ASSERT_EQ(heap_.arena().owner(heap_.SegmentAt(p).slot()).value(), shard);
    const Block block{bytes, c, shard, random_()};
    live_[p] = block;
    live_pages_ += PagesFor(bytes);
    Mark(p, block);
  }
  static void Mark(char* p, const Block& block) {
    memcpy(p, &block.mark, sizeof(block.mark));
    memcpy(p + block.bytes - sizeof(block.mark), &block.mark, sizeof(block.mark));
  }
  void Drop(Blocks::iterator at) {
    const Block& block = at->second;
    ASSERT_EQ(memcmp(at->first, &block.mark, sizeof(block.mark)), 0) << "was written to";
    ASSERT_EQ(memcmp(at->first + block.bytes - sizeof(block.mark), &block.mark, sizeof(block.mark)),
              0)
        << "was written to";
    live_pages_ -= PagesFor(block.bytes);
    live_.erase(at);
  }
  Blocks::iterator AnyLive() {
    auto at = live_.lower_bound(heap_.arena().segmap().AddressOf(
        PageIndex(Below(static_cast<unsigned>(heap_.arena().segmap().pages())))));
    return at == live_.end() ? live_.begin() : at;
  }

  void Refill(unsigned s) {
    const SizeClass c = AnyClass();
    for (char* p : heap_.Refill(c, 1 + Below(64), AnyEffort(), s)) Add(p, InfoOf(c).size, c, s);
  }
  void Allocate(unsigned s) {
    const unsigned n = 1 + Below(Below(4) == 0 ? kPagesPerSegment : 40);
    const unsigned align = 1u << Below(10);
    bool clean = false;
    char* p = heap_.AllocateRun(n, align, &clean, AnyEffort(), s);
    if (p == nullptr) {
      ++refused_;
      return;
    }
    ASSERT_EQ(reinterpret_cast<uintptr_t>(p) % (align * kPageSize), 0u);
    if (clean) {
      ASSERT_TRUE(IsZero(p, n * kPageSize));
    }
    Add(p, n * kPageSize, SizeClass(0), s);
  }
  // A block and its neighbours of the same class and shard: given back, left as mail, or stashed.
  void FreeSome() {
    if (live_.empty()) return;
    auto at = AnyLive();
    const Block block = at->second;
    if (block.c == SizeClass(0)) {
      char* p = at->first;
      Drop(at);
      Below(2) == 0 ? heap_.FreeRun(p, block.shard) : heap_.shard(block.shard).PostRun(p);
      return;
    }
    std::vector<char*> blocks;
    const unsigned want = 1 + Below(64);
    while (at != live_.end() && blocks.size() < want) {
      const auto next = std::next(at);
      if (at->second.c == block.c && at->second.shard == block.shard) {
        blocks.push_back(at->first);
        Drop(at);
      }
      at = next;
    }
    std::shuffle(blocks.begin(), blocks.end(), random_);
    GiveBack(block.c, std::move(blocks), block.shard);
  }
  void GiveBack(SizeClass c, std::vector<char*> blocks, unsigned s) {
    const unsigned how = Below(3);
    if (how == 2 && IsSmall(c.value())) {
      const std::vector<void*> pointers(blocks.begin(), blocks.end());
      const unsigned n = heap_.shard(s).stash(c).Put(
          pointers.data(), static_cast<unsigned>(pointers.size()), &kPuts);
      blocks.resize(blocks.size() - n);
    }
    if (blocks.empty()) return;
    how == 0 ? heap_.Free(c, blocks, s) : heap_.Post(c, blocks, s);
  }
  void Resize() {
    if (live_.empty()) return;
    const auto at = AnyLive();
    if (at->second.c != SizeClass(0)) return;
    const unsigned had = static_cast<unsigned>(at->second.bytes / kPageSize);
    const unsigned pages = 1 + Below(2 * had);
    const auto next = std::next(at);
    const bool resized = heap_.ResizeRun(at->first, pages, at->second.shard);
    if (!resized) {
      ASSERT_GT(pages, had);
      return;
    }
    if (next != live_.end()) {
      ASSERT_LE(at->first + pages * kPageSize, next->first);
    }
    Block& block = at->second;
    if (pages >= had) {
      ASSERT_EQ(memcmp(at->first + block.bytes - 8, &block.mark, 8), 0);
    }
    live_pages_ = live_pages_ + pages - had;
    block.bytes = pages * kPageSize;
    Mark(at->first, block);
  }
  void Purge(unsigned s) {
    PageBits claimed;
    Segment* segment = heap_.ClaimDirty(1 + Below(300), &claimed, s);
    if (segment == nullptr) return;
    for (int i = 0; i < 4; ++i) Below(2) == 0 ? Refill(s) : FreeSome();
    heap_.ReleaseEmptySegments(s);
    ASSERT_EQ(segment->use(), Segment::Use::kSegment);
    if (Below(4) != 0) {
      ASSERT_EQ(heap_.arena().PurgePages(*segment, claimed), claimed.Count());
    }
    heap_.UnclaimDirty(*segment, claimed, s);
  }

  std::mt19937 random_;
  Heap heap_;
  Blocks live_;
  size_t live_pages_ = 0;
  size_t peak_pages_ = 0;
  unsigned refused_ = 0;
  bool growing_ = true;
};

TEST(Shard, AgreesWithAModelOverRandomSteps) {
  for (unsigned seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model model(seed);
    model.Run(6000);
    model.Finish();
    if (HasFailure()) return;
  }
}

std::string DoubleFreeOf(const void* p) {
  char line[64];
  snprintf(line, sizeof(line), "^hz3: double free: %p\n(qemu: .*\n)?$", p);
  return line;
}
std::string InteriorPointer(const void* p) {
  char line[128];
  snprintf(line, sizeof(line), "^hz3: free of an interior pointer .*: %p\n(qemu: .*\n)?$", p);
  return line;
}

TEST(Shard, ALateHintForASlotThatIsGoneIsNotPassedAroundForEver) {
  Heap heap;
  char* run = heap.AllocateRun(kPagesPerSegment);
  const SlotIndex slot = SlotOf(heap.arena().segmap().PageOf(run));
  heap.FreeRun(run);
  {
    LeaseHolder hold(heap.shard().lease());
    heap.shard().ReleaseEmptySegments();
  }
  ShardPeer::PostLateHint(heap.shard(), slot);
  EXPECT_TRUE(heap.shard().HasMail());
  heap.CollectMail();
  EXPECT_FALSE(heap.shard().HasMail());
}

class ShardDeathTest : public ::testing::Test {
 protected:
  void SetUp() override {
    objects_ = heap_.Refill(kObjects48, 30);
    runs_ = heap_.Refill(kTwoPages, 5);
  }
  Heap heap_;
  std::vector<char*> objects_;
  std::vector<char*> runs_;
};

TEST_F(ShardDeathTest, ReportsAnObjectThatIsFreeAlready) {
  heap_.Free(kObjects48, {objects_[3]});
  EXPECT_DEATH(heap_.Free(kObjects48, {objects_[3]}), DoubleFreeOf(objects_[3]));
  EXPECT_DEATH(heap_.Free(kObjects48, {objects_[4], objects_[5], objects_[4]}),
               DoubleFreeOf(objects_[4]));
}

TEST_F(ShardDeathTest, ReportsAnObjectOfASpanThatIsGone) {
  heap_.Free(kObjects48, objects_);
  heap_.CollectAll();
  EXPECT_DEATH(heap_.Free(kObjects48, {objects_[3]}), DoubleFreeOf(objects_[3]));
  EXPECT_DEATH(heap_.Post(kObjects48, {objects_[3]}), DoubleFreeOf(objects_[3]));
}

// The pages of the span are another run's by now, and its record is another span's.
TEST_F(ShardDeathTest, ReportsAnObjectOfASpanWhoseRecordIsAnothers) {
  const unsigned all = InfoOf(kObjects48).objects;
  std::vector<char*> first = heap_.Refill(kObjects48, all - 30);
  first.insert(first.end(), objects_.begin(), objects_.end());
  ASSERT_EQ(heap_.Refill(kObjects48, all).size(), all);
  heap_.Free(kObjects48, first);
  heap_.CollectAll();
  const auto record_of = [this](const void* p) {
    return &SpanTable::Find(heap_.arena(), heap_.arena().segmap().PageOf(p));
  };
  char* const stale = objects_[3];
  ASSERT_EQ(heap_.AllocateRun(InfoOf(kObjects48).pages),
            *std::min_element(first.begin(), first.end()));
  const std::vector<char*> third = heap_.Refill(kObjects48, all);
  ASSERT_EQ(record_of(third[0]), record_of(stale));
  EXPECT_DEATH(heap_.Free(kObjects48, {stale}), DoubleFreeOf(stale));
  EXPECT_DEATH(heap_.Post(kObjects48, {stale}), DoubleFreeOf(stale));
}

TEST_F(ShardDeathTest, ReportsAPointerIntoAnObject) {
  EXPECT_DEATH(heap_.Free(kObjects48, {objects_[3] + 16}), InteriorPointer(objects_[3] + 16));
  EXPECT_DEATH(heap_.Post(kObjects48, {objects_[3] + 16}), InteriorPointer(objects_[3] + 16));
}

TEST_F(ShardDeathTest, ReportsAnObjectThatIsPostedTwice) {
  EXPECT_DEATH(heap_.Post(kObjects48, {objects_[7], objects_[7]}), DoubleFreeOf(objects_[7]));
  heap_.Post(kObjects48, {objects_[7]});
  EXPECT_DEATH(heap_.Post(kObjects48, {objects_[6], objects_[7]}), DoubleFreeOf(objects_[7]));
}

TEST_F(ShardDeathTest, ReportsMailForAnObjectThatItsOwnerHasFreed) {
  heap_.Post(kObjects48, {objects_[7]});
  heap_.Free(kObjects48, {objects_[7]});
  EXPECT_DEATH(heap_.CollectMail(), DoubleFreeOf(objects_[7]));
}

TEST_F(ShardDeathTest, ReportsARunThatIsFreeAlready) {
  heap_.Free(kTwoPages, {runs_[1]});
  EXPECT_DEATH(heap_.Free(kTwoPages, {runs_[1]}), DoubleFreeOf(runs_[1]));
  EXPECT_DEATH(heap_.Free(kTwoPages, {runs_[2], runs_[3], runs_[2]}), DoubleFreeOf(runs_[2]));
  EXPECT_DEATH(heap_.FreeRun(runs_[1]), DoubleFreeOf(runs_[1]));
  EXPECT_DEATH(heap_.shard().PostRun(runs_[1]), DoubleFreeOf(runs_[1]));
}

TEST_F(ShardDeathTest, ReportsAPointerIntoARun) {
  EXPECT_DEATH(heap_.Free(kTwoPages, {runs_[1] + 16}), InteriorPointer(runs_[1] + 16));
  EXPECT_DEATH(heap_.Free(kTwoPages, {runs_[1] + kPageSize}),
               InteriorPointer(runs_[1] + kPageSize));
  EXPECT_DEATH(heap_.FreeRun(runs_[1] + kPageSize), InteriorPointer(runs_[1] + kPageSize));
  EXPECT_DEATH(heap_.shard().PostRun(runs_[1] + 16), InteriorPointer(runs_[1] + 16));
}

TEST_F(ShardDeathTest, ReportsARunThatIsPostedTwice) {
  EXPECT_DEATH(heap_.Post(kTwoPages, {runs_[1], runs_[1]}), DoubleFreeOf(runs_[1]));
  heap_.shard().PostRun(runs_[1]);
  EXPECT_DEATH(heap_.shard().PostRun(runs_[1]), DoubleFreeOf(runs_[1]));
  heap_.Free(kTwoPages, {runs_[1]});
  EXPECT_DEATH(heap_.CollectMail(), DoubleFreeOf(runs_[1]));
}

// Opens fresh spans until there are `spans`, with a byte written into each object or into none.
void FillSpans(Heap& heap, unsigned spans, bool write) {
  const SizeClass c = ClassOf(1024);
  for (unsigned i = 0; i < spans; ++i) {
    for (char* object : heap.Refill(c, InfoOf(c).objects)) {
      if (write) *object = 1;
    }
  }
}

TEST(Shard, PopulatesSpansAndPagesBehindThemOnceSpansTurnOutToBeWritten) {
  Heap heap;
  char* const start = heap.arena().segmap().AddressOf(PageIndex(0));
  if (heap.arena().TakeSlots(1) != 0 || !SystemMemory().Populate(start, kPageSize)) {
    GTEST_SKIP() << "this kernel does not populate pages (MADV_POPULATE_WRITE)";
  }
  FillSpans(heap, 60, true);
  const size_t ahead = heap.shard().dirty_free_pages();
  EXPECT_GT(ahead, 0u) << "free pages that have memory already";
  EXPECT_LE(ahead, kConfig.populate_pages);
  Segment& segment = heap.arena().segment(SlotIndex(1));
  EXPECT_EQ(heap.arena().meter().committed(), segment.DirtyPages()) << "they count as committed";
}

TEST(Shard, PopulatesTheSecondSpanOfAClassAndNotTheFirst) {
  Heap heap;
  char* const start = heap.arena().segmap().AddressOf(PageIndex(0));
  ASSERT_EQ(heap.arena().TakeSlots(1), 0u);
  // An emulator may say that it did, and has not.
  if (!SystemMemory().Populate(start, kPageSize) ||
      SystemMemory().ResidentPages(start, kPageSize) != 1u) {
    GTEST_SKIP() << "SKIP: nothing populates pages here (MADV_POPULATE_WRITE, Linux 5.14), so "
                    "there is nothing to count";
  }
  heap.arena().meter().set_limit(kArenaBytes >> kPageShift);  // none ahead of need
  FillSpans(heap, 60, true);
  const SizeClass c = ClassOf(1400);
  const ClassInfo& info = InfoOf(c);
  ASSERT_GT(info.pages, 2u);
  size_t populated = 0;
  for (unsigned span = 0; span < 8; ++span) {
    const std::vector<char*> objects = heap.Refill(c, info.objects);
    ASSERT_EQ(objects.size(), info.objects);
    const size_t resident =
        SystemMemory().ResidentPages(objects[0], info.pages * kPageSize).value_or(0);
    if (span == 0) {
      EXPECT_EQ(resident, 0u);
    }
    populated += resident == info.pages;
    for (char* object : objects) *object = 1;
  }
  EXPECT_GE(populated, 4u);  // but for controls
}

TEST(Shard, OnlySpansThatGetMailCostMemoryForIt) {
  Heap heap;
  std::vector<char*> objects;
  const unsigned spans = 2 * kPageSize / sizeof(SpanMail);
  for (unsigned i = 0; i < spans; ++i) {
    for (char* object : heap.Refill(kObjects48, InfoOf(kObjects48).objects)) {
      objects.push_back(object);
    }
  }
  heap.Free(kObjects48, objects);
  void* const table = &heap.arena().page_mail<SpanMail>(PageIndex(0));
  const size_t bytes = kPagesPerSegment * sizeof(SpanMail);
  EXPECT_EQ(SystemMemory().ResidentPages(table, bytes), 0u);
  objects = heap.Refill(kObjects48, 1);
  heap.Post(kObjects48, objects);
  heap.CollectMail();
  EXPECT_EQ(SystemMemory().ResidentPages(table, bytes), 1u);
}

TEST(Shard, PopulatesNothingForObjectsThatNobodyWritesTo) {
  Heap heap;
  FillSpans(heap, 60, false);
  EXPECT_EQ(heap.shard().dirty_free_pages(), 0u);
  char* const start = heap.arena().segmap().AddressOf(PageIndex(0));
  EXPECT_EQ(SystemMemory().ResidentPages(start, kSegmentSize), 0u);
}

// A hole of one page that holds memory and one that does not says nothing about the span cut there.
TEST(Shard, SpansThatAreFreshInPartOnlyAreNotTakenForWrittenOnes) {
  constexpr unsigned kHoles = 40;
  Heap heap;
  std::vector<char*> pages;
  for (unsigned i = 0; i < 3 * kHoles; ++i) pages.push_back(heap.AllocateRun(1));
  Segment& segment = heap.arena().segment(SlotIndex(0));
  PageBits emptied;
  {
    LeaseHolder hold(heap.shard().lease());
    for (unsigned i = 0; i < kHoles; ++i) {
      *pages[3 * i] = 1;
      emptied.SetRange(3 * i + 1, 1);
      heap.shard().FreeRun(pages[3 * i]);
      heap.shard().FreeRun(pages[3 * i + 1]);
    }
    PageBits claimed;
    ASSERT_EQ(heap.shard().ClaimDirty(2 * kHoles, &claimed), &segment);
    ASSERT_EQ(heap.arena().PurgePages(segment, emptied), kHoles);
    heap.shard().UnclaimDirty(segment, claimed);
  }
  const SizeClass c = ClassOf(144);
  ASSERT_EQ(InfoOf(c).pages, 2);
  for (unsigned i = 0; i < kHoles; ++i) heap.Refill(c, InfoOf(c).objects);
  for (unsigned i = 0; i < kHoles; ++i) {
    EXPECT_FALSE(segment.IsFree(3 * i + 1)) << i;
    EXPECT_EQ(SystemMemory().ResidentPages(pages[3 * i + 1], kPageSize), 0u) << i;
  }
}

TEST(Shard, WherePopulatingIsRefusedNoPageIsHeldAhead) {
  FakeOsMemory os;
  os.Refuse(FakeOsMemory::kPopulate);
  Heap heap(os);
  FillSpans(heap, 60, true);
  EXPECT_GT(os.calls(FakeOsMemory::kPopulate), 0u);
  EXPECT_EQ(heap.shard().dirty_free_pages(), 0u);
  EXPECT_EQ(heap.arena().meter().committed(), heap.arena().segment(SlotIndex(0)).DirtyPages());
}

TEST(Shard, TakesNoPagesAheadOfNeedUnderALimit) {
  Heap heap;
  heap.arena().meter().set_limit(kArenaBytes >> kPageShift);
  FillSpans(heap, 60, true);
  EXPECT_EQ(heap.shard().dirty_free_pages(), 0u);
}

TEST(Shard, NamesFreshRunsToPopulateOnceTheyTurnOutToBeWritten) {
  for (const bool write : {false, true}) {
    Heap heap;
    unsigned named = 0;
    for (unsigned i = 0; i < 60; ++i) {
      const std::vector<char*> runs = heap.Refill(kTwoPages, 1);
      ASSERT_EQ(runs.size(), 1u);
      LeaseHolder hold(heap.shard().lease());
      const MemoryRange range = heap.shard().TakeToPopulate();
      if (range.bytes > 0) {
        ++named;
        EXPECT_EQ(range.start, runs[0]);
        EXPECT_EQ(range.bytes, 2 * kPageSize);
      } else if (write) {
        runs[0][0] = runs[0][kPageSize] = 1;
      }
    }
    if (write) {
      EXPECT_GT(named, 30u);
    } else {
      EXPECT_EQ(named, 0u);
    }
  }
}

// Takes runs of `pages` pages, written or not, until the shard has `segments` segments. Returns for
// how many of those it has named the whole segment to be populated; they are.
unsigned GrowTo(Heap& heap, unsigned segments, unsigned pages, bool write) {
  unsigned huge = 0;
  while (heap.shard().counters().SegmentsNow() < segments) {
    const uint64_t before = heap.shard().counters().SegmentsNow();
    char* run;
    if (pages <= kMaxWidePages) {
      const std::vector<char*> runs = heap.Refill(WideClassOf(pages), 1);
      run = runs.empty() ? nullptr : runs[0];
    } else {
      run = heap.AllocateRun(pages);
    }
    if (run == nullptr) break;
    MemoryRange range;
    {
      LeaseHolder hold(heap.shard().lease());
      range = heap.shard().TakeToPopulate();
    }
    if (range.bytes == kSegmentSize) {
      const Segment& segment = heap.SegmentAt(run);
      EXPECT_GT(heap.shard().counters().SegmentsNow(), before);
      EXPECT_EQ(segment.DirtyPages(), kPagesPerSegment) << "it counts as committed";
      EXPECT_EQ(range.start, heap.arena().segmap().AddressOf(FirstPageOf(segment.slot())));
      ++huge;
    }
    heap.arena().Populate(range);
    for (unsigned i = 0; write && i < pages; ++i) run[i * kPageSize] = 1;
  }
  return huge;
}

class ShardGrowth : public ::testing::TestWithParam<unsigned> {
 protected:
  void SetUp() override {
    if (kConfig.huge_page_segments == 0) {
      GTEST_SKIP() << "SKIP: built with huge_page_segments=0: hz3 populates no whole slots";
    }
  }
  FakeOsMemory os_;  // what a huge page of the system costs is another thing each time
  Heap heap_{os_};
};

TEST_P(ShardGrowth, IsByWholeSegmentsOnceItIsLargeAndFreshPagesTurnOutToBeWritten) {
  EXPECT_EQ(GrowTo(heap_, kConfig.huge_page_segments, GetParam(), true), 0u) << "it is small";
  EXPECT_GT(GrowTo(heap_, 28, GetParam(), true), 10u) << "but for controls";
  size_t dirty = 0;
  for (uint32_t i = 0; i < heap_.arena().used_slots(); ++i) {
    dirty += heap_.arena().segment(SlotIndex(i)).DirtyPages();
  }
  EXPECT_EQ(heap_.arena().meter().committed(), dirty);
  heap_.CheckFigures();
}

TEST_P(ShardGrowth, IsByFreshPagesWhereNobodyWrites) {
  EXPECT_EQ(GrowTo(heap_, 28, GetParam(), false), 0u);
}

TEST_P(ShardGrowth, IsByFreshPagesMostlyWhereHugePagesAreDear) {
  os_.set_huge_page_ns(2 * kPagesPerSegment * os_.page_ns() + 1);
  const unsigned huge = GrowTo(heap_, 28, GetParam(), true);
  EXPECT_GE(huge, 1u);
  EXPECT_LE(huge, 2u) << "one, and one after the first pause";
  heap_.CheckFigures();
}

TEST_P(ShardGrowth, IsByWholeSegmentsWhereAllPagesAreDear) {
  os_.set_page_ns(20000);
  os_.set_huge_page_ns(kPagesPerSegment * os_.page_ns());
  EXPECT_GT(GrowTo(heap_, 28, GetParam(), true), 10u);
}

TEST_P(ShardGrowth, IsByFreshPagesWherePagesAreCounted) {
  heap_.arena().meter().set_limit(kArenaBytes >> kPageShift);
  EXPECT_EQ(GrowTo(heap_, 28, GetParam(), true), 0u);
}

TEST_P(ShardGrowth, IsByFreshPagesAgainSoonAfterNobodyWritesAnyMore) {
  GrowTo(heap_, 12, GetParam(), true);
  EXPECT_LE(GrowTo(heap_, 22, GetParam(), false), FreshRuns::kControlEvery);
  EXPECT_EQ(GrowTo(heap_, 30, GetParam(), false), 0u);
}

INSTANTIATE_TEST_SUITE_P(Of, ShardGrowth, ::testing::Values(10, 64, 128, 230, 460));

TEST(Shard, GrowsByFreshPagesForRunsThatLeaveMuchOfASegmentOver) {
  Heap heap;
  EXPECT_EQ(GrowTo(heap, 28, 300, true), 0u);
}

TEST(Shard, NothingIsPurgedFromASegmentThatIsBeingPopulated) {
  Heap heap;
  char* run = heap.AllocateRun(64);
  heap.FreeRun(run);
  Segment& segment = heap.SegmentAt(run);
  PageBits claimed;
  segment.set_populating(true);
  EXPECT_EQ(heap.ClaimDirty(64, &claimed), nullptr);
  heap.arena().Populate(
      {heap.arena().segmap().AddressOf(FirstPageOf(segment.slot())), kSegmentSize});
  EXPECT_EQ(heap.ClaimDirty(64, &claimed), &segment);
}

TEST(Shard, AnEffortForOpenSpansCutsNoRun) {
  Heap heap;
  EXPECT_TRUE(heap.Refill(kObjects48, 1, kOpenSpansEffort).empty());
  const std::vector<char*> objects = heap.Refill(kObjects48, 2);
  EXPECT_EQ(heap.Refill(kObjects48, 1, kOpenSpansEffort).size(), 1u);
  heap.CheckFigures();
}

TEST(Shard, ABestFitTakesTheHoleOfTheLengthAndCutsNoLongerOne) {
  Heap heap;
  std::vector<char*> runs;
  for (unsigned n : {4u, 1u, 2u, 1u, 3u, 1u}) runs.push_back(heap.AllocateRun(n));
  for (unsigned i : {0u, 2u, 4u}) heap.FreeRun(runs[i]);
  bool clean;
  EXPECT_EQ(heap.AllocateRun(3, 1, &clean, kBestFitEffort), runs[4]);
  EXPECT_EQ(heap.AllocateRun(2, 1, &clean, kBestFitEffort), runs[2]);
  EXPECT_EQ(heap.AllocateRun(4, 1, &clean, kBestFitEffort), runs[0]);
  heap.CheckFigures();
}

}  // namespace
}  // namespace hz3
