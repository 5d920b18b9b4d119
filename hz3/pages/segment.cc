#include "hz3/pages/segment.h"

#include "hz3/config/config.h"

namespace hz3 {
namespace {

// Bit i is set when i is a multiple of align pages.
PageBits AlignedStarts(unsigned align) {
  PageBits starts;
  if (align < 64) {
    uint64_t pattern = 1;
    for (unsigned step = align; step < 64; step *= 2) pattern |= pattern << step;
    for (unsigned w = 0; w < PageBits::kWords; ++w) starts.word(w) = pattern;
  } else {
    for (unsigned i = 0; i < PageBits::kSize; i += align) starts.Set(i);
  }
  return starts;
}

// From this length on runs are looked for one by one: there are few.
constexpr unsigned kLongRun = 16;

unsigned BestLongStart(const PageBits& from, unsigned n) {
  const unsigned lowest = from.FirstRun(n);
  if constexpr (!kConfig.exact_fit) return lowest;
  for (unsigned first = lowest; first != PageBits::kNone;) {
    const unsigned end = from.NextClear(first);  // kNone is kSize
    if (end == first + n) return first;
    first = from.FirstRun(n, end);
  }
  return lowest;
}

// The best start among the runs of `from`: one that fits exactly, else the lowest.
unsigned BestStart(const PageBits& from, unsigned n, unsigned align) {
  if (align == 1 && n >= kLongRun) return BestLongStart(from, n);
  PageBits runs = from.RunsOf(n);
  if (align > 1) runs = runs & AlignedStarts(align);
  if constexpr (kConfig.exact_fit) {
    const unsigned exact = from.ExactOf(runs, n).NextSet(0);
    if (exact != PageBits::kNone) return exact;
  }
  return runs.NextSet(0);
}

}  // namespace

void Segment::Open(SlotIndex slot) {
  slot_ = slot;
  free_ = ~PageBits();
  start_ = PageBits();
  free_pages_ = longest_ = kPagesPerSegment;
  next = previous = kNoIndex;
  bucket = 0;
  records = 0;
  free_record = kNone;
  set_use(Use::kSegment);
}

void Segment::Close() { set_use(Use::kUnused); }

unsigned Segment::FindRun(unsigned n, unsigned align, Pages pages) const {
  if (n > longest_) return kNone;
  const unsigned dirty = BestStart(FreeDirty(), n, align);
  if (dirty != kNone || pages == Pages::kDirtyOnly) return dirty;
  return BestStart(free_, n, align);
}

unsigned Segment::CarveBatch(const PageBits& from, unsigned n, unsigned want, uint16_t* firsts) {
  unsigned got = 0;
  const auto take = [&](const PageBits& starts) {
    unsigned first = starts.NextSet(0);
    while (first != kNone && got < want) {
      free_.ClearRange(first, n);
      dirty_.SetRange(first, n);
      start_.Set(first);
      firsts[got++] = static_cast<uint16_t>(first);
      first = starts.NextSet(first + n);
    }
  };
  PageBits runs = from.RunsOf(n);
  if constexpr (kConfig.exact_fit) {
    take(from.ExactOf(runs, n));
    if (got > 0 && got < want) runs = (from & free_).RunsOf(n);
  }
  if (got < want) take(runs);
  // No run of n is left: known now at no cost, and the next search is not misled.
  if (got < want && longest_ >= n && !(free_ & ~from).Any())
    longest_ = static_cast<uint16_t>(n - 1);
  free_pages_ = static_cast<uint16_t>(free_pages_ - got * n);
  return got;
}

unsigned Segment::Carve(unsigned first, unsigned n) {
  const unsigned clean = CleanPagesIn(first, n);
  free_.ClearRange(first, n);
  dirty_.SetRange(first, n);
  start_.Set(first);
  free_pages_ = static_cast<uint16_t>(free_pages_ - n);
  return clean;
}

void Segment::Uncarve(unsigned first, unsigned n) {
  start_.Clear(first);
  free_.SetRange(first, n);
  free_pages_ = static_cast<uint16_t>(free_pages_ + n);
  const unsigned begin = free_.RunBegin(first);
  const unsigned end = free_.NextClear(first + n);
  const unsigned merged = end - begin;
  if (merged > longest_) longest_ = static_cast<uint16_t>(merged);
}

unsigned Segment::RunLength(unsigned first) const {
  return (start_ | free_).NextSet(first + 1) - first;
}

void Segment::ShrinkRun(unsigned first, unsigned n, unsigned keep) {
  Uncarve(first + keep, n - keep);
}

bool Segment::GrowRun(unsigned first, unsigned n, unsigned want, unsigned* clean) {
  const unsigned add = want - n;
  if (first + want > kPagesPerSegment || free_.CountRange(first + n, add) != add) return false;
  *clean = Carve(first + n, add);
  start_.Clear(first + n);
  UpdateLongest();
  return true;
}

}  // namespace hz3
