#include "hz3/pages/segment.h"

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/config/config.h"

namespace hz3 {
namespace {

constexpr unsigned kPages = kPagesPerSegment;

std::unique_ptr<Segment> OpenSegment() {
  auto segment = std::make_unique<Segment>();
  segment->Open(SlotIndex(7));
  return segment;
}

// The same segment as arrays, with every search written as its definition says.
struct NaiveSegment {
  std::vector<bool> free = std::vector<bool>(kPages, true);
  std::vector<bool> dirty = std::vector<bool>(kPages, false);
  std::map<unsigned, unsigned> runs;  // first page -> pages

  bool FreeRun(unsigned first, unsigned n, bool dirty_only) const {
    if (first + n > kPages) return false;
    for (unsigned i = first; i < first + n; ++i) {
      if (!free[i] || (dirty_only && !dirty[i])) return false;
    }
    return true;
  }
  bool Open(unsigned page, bool dirty_only) const {
    return page < kPages && free[page] && (!dirty_only || dirty[page]);
  }
  // The lowest hole that fits exactly, else the lowest place; kPages when there is none.
  unsigned Find(unsigned n, unsigned align, bool dirty_only) const {
    unsigned lowest = kPages;
    for (unsigned first = 0; first + n <= kPages; first += align) {
      if (!FreeRun(first, n, dirty_only)) continue;
      const bool exact =
          !(first > 0 && Open(first - 1, dirty_only)) && !Open(first + n, dirty_only);
      if (exact && kConfig.exact_fit) return first;
      if (lowest == kPages) lowest = first;
    }
    return lowest;
  }
  unsigned Count(const std::vector<bool>& bits, unsigned first, unsigned n) const {
    return static_cast<unsigned>(std::count(bits.begin() + first, bits.begin() + first + n, true));
  }
  void Take(unsigned first, unsigned n) {
    for (unsigned i = first; i < first + n; ++i) {
      free[i] = false;
      dirty[i] = true;
    }
    runs[first] = n;
  }
  void Give(unsigned first, unsigned n) {
    for (unsigned i = first; i < first + n; ++i) free[i] = true;
  }
};

void ExpectSame(const Segment& segment, const NaiveSegment& naive) {
  unsigned longest = 0;
  unsigned length = 0;
  for (unsigned page = 0; page < kPages; ++page) {
    ASSERT_EQ(segment.IsFree(page), naive.free[page]) << "page " << page;
    ASSERT_EQ(segment.dirty_bits().Test(page), naive.dirty[page]) << "page " << page;
    ASSERT_EQ(segment.IsRunStart(page), naive.runs.count(page) > 0) << "page " << page;
    length = naive.free[page] ? length + 1 : 0;
    longest = std::max(longest, length);
  }
  ASSERT_GE(segment.longest(), longest) << "an upper bound";
  ASSERT_EQ(segment.free_pages(), naive.Count(naive.free, 0, kPages));
  ASSERT_EQ(segment.DirtyPages(), naive.Count(naive.dirty, 0, kPages));
  for (const auto& [first, n] : naive.runs) ASSERT_EQ(segment.RunLength(first), n);
}

class RandomSegment {
 public:
  explicit RandomSegment(uint64_t seed) : random_(seed) {}

  void Step() {
    switch (Below(8)) {
      case 0:
      case 1:
        return CarveOne();
      case 2:
        return CarveBatch();
      case 3:
      case 4:
        return UncarveOne();
      case 5:
        return ResizeOne();
      case 6:
        return PurgeSome();
      default:
        segment_->UpdateLongest();
    }
  }
  void Check() {
    ExpectSame(*segment_, naive_);
    if (::testing::Test::HasFatalFailure()) return;
    CheckSearches(1 + Below(20), 1);
    CheckSearches(1 + Below(kPages), 1);
    CheckSearches(1 + Below(40), 1u << Below(10));
  }

 private:
  unsigned Below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  auto AnyRun() { return std::next(naive_.runs.begin(), Below(Runs())); }
  unsigned Runs() const { return static_cast<unsigned>(naive_.runs.size()); }

