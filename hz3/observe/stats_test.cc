#include "hz3/observe/stats.h"

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"
#include "hz3/config/config.h"
#include "hz3/objects/span.h"
#include "hz3/pages/large.h"

namespace hz3 {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr size_t kArenaBytes = size_t{64} << 20;

class StatsTest : public ::testing::Test {
 protected:
  StatsTest() {
    EXPECT_TRUE(arena_.Init(os_, kArenaBytes, false, sizeof(Span)));
    pool_.Init(os_);
    EXPECT_TRUE(shards_.Init(arena_, 2));
    registry_.Init(shards_, pool_);
    budget_.Init(shards_);
    pressure_.Init(shards_, registry_);
    cache_ = registry_.Start();
    other_ = registry_.Start();
  }
  ~StatsTest() override {
    registry_.End(cache_);
    registry_.End(other_);
    arena_.Destroy();
  }

  Stats Gather() { return GatherStats(shards_, registry_, budget_, pressure_, pool_.bytes()); }
  static void* Allocate(Tcache& cache, SizeClass c) {
    void* p = cache.top[c.value()][-1];
    if (p == nullptr) return cache.Refill(c);
    --cache.top[c.value()];
    return p;
  }
  void* AllocateRun(unsigned pages) {
    LeaseHolder hold(shards_[0].lease());
    bool clean;
    return shards_[0].AllocateRun(pages, 1, kTagLarge, kFullEffort, &clean);
  }
  void FreeRun(void* run) {
    LeaseHolder hold(shards_[0].lease());
    shards_[0].FreeRun(run);
  }
  void ReleaseEverything() {
    cache_->FlushAll(Delivery::kBitmap);
    other_->FlushAll(Delivery::kBitmap);
    for (unsigned i = 0; i < shards_.count(); ++i) {
      LeaseHolder hold(shards_[i].lease());
      shards_[i].CollectAll();
      shards_[i].ReleaseEmptySegments();
    }
  }

