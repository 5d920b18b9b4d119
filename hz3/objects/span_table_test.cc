#include "hz3/objects/span_table.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/os_memory.h"

namespace hz3 {
namespace {

constexpr SizeClass kOnePage{1};
constexpr SizeClass kSeveralPages{20};

class SpanTableTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(arena_.Init(SystemMemory(), size_t{8} << 20, false, sizeof(Span)));
    ASSERT_EQ(arena_.TakeSlots(2), 0u);
    for (const uint32_t slot : {0u, 1u}) segment(slot).Open(SlotIndex(slot));
    ASSERT_EQ(InfoOf(kOnePage).pages, 1u);
  }
  void TearDown() override { arena_.Destroy(); }

  Segment& segment(uint32_t slot) { return arena_.segment(SlotIndex(slot)); }
  Span& Open(uint32_t slot, unsigned first, SizeClass c) {
    return SpanTable::Open(arena_, segment(slot), first, c);
  }
  Span& Find(uint32_t page) { return SpanTable::Find(arena_, PageIndex(page)); }

  Arena arena_;
};

TEST_F(SpanTableTest, EachPageOfASpanFindsItsRecord) {
  const unsigned pages = InfoOf(kSeveralPages).pages;
  ASSERT_GT(pages, 1u);
  for (const uint32_t slot : {0u, 1u}) {
    const uint32_t base = slot * kPagesPerSegment;
    Span& one = Open(slot, 500, kOnePage);
    Span& more = Open(slot, 3, kSeveralPages);
    EXPECT_EQ(one.first_page().value(), base + 500);
    EXPECT_EQ(more.first_page().value(), base + 3);
    EXPECT_EQ(&Find(base + 500), &one);
    for (unsigned i = 0; i < pages; ++i) EXPECT_EQ(&Find(base + 3 + i), &more) << i;
    EXPECT_EQ(one.size_class(), kOnePage);
    EXPECT_TRUE(more.AllFree());
  }
}

TEST_F(SpanTableTest, RecordsOfSpansThatLieFarApartLieSideBySide) {
  Span* const first = &Open(1, 511, kOnePage);
  for (unsigned i = 1; i < 8; ++i) EXPECT_EQ(&Open(1, i * 64, kOnePage), first + i);
}

TEST_F(SpanTableTest, APageWhoseSpanIsClosedBelongsToNone) {
  Span& span = Open(0, 10, kOnePage);
  SpanTable::Close(arena_, span);
  EXPECT_FALSE(Find(10).Has(PageIndex(10)));
  Span& other = Open(0, 20, kOnePage);
  EXPECT_EQ(&other, &span) << "a number that became free is used first";
  EXPECT_FALSE(Find(10).Has(PageIndex(10))) << "the record is another span's";
  EXPECT_TRUE(Find(20).Has(PageIndex(20)));
}

TEST_F(SpanTableTest, ASegmentThatIsOpenedAgainNumbersFromTheBeginning) {
  Span* const first = &Open(0, 0, kOnePage);
  Span& second = Open(0, 1, kOnePage);
  SpanTable::Close(arena_, *first);
  SpanTable::Close(arena_, second);
  segment(0).Open(SlotIndex(0));
  EXPECT_EQ(&Open(0, 100, kOnePage), first);
}

TEST_F(SpanTableTest, EveryPageMayBeASpanAndRecordsAreNeverShared) {
  constexpr unsigned kSeed = 11;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  std::mt19937 random(kSeed);
  std::map<uint32_t, Span*> open;  // by first page of slot 1
  std::vector<Span*> span_of(kPagesPerSegment);
  const unsigned several_pages = InfoOf(kSeveralPages).pages;
  unsigned most = 0;
  const auto check = [&] {
    std::map<Span*, uint32_t> pages;
    for (const auto& [page, span] : open) {
      ASSERT_TRUE(pages.emplace(span, page).second) << "two spans with one record";
      ASSERT_LT(span - SpanTable::Records(arena_) - kPagesPerSegment, most);
    }
    for (uint32_t page = 0; page < kPagesPerSegment; ++page) {
      Span* const span = span_of[page];
      if (span == nullptr) continue;
      ASSERT_EQ(&Find(kPagesPerSegment + page), span) << page;
      ASSERT_TRUE(span->Has(PageIndex(kPagesPerSegment + page))) << page;
    }
  };
  const auto open_at = [&](uint32_t page, SizeClass c) {
    const auto begin = span_of.begin() + page;
    const auto end = begin + InfoOf(c).pages;
    if (!std::all_of(begin, end, [](Span* span) { return span == nullptr; })) return;
    open[page] = &Open(1, page, c);
    std::fill(begin, end, open[page]);
    most = std::max(most, static_cast<unsigned>(open.size()));
  };
  const auto close = [&](Span* span) {
    SpanTable::Close(arena_, *span);
    open.erase(PageInSegment(span->first_page()));
    std::replace(span_of.begin(), span_of.end(), span, static_cast<Span*>(nullptr));
  };
  for (unsigned step = 0; step < 20'000; ++step) {
    const auto page = static_cast<uint32_t>(random() % kPagesPerSegment);
    if (span_of[page] != nullptr) {
      close(span_of[page]);
    } else {
      const bool several = random() % 4 == 0 && page + several_pages <= kPagesPerSegment;
      open_at(page, several ? kSeveralPages : kOnePage);
    }
    if (step % 500 == 0) check();
  }
  while (!open.empty()) close(open.begin()->second);
  for (uint32_t page = 0; page < kPagesPerSegment; ++page) open_at(page, kOnePage);
  ASSERT_EQ(open.size(), kPagesPerSegment);
  check();
  Span& neighbour = Open(0, 0, kOnePage);
  EXPECT_EQ(&neighbour, SpanTable::Records(arena_));
}

}  // namespace
}  // namespace hz3