  void CheckSearches(unsigned n, unsigned align) {
    const unsigned dirty = naive_.Find(n, align, true);
    ASSERT_EQ(segment_->FindRun(n, align, Pages::kDirtyOnly), dirty) << n << " pages";
    const unsigned any = dirty != kPages ? dirty : naive_.Find(n, align, false);
    ASSERT_EQ(segment_->FindRun(n, align, Pages::kAny), any) << n << " pages, align " << align;
    ASSERT_EQ(segment_->HasRun(n, Pages::kDirtyOnly), naive_.Find(n, 1, true) != kPages);
    if (naive_.Find(n, 1, false) != kPages) {
      ASSERT_TRUE(segment_->HasRun(n, Pages::kAny));
    }
  }
  void CarveOne() {
    const unsigned n = 1 + Below(1u << Below(8));
    const unsigned first = segment_->FindRun(n, 1u << Below(3), Pages::kAny);
    if (first == Segment::kNone) return;
    const unsigned clean = n - naive_.Count(naive_.dirty, first, n);
    ASSERT_EQ(segment_->CleanPagesIn(first, n), clean);
    ASSERT_EQ(segment_->Carve(first, n), clean);
    naive_.Take(first, n);
  }
  void CarveBatch() {
    const unsigned n = 1 + Below(8);
    const unsigned want = 1 + Below(40);
    const bool dirty_only = Below(2) == 0;
    const PageBits from = dirty_only ? segment_->FreeDirty() : segment_->free_bits();
    uint16_t firsts[kPages];
    const unsigned got = segment_->CarveBatch(from, n, want, firsts);
    ASSERT_LE(got, want);
    for (unsigned i = 0; i < got; ++i) {
      ASSERT_TRUE(naive_.FreeRun(firsts[i], n, dirty_only)) << n << " at " << firsts[i];
      naive_.Take(firsts[i], n);
    }
    if (got < want) {
      ASSERT_EQ(naive_.Find(n, 1, dirty_only), kPages) << "left a run behind";
    }
  }
  void UncarveOne() {
    if (naive_.runs.empty()) return;
    const auto run = AnyRun();
    segment_->Uncarve(run->first, run->second);
    naive_.Give(run->first, run->second);
    naive_.runs.erase(run);
  }
  void ResizeOne() {
    if (naive_.runs.empty()) return;
    const auto run = AnyRun();
    const auto [first, n] = *run;
    const unsigned want = 1 + Below(2 * n + 4);
    if (want < n) {
      segment_->ShrinkRun(first, n, want);
      naive_.Give(first + want, n - want);
      run->second = want;
    } else if (want > n) {
      unsigned clean = 0;
      const bool fits = naive_.FreeRun(first + n, want - n, false);
      ASSERT_EQ(segment_->GrowRun(first, n, want, &clean), fits);
      if (!fits) return;
      ASSERT_EQ(clean, want - n - naive_.Count(naive_.dirty, first + n, want - n));
      naive_.Take(first, want);
    }
  }
  // As decay does: free dirty pages become clean.
  void PurgeSome() {
    const unsigned first = Below(kPages);
    const unsigned end = std::min(kPages, first + Below(64));
    for (unsigned page = first; page < end; ++page) {
      if (!naive_.free[page]) continue;
      segment_->MarkClean(page, 1);
      naive_.dirty[page] = false;
    }
  }

  std::mt19937_64 random_;
  std::unique_ptr<Segment> segment_ = OpenSegment();
  NaiveSegment naive_;
};

TEST(Segment, AgreesWithArraysAfterRandomCarvingAndUncarving) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    RandomSegment segment(seed);
    for (int step = 0; step < 3000; ++step) {
      segment.Step();
      segment.Check();
      if (HasFatalFailure()) FAIL() << "step " << step;
    }
  }
}

TEST(Segment, IsAllFreeAndCleanWhenItIsOpened) {
  auto segment = OpenSegment();
  EXPECT_TRUE(segment->AllFree());
  EXPECT_EQ(segment->longest(), kPages);
  EXPECT_EQ(segment->CleanPagesIn(0, kPages), kPages);
  EXPECT_EQ(segment->slot(), SlotIndex(7));
  EXPECT_EQ(segment->use(), Segment::Use::kSegment);
  EXPECT_EQ(segment->FindRun(kPages, 1, Pages::kAny), 0u);
  EXPECT_EQ(segment->FindRun(1, 1, Pages::kDirtyOnly), Segment::kNone);
  segment->Close();
  EXPECT_EQ(segment->use(), Segment::Use::kUnused);
}