  FakeOsMemory os_;
  Arena arena_;
  MetadataPool pool_;
  ShardTable shards_;
  Registry registry_;
  MemBudget budget_;
  Pressure pressure_;
  Tcache* cache_;
  Tcache* other_;
};

// A figure that holds for every state of the heap.
void ExpectConsistent(const Stats& s) {
  EXPECT_EQ(s.handed_out_bytes - s.huge_bytes + s.free_object_bytes + s.free_page_bytes,
            s.segments * kSegmentSize);
  EXPECT_LE(s.cached_bytes, s.handed_out_bytes);
  EXPECT_LE(s.committed_bytes, s.peak_committed_bytes);
  EXPECT_LE(s.used_slots * kSegmentSize, s.arena_bytes);
  EXPECT_LE(s.free_dirty_bytes, s.committed_bytes);
  EXPECT_EQ(s.segments_opened - s.segments_closed, s.segments);
  EXPECT_GE(s.spans_opened, s.spans_closed);
  EXPECT_EQ(s.pressure_climbs, s.pressure_rescues + s.pressure_failures);
}

TEST_F(StatsTest, AnUnusedHeapHasItsArenaAndNothingInIt) {
  const Stats s = Gather();
  ExpectConsistent(s);
  EXPECT_EQ(s.arena_bytes, kArenaBytes);
  EXPECT_EQ(s.free_slots, kArenaBytes / kSegmentSize);
  EXPECT_EQ(s.used_slots, 0u);
  EXPECT_EQ(s.handed_out_bytes, 0u);
  EXPECT_EQ(s.committed_bytes, 0u);
  EXPECT_EQ(s.commit_limit_bytes, 0u) << "no limit";
  EXPECT_EQ(s.shards, 2u);
  EXPECT_EQ(s.threads, 2u);
  EXPECT_EQ(s.metadata_bytes, pool_.bytes());
}

TEST_F(StatsTest, ARunIsHandedOutUntilItIsFreeAndDirtyUntilItIsPurged) {
  void* run = AllocateRun(20);
  Stats s = Gather();
  ExpectConsistent(s);
  EXPECT_EQ(s.handed_out_bytes, 20 * kPageSize);
  EXPECT_EQ(s.committed_bytes, 20 * kPageSize);
  EXPECT_EQ(s.free_page_bytes, kSegmentSize - 20 * kPageSize);
  EXPECT_EQ(s.free_dirty_bytes, 0u);
  EXPECT_EQ(s.segments, 1u);
  EXPECT_EQ(s.runs_carved, 1u);
  FreeRun(run);
  s = Gather();
  ExpectConsistent(s);
  EXPECT_EQ(s.handed_out_bytes, 0u);
  EXPECT_EQ(s.free_dirty_bytes, 20 * kPageSize);
  budget_.Purge(SIZE_MAX);
  s = Gather();
  EXPECT_EQ(s.free_dirty_bytes, 0u);
  EXPECT_EQ(s.committed_bytes, 0u);
  EXPECT_EQ(s.peak_committed_bytes, 20 * kPageSize);
}

TEST_F(StatsTest, ObjectsAreLiveCachedOrFreeInTheirSpans) {
  const SizeClass c = ClassOf(64);
  std::vector<void*> live;
  for (int i = 0; i < 10; ++i) live.push_back(Allocate(*cache_, c));
  const Stats s = Gather();
  ExpectConsistent(s);
  EXPECT_EQ(s.cached_bytes, cache_->CachedBytes());
  EXPECT_GT(s.cached_bytes, 0u);
  EXPECT_EQ(s.spans_opened, 1u);
  EXPECT_EQ(s.handed_out_bytes + s.free_object_bytes, kPageSize * InfoOf(c).pages);
  EXPECT_EQ(s.handed_out_bytes, s.cached_bytes + 640);
  for (void* p : live) cache_->Accept(c, p);
  EXPECT_EQ(Gather().cached_bytes, s.cached_bytes + 640);
}

TEST_F(StatsTest, WhatLiesInAnOwnerStashIsCached) {
  if (!kConfig.owner_stash) GTEST_SKIP() << "the owner stash is switched off";
  const SizeClass c = ClassOf(64);
  cache_->Accept(c, Allocate(*cache_, c));
  const uint64_t cached = Gather().cached_bytes;
  cache_->FlushAll(Delivery::kStash);
  ASSERT_EQ(cache_->CachedBytes(), 0u);
  EXPECT_EQ(Gather().cached_bytes, cached);
  ReleaseEverything();
  EXPECT_EQ(Gather().cached_bytes, 0u);
}

TEST_F(StatsTest, BlocksOfWholeSlotsAreHuge) {
  Large large(arena_, kTagHuge);
  void* p = large.Allocate(2 * kSegmentSize + 1, kPageSize, false);
  ASSERT_NE(p, nullptr);
  Stats s = Gather();
  ExpectConsistent(s);
  EXPECT_EQ(s.huge_bytes, 2 * kSegmentSize + kPageSize);
  EXPECT_EQ(s.handed_out_bytes, s.huge_bytes);
  EXPECT_EQ(s.segments, 0u);
  large.Free(arena_.segmap().PageOf(p));
  s = Gather();
  EXPECT_EQ(s.huge_bytes, 0u);
  EXPECT_EQ(s.free_slots, kArenaBytes / kSegmentSize);
}

TEST_F(StatsTest, FiguresStayConsistentUnderMixedUseAndEndAtNothing) {
  for (unsigned i = 1; i < kClasses; ++i) {
    const SizeClass c(static_cast<uint8_t>(i));
    std::vector<void*> objects;
    for (int n = 0; n < 30; ++n) objects.push_back(Allocate(*cache_, c));
    for (void* p : objects) other_->Accept(c, p);
    ExpectConsistent(Gather());
  }
  ReleaseEverything();
  const Stats s = Gather();
  ExpectConsistent(s);
  EXPECT_EQ(s.handed_out_bytes, 0u);
  EXPECT_EQ(s.cached_bytes, 0u);
  EXPECT_EQ(s.segments, 0u);
  EXPECT_EQ(s.spans_opened, s.spans_closed);
  EXPECT_GT(s.refills, 0u);
  EXPECT_GT(s.flushes, 0u);
}

TEST_F(StatsTest, EachClassShowsItsSpansAndWhatOfThemIsFreeOrCached) {
  const SizeClass small = ClassOf(64);
  const SizeClass medium(kFirstMediumClass);
  std::vector<void*> live;
  for (int i = 0; i < 10; ++i) live.push_back(Allocate(*cache_, small));
  void* run = Allocate(*cache_, medium);
  const ClassStatsTable classes = GatherClassStats(shards_, registry_);
  const ClassStats& s = classes[small.value()];
  EXPECT_EQ(s.spans, 1u);
  EXPECT_EQ(s.cached, cache_->CachedObjects(small));
  EXPECT_EQ(s.spans * InfoOf(small).objects, 10 + s.free + s.cached);
  const ClassStats& m = classes[medium.value()];
  EXPECT_EQ(m.spans, 1 + m.cached);
  EXPECT_EQ(m.free, 0u);
  for (void* p : live) cache_->Accept(small, p);
  cache_->Accept(medium, run);
  ReleaseEverything();
  for (const ClassStats& c : GatherClassStats(shards_, registry_)) {
    EXPECT_EQ(c.spans + c.free + c.cached, 0u);
  }
}

TEST_F(StatsTest, ThePeakOfUseStaysWhenTheRunIsFree) {
  FreeRun(AllocateRun(20));
  EXPECT_EQ(Gather().peak_used_bytes, 0u) << "nobody has looked";
  void* run = AllocateRun(30);
  EXPECT_EQ(Gather().peak_used_bytes, 30 * kPageSize);
  budget_.NoteUse();
  FreeRun(run);
  EXPECT_EQ(Gather().peak_used_bytes, 30 * kPageSize);
}

TEST_F(StatsTest, TheLimitIsShown) {
  budget_.SetLimit(size_t{1} << 20);
  EXPECT_EQ(Gather().commit_limit_bytes, size_t{1} << 20);
}

TEST_F(StatsTest, TheSoftLimitAndWhatCameOfItAreShown) {
  EXPECT_EQ(Gather().soft_limit_bytes, 0u);
  budget_.SetSoftLimit(size_t{1} << 20);
  FreeRun(AllocateRun(kPagesPerSegment));
  budget_.Relieve();
  const Stats s = Gather();
  EXPECT_EQ(s.soft_limit_bytes, size_t{1} << 20);
  EXPECT_EQ(s.soft_limit_reliefs, 1u);
  EXPECT_EQ(s.pressure_callbacks, 0u);
}

TEST_F(StatsTest, CallsOfTheProgramsFunctionAreCounted) {
  budget_.callback().Set([](size_t, void*) { return 0; }, nullptr);
  budget_.callback().AskAndRetry(1, []() -> void* { return nullptr; });
  EXPECT_EQ(Gather().pressure_callbacks, 1u);
}

std::string Printed(void (*print)(const Stats&, Text&), const Stats& stats) {
  std::vector<char> buffer(1 << 16);
  Text text(buffer.data(), buffer.size());
  print(stats, text);
  EXPECT_EQ(text.written(), text.wanted());
  return buffer.data();
}

std::string PrintedJson(const Stats& stats, const ClassStatsTable& classes) {
  std::vector<char> buffer(1 << 16);
  Text text(buffer.data(), buffer.size());
  PrintStatsJson(stats, classes, text);
  return buffer.data();
}

// Each figure with a value that no other has.
Stats Numbered() {
  Stats s;
  uint64_t n = 1000000;
#define HZ3_NUMBER(name, unit, meaning) s.name = ++n;
  HZ3_STATS_TABLE(HZ3_NUMBER)
#undef HZ3_NUMBER
  return s;
}

TEST(StatsPrinting, EachFormatHasEveryFigureUnderItsName) {
  const Stats s = Numbered();
  const std::string text = Printed(PrintStats, s);
  const std::string json = PrintedJson(s, {});
  const std::string prometheus = Printed(PrintStatsPrometheus, s);
#define HZ3_EXPECT_PRINTED(name, unit, meaning)                                              \
  EXPECT_THAT(text, HasSubstr("  " #name " " + std::to_string(s.name) + " " unit "  # " meaning \
                              "\n"));                                                        \
  EXPECT_THAT(json, HasSubstr(", \"" #name "\": " + std::to_string(s.name)));                \
  EXPECT_THAT(prometheus, HasSubstr("\nhz3_" #name " " + std::to_string(s.name) + "\n"));    \
  EXPECT_THAT(prometheus, HasSubstr("# TYPE hz3_" #name " gauge\n"));
  HZ3_STATS_TABLE(HZ3_EXPECT_PRINTED)
#undef HZ3_EXPECT_PRINTED
  EXPECT_THAT(text, HasSubstr(kLaneName));
  EXPECT_EQ(json.front(), '{');
  EXPECT_THAT(json, EndsWith(", \"classes\": []}\n"));
}

TEST(StatsPrinting, JsonListsTheClassesThatHoldSomething) {
  ClassStatsTable classes = {};
  const SizeClass c = ClassOf(64);
  classes[c.value()] = {2, 7, 3};
  classes[kFirstMediumClass] = {5, 0, 1};
  const std::string objects = std::to_string(2 * InfoOf(c).objects);
  EXPECT_THAT(PrintedJson(Stats(), classes),
              EndsWith(", \"classes\": [{\"size\": 64, \"spans\": 2, \"objects\": " + objects +
                       ", \"free\": 7, \"cached\": 3}, {\"size\": 4096, \"spans\": 5, "
                       "\"objects\": 5, \"free\": 0, \"cached\": 1}]}\n"));
}

TEST(StatsPrinting, MallocInfoIsAClosedDocumentWithItsTotals) {
  const Stats s = Numbered();
  const std::string xml = Printed(PrintMallocInfo, s);
  EXPECT_EQ(xml.find("<malloc version=\"1\">"), 0u);
  EXPECT_EQ(xml.substr(xml.size() - 10), "</malloc>\n");
  EXPECT_THAT(xml, HasSubstr("<system type=\"current\" size=\"" +
                             std::to_string(s.committed_bytes) + "\"/>"));
  EXPECT_THAT(xml, HasSubstr("<total type=\"mmap\" count=\"0\" size=\"" +
                             std::to_string(s.huge_bytes) + "\"/>"));
}

TEST(StatsPrinting, EveryFigureIsDocumented) {
  std::ifstream file("docs/stats.md");
  ASSERT_TRUE(file.is_open());
  const std::string page{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
#define HZ3_EXPECT_DOCUMENTED(name, unit, meaning) \
  EXPECT_THAT(page, HasSubstr("\n| " #name " | " unit " | " meaning " |\n"));
  HZ3_STATS_TABLE(HZ3_EXPECT_DOCUMENTED)
#undef HZ3_EXPECT_DOCUMENTED
}

}  // namespace
}  // namespace hz3
