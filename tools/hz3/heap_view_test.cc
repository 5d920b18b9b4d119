#include "tools/hz3/heap_view.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"
#include "tools/hz3/testing/known_heap.h"

namespace hz3::tool {
namespace {

using K = KnownHeap;

HeapView Known() {
  const auto view = ReadHeap(RemoteMemory(getpid()), {MakeKnownHeap(), "known"});
  EXPECT_TRUE(view.ok()) << view.status();
  return view.ok() ? *view : HeapView();
}

std::map<PageKind, unsigned> PagesByKind(const HeapView& view) {
  std::map<PageKind, unsigned> pages;
  for (const Tile& tile : view.tiles) {
    for (const tool::Run& run : tile.runs) pages[run.kind] += run.pages;
  }
  return pages;
}

const ClassFigures& ClassOfSize(const HeapView& view, unsigned size) {
  static const ClassFigures none;
  for (const ClassFigures& c : view.classes) {
    if (c.size == size) return c;
  }
  return none;
}

TEST(HeapView, EveryKindOfPageIsSeenAsWhatItIs) {
  const HeapView view = Known();
  auto pages = PagesByKind(view);
  const unsigned small_pages = ClassOfSize(view, K::kSmallSize).pages;
  const unsigned mail_pages = ClassOfSize(view, K::kMailSize).pages;
  EXPECT_EQ(pages[PageKind::kSmall], small_pages);
  EXPECT_EQ(pages[PageKind::kMedium], K::kMediumRuns * K::kMediumPages);
  EXPECT_EQ(pages[PageKind::kLarge], K::kLargePages + (K::kHugeBytes + 4095) / 4096);
  EXPECT_EQ(pages[PageKind::kMail], K::kMailPages + mail_pages);
  EXPECT_EQ(pages[PageKind::kFreeDirty], K::kDirtyPages);
  EXPECT_EQ(view.tiles.size(), 3u) << "a segment and a block of two slots";
  EXPECT_EQ(std::accumulate(pages.begin(), pages.end(), 0u,
                            [](unsigned sum, const auto& kind) { return sum + kind.second; }),
            3 * kTilePages);
}

TEST(HeapView, ClassesCountTheirObjects) {
  const HeapView view = Known();
  const ClassFigures& small = ClassOfSize(view, K::kSmallSize);
  EXPECT_EQ(small.spans, 1u);
  EXPECT_EQ(small.live(), K::kSmallLive);
  const ClassFigures& mailed = ClassOfSize(view, K::kMailSize);
  EXPECT_EQ(mailed.mail, K::kMailObjects);
  EXPECT_EQ(mailed.live(), 0u);
  EXPECT_EQ(ClassOfSize(view, K::kMediumPages * 4096).live(), K::kMediumRuns);
}

TEST(HeapView, OccupancyAddsUpToAllPages) {
  const HeapView view = Known();
  const Occupancy& o = view.occupancy;
  EXPECT_EQ(o.live_small, K::kSmallLive * K::kSmallSize);
  EXPECT_EQ(o.live_runs, K::kMediumRuns * K::kMediumPages * kPageBytes);
  EXPECT_EQ(o.mail, K::kMailObjects * K::kMailSize + K::kMailPages * kPageBytes);
  EXPECT_EQ(o.live() + o.cached + o.mail + o.free_in_spans + o.free_dirty + o.free_clean,
            view.tiles.size() * kTilePages * kPageBytes);
  EXPECT_EQ(o.used() + o.free_dirty, view.committed);
  EXPECT_EQ(view.peak_used, o.used()) << "though the process has noted none";
}

TEST(HeapView, TheSpanShowsHowFullItIs) {
  const HeapView view = Known();
  for (const tool::Run& run : view.tiles[0].runs) {
    if (run.kind != PageKind::kSmall) continue;
    EXPECT_EQ(run.value, K::kSmallLive);
  }
  EXPECT_EQ(view.tiles[0].shard, 0);
  EXPECT_EQ(view.tiles[1].shard, Tile::kNoShard);
}

TEST(HeapView, PagesOfATileAreItsRunsOneByOne) {
  const HeapView view = Known();
  const auto pages = PagesOf(view.tiles[0]);
  unsigned page = 0;
  for (const tool::Run& run : view.tiles[0].runs) {
    EXPECT_EQ(pages[page], run);
    page += run.pages;
    EXPECT_EQ(pages[page - 1], run);
  }
  EXPECT_EQ(page, kTilePages);
}

TEST(HeapView, AHeapThatWasNeverUsedIsEmpty) {
  const auto view = ReadHeap(RemoteMemory(getpid()), {hz3_heap_layout, "unused"});
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_TRUE(view->tiles.empty());
  EXPECT_EQ(view->committed, 0u);
  EXPECT_FALSE(view->lane.empty());
}

TEST(HeapView, AddressesThatLeadNowhereAreAnErrorAndNoCrash) {
  HeapLayout layout = MakeKnownHeap();
  layout.arena = reinterpret_cast<const void*>(0x1000);
  const auto view = ReadHeap(RemoteMemory(getpid()), {layout, "broken"});
  EXPECT_TRUE(absl::IsUnavailable(view.status())) << view.status();
}

// Metadata as it may look in the middle of a change, or worse: nothing of it is believed.
TEST(HeapView, GarbageInTheMetadataIsBoundedByWhatAHeapCanBe) {
  const HeapLayout& known = MakeKnownHeap();
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    // A copy of the arena object whose first segments are noise.
    std::vector<char> arena(known.in_arena.bytes);
    memcpy(arena.data(), known.arena, arena.size());
    const size_t segment_bytes = size_t{known.in_segment.bytes} * 64;
    std::vector<char> noise(segment_bytes);
    srand(seed);
    for (char& byte : noise) byte = static_cast<char>(rand());
    const char* segments = noise.data();
    memcpy(arena.data() + known.in_arena.segments, &segments, sizeof(segments));
    HeapLayout layout = known;
    layout.arena = arena.data();
    const auto view = ReadHeap(RemoteMemory(getpid()), {layout, "noise"});
    if (!view.ok()) continue;  // an address that is not there
    for (const Tile& tile : view->tiles) {
      unsigned pages = 0;
      for (const tool::Run& run : tile.runs) pages += run.pages;
      EXPECT_EQ(pages, kTilePages);
    }
  }
}

// Numbers that lead to other spans' records, or to none: spans are counted, their objects are not.
TEST(HeapView, ARecordThatIsNotTheSpansIsNotBelieved) {
  const HeapLayout& known = MakeKnownHeap();
  const HeapView right = Known();
  std::vector<char> arena(known.in_arena.bytes);
  HeapLayout layout = known;
  layout.arena = arena.data();
  for (const uint16_t number : {uint16_t{5}, uint16_t{511}, uint16_t{512}, uint16_t{0xffff}}) {
    SCOPED_TRACE(number);
    const std::vector<uint16_t> numbers(kTilePages * 64, number);  // for each page of the arena
    const uint16_t* address = numbers.data();
    memcpy(arena.data(), known.arena, arena.size());
    memcpy(arena.data() + known.in_arena.record_numbers, &address, sizeof(address));
    const auto view = ReadHeap(RemoteMemory(getpid()), {layout, "noise"});
    ASSERT_TRUE(view.ok()) << view.status();
    const ClassFigures& small = ClassOfSize(*view, K::kSmallSize);
    EXPECT_EQ(small.spans, 1u);
    EXPECT_EQ(ClassOfSize(*view, K::kMailSize).mail, 0u);
    const bool is_first = number % kTilePages == 0;  // the record of the span of small objects
    EXPECT_EQ(small.live(), is_first ? K::kSmallLive : small.objects);
    EXPECT_EQ(PagesByKind(*view)[PageKind::kLarge], PagesByKind(right)[PageKind::kLarge]);
  }
}

// It may be another span of the same class that took the number meanwhile.
TEST(HeapView, ARecordOfASpanThatBeginsElsewhereIsNotBelieved) {
  const HeapLayout& known = MakeKnownHeap();
  std::vector<char> arena(known.in_arena.bytes);
  memcpy(arena.data(), known.arena, arena.size());
  const char* table;
  memcpy(&table, arena.data() + known.in_arena.span_records, sizeof(table));
  std::vector<char> records(table, table + size_t{known.in_record.bytes} * kTilePages);
  for (unsigned i = 0; i < kTilePages; ++i) {
    ++records[size_t{i} * known.in_record.bytes + known.in_record.first_page];
  }
  table = records.data();
  memcpy(arena.data() + known.in_arena.span_records, &table, sizeof(table));
  HeapLayout layout = known;
  layout.arena = arena.data();
  const auto view = ReadHeap(RemoteMemory(getpid()), {layout, "changed"});
  ASSERT_TRUE(view.ok()) << view.status();
  const ClassFigures& small = ClassOfSize(*view, K::kSmallSize);
  EXPECT_EQ(small.spans, 1u);
  EXPECT_EQ(small.live(), small.objects);
}

TEST(HeapView, ResidencyIsWhatTheKernelSays) {
  const Residency residency = ReadResidency(getpid());
  EXPECT_GT(residency.now, 1u << 20);
  EXPECT_GE(residency.peak, residency.now);
  EXPECT_EQ(ReadResidency(999'999'999).now, 0u);
}

}  // namespace
}  // namespace hz3::tool