TEST(Segment, RemembersDirtyPagesWhenItIsOpenedAgain) {
  auto segment = OpenSegment();
  segment->Carve(3, 5);
  segment->Uncarve(3, 5);
  segment->Close();
  segment->Open(SlotIndex(7));
  EXPECT_EQ(segment->DirtyPages(), 5u);
  EXPECT_EQ(segment->FindRun(5, 1, Pages::kAny), 3u) << "dirty pages first";
  EXPECT_EQ(segment->FindRun(6, 1, Pages::kAny), 0u) << "clean ones last";
}

TEST(Segment, FindsRunsAtEveryAlignment) {
  auto segment = OpenSegment();
  segment->Carve(0, 1);
  for (unsigned align = 1; align < kPages; align *= 2) {
    EXPECT_EQ(segment->FindRun(3, align, Pages::kAny), align);
  }
  EXPECT_EQ(segment->FindRun(1, kPages, Pages::kAny), Segment::kNone);
}

TEST(Segment, NeighboursThatBecomeFreeAreOneRunAgain) {
  auto segment = OpenSegment();
  for (unsigned page = 0; page < kPages; page += 4) segment->Carve(page, 4);
  segment->UpdateLongest();
  EXPECT_EQ(segment->longest(), 0u);
  segment->Uncarve(100, 4);
  segment->Uncarve(108, 4);
  EXPECT_EQ(segment->longest(), 4u);
  segment->Uncarve(104, 4);
  EXPECT_EQ(segment->longest(), 12u);
  EXPECT_EQ(segment->FindRun(12, 1, Pages::kAny), 100u);
}

TEST(Segment, ABatchThatTakesTheLastRunOfALengthLowersTheLongest) {
  Segment segment;
  segment.Open(SlotIndex(0));
  uint16_t firsts[kPagesPerSegment];
  EXPECT_EQ(segment.CarveBatch(segment.free_bits(), 100, 5, firsts), 5u);
  EXPECT_EQ(segment.longest(), kPagesPerSegment) << "an upper bound: nobody was told otherwise";
  EXPECT_EQ(segment.CarveBatch(segment.free_bits(), 100, 5, firsts), 0u);
  EXPECT_EQ(segment.longest(), 99u);
  EXPECT_EQ(segment.CarveBatch(segment.free_bits(), 12, 5, firsts), 1u);
  EXPECT_EQ(segment.longest(), 11u);
}

// Dirty pages alone say nothing about what clean ones could serve.
TEST(Segment, ABatchOfDirtyRunsLeavesTheLongestWhileCleanPagesAreFree) {
  Segment segment;
  segment.Open(SlotIndex(0));
  segment.MarkDirty(0, 8);
  uint16_t firsts[kPagesPerSegment];
  EXPECT_EQ(segment.CarveBatch(segment.FreeDirty(), 8, 2, firsts), 1u);
  EXPECT_EQ(segment.longest(), kPagesPerSegment);
}

TEST(Segment, NotesTheLengthOfALongRunForWhoHoldsIt) {
  auto segment = std::make_unique<Segment>();
  EXPECT_EQ(segment->NotedLength(0), 0u);
  segment->NoteLength(0, kPagesPerSegment);
  EXPECT_EQ(segment->NotedLength(0), kPagesPerSegment);
  segment->NoteLength(10, 9);
  EXPECT_EQ(segment->NotedLength(10), 9u);
  EXPECT_EQ(segment->NotedLength(9), 0u) << "another run of its group";
  segment->NoteLength(9, 1);
  EXPECT_EQ(segment->NotedLength(10), 9u) << "short ones leave it alone";
  segment->NoteLength(10, 7);
  EXPECT_EQ(segment->NotedLength(10), 0u) << "too short for a note, and the old one is wrong";
  segment->NoteLength(kPagesPerSegment - 8, 8);
  EXPECT_EQ(segment->NotedLength(kPagesPerSegment - 8), 8u);
}

}  // namespace
}  // namespace hz3
