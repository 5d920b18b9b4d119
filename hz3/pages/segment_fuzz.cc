// Segment against arrays of booleans and a table of its runs.

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <memory>

#include "hz3/pages/segment.h"
#include "testing/fuzz/fuzz_input.h"

namespace hz3 {
namespace {

using fuzz::FuzzInput;
using fuzz::Require;

constexpr unsigned kPages = kPagesPerSegment;

class SegmentFuzz {
 public:
  explicit SegmentFuzz(FuzzInput& input) : input_(input) {
    segment_->Open(SlotIndex(3));
    free_.fill(true);
  }

  void Run() {
    while (!input_.empty()) {
      Step();
      Check();
    }
  }

 private:
  unsigned Length() { return 1 + input_.Below(input_.Below(3) == 0 ? kPages : 12); }

  void Step() {
    switch (input_.Below(6)) {
      case 0:
      case 1:
        Carve();
        break;
      case 2:
        CarveBatch();
        break;
      case 3:
        Uncarve();
        break;
      case 4:
        Resize();
        break;
      default:
        Purge();
    }
  }

  bool IsFree(unsigned first, unsigned n, bool dirty) const {
    if (first + n > kPages) return false;
    for (unsigned i = first; i < first + n; ++i) {
      if (!free_[i] || (dirty && !dirty_[i])) return false;
    }
    return true;
  }
  bool Exists(unsigned n, unsigned align, bool dirty) const {
    for (unsigned first = 0; first + n <= kPages; first += align) {
      if (IsFree(first, n, dirty)) return true;
    }
    return false;
  }

  void Take(unsigned first, unsigned n) {
    std::fill_n(free_.begin() + first, n, false);
    std::fill_n(dirty_.begin() + first, n, true);
    runs_[first] = n;
  }

  void Carve() {
    const unsigned n = Length();
    const unsigned align = 1u << input_.Below(10);
    const bool dirty = input_.Below(2) == 0;
    const Pages pages = dirty ? Pages::kDirtyOnly : Pages::kAny;
    const unsigned first = segment_->FindRun(n, align, pages);
    Require((first != Segment::kNone) == Exists(n, align, dirty), "FindRun misses none");
    Require(segment_->HasRun(n, pages) == Exists(n, 1, dirty), "HasRun");
    if (first == Segment::kNone) return;
    Require(first % align == 0 && IsFree(first, n, dirty), "FindRun finds what was asked for");
    const auto clean = std::count(dirty_.begin() + first, dirty_.begin() + first + n, false);
    Require(segment_->CleanPagesIn(first, n) == clean, "CleanPagesIn");
    Require(segment_->Carve(first, n) == clean, "Carve counts clean pages");
    Take(first, n);
  }

  void CarveBatch() {
    const unsigned n = 1 + input_.Below(8);
    uint16_t firsts[16];
    const unsigned want = input_.Below(17);
    const bool dirty = input_.Below(2) == 0;
    const PageBits from = dirty ? segment_->FreeDirty() : segment_->free_bits();
    const unsigned got = segment_->CarveBatch(from, n, want, firsts);
    Require(got <= want, "CarveBatch takes no more than it may");
    for (unsigned i = 0; i < got; ++i) {
      Require(IsFree(firsts[i], n, dirty), "CarveBatch takes free runs");
      Take(firsts[i], n);
    }
    Require(got == want || !Exists(n, 1, dirty), "CarveBatch takes what there is");
  }

  // A run that is live, or end().
  std::map<unsigned, unsigned>::iterator AnyRun() {
    if (runs_.empty()) return runs_.end();
    return std::next(runs_.begin(), input_.Below(static_cast<unsigned>(runs_.size())));
  }

  void Uncarve() {
    const auto run = AnyRun();
    if (run == runs_.end()) return;
    segment_->Uncarve(run->first, run->second);
    std::fill_n(free_.begin() + run->first, run->second, true);
    runs_.erase(run);
  }

  void Resize() {
    const auto run = AnyRun();
    if (run == runs_.end()) return;
    auto& [first, n] = *run;
    const unsigned want = Length();
    if (want < n) {
      segment_->ShrinkRun(first, n, want);
      std::fill_n(free_.begin() + first + want, n - want, true);
      n = want;
    } else if (want > n && first + want <= kPages) {
      unsigned clean = 0;
      const bool fits = IsFree(first + n, want - n, false);
      Require(segment_->GrowRun(first, n, want, &clean) == fits, "GrowRun");
      if (!fits) return;
      const auto begin = dirty_.begin() + first;
      Require(clean == std::count(begin + n, begin + want, false), "GrowRun counts clean pages");
      Take(first, want);
    }
  }

  // What a purge does to free pages.
  void Purge() {
    const unsigned first = input_.Below(kPages);
    const unsigned n = std::min(Length(), kPages - first);
    if (!IsFree(first, n, true)) return;
    segment_->MarkClean(first, n);
    std::fill_n(dirty_.begin() + first, n, false);
  }

  void Check() {
    unsigned longest = 0;
    unsigned length = 0;
    for (unsigned page = 0; page < kPages; ++page) {
      Require(segment_->IsFree(page) == free_[page], "IsFree");
      Require(segment_->dirty_bits().Test(page) == dirty_[page], "dirty");
      Require(segment_->IsRunStart(page) == (runs_.count(page) > 0), "IsRunStart");
      length = free_[page] ? length + 1 : 0;
      longest = std::max(longest, length);
    }
    Require(segment_->longest() >= longest, "longest is an upper bound");
    Require(segment_->free_pages() == std::count(free_.begin(), free_.end(), true), "free_pages");
    Require(segment_->AllFree() == runs_.empty(), "AllFree");
    for (const auto& [first, n] : runs_) Require(segment_->RunLength(first) == n, "RunLength");
  }

  FuzzInput& input_;
  std::unique_ptr<Segment> segment_ = std::make_unique<Segment>();
  std::array<bool, kPages> free_ = {};
  std::array<bool, kPages> dirty_ = {};
  std::map<unsigned, unsigned> runs_;  // first page -> pages
};

}  // namespace
}  // namespace hz3

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hz3::fuzz::FuzzInput input(data, size);
  hz3::SegmentFuzz(input).Run();
  return 0;
}
