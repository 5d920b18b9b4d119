#include "hz3/pages/large.h"

#include <algorithm>
#include <cstring>

#include "hz3/config/config.h"

namespace hz3 {
namespace {

// Calls f(slot, first page, pages) for the parts of pages [from, to), counted from `head`.
template <typename F>
void ForEachSlotPart(SlotIndex head, size_t from, size_t to, F f) {
  while (from < to) {
    const unsigned first = static_cast<unsigned>(from % kPagesPerSegment);
    const unsigned n = static_cast<unsigned>(std::min<size_t>(kPagesPerSegment - first, to - from));
    f(SlotIndex(head.value() + static_cast<uint32_t>(from / kPagesPerSegment)), first, n);
    from += n;
  }
}

// Zeroing more than this is dearer than asking the kernel for fresh pages.
constexpr size_t kZeroByPurgePages = kPagesPerSegment;
// More of one block is left to page faults.
constexpr size_t kMostPopulatedPages = 32 * kPagesPerSegment;

}  // namespace

void* Large::Allocate(size_t bytes, size_t align, bool zero) {
  // Who asks for zeroes may want them where nothing is ever written.
  return Allocate(bytes, align, zero, zero ? PagesFor(bytes) : 0);
}

void* Large::Allocate(size_t bytes, size_t align, bool zero, size_t populate_from) {
  const size_t slots = SlotsFor(bytes);
  if (slots > arena_.slots()) return nullptr;
  const uint32_t n = static_cast<uint32_t>(slots);
  const size_t align_slots = std::max<size_t>(align >> kSegmentShift, 1);
  if (align_slots > arena_.slots()) return nullptr;
  const uint32_t first = arena_.TakeSlots(n, static_cast<uint32_t>(align_slots));
  if (first == kNoIndex) return nullptr;
  const SlotIndex head(first);
  const size_t pages = PagesFor(bytes);
  size_t clean;
  if (!ClaimPages(head, 0, pages, populate_from, &clean)) {
    arena_.ReturnSlots(head, n);
    return nullptr;
  }
  MarkSlots(head, n);
  arena_.segment(head).huge = {bytes, n};
  const PageIndex page = FirstPageOf(head);
  arena_.segmap().Set(page, tag_);
  char* block = arena_.segmap().AddressOf(page);
  if (zero && clean != pages) Zero(block, pages);
  return block;
}

// The pages keep their marks: they are this block's now, and count as memory either way.
void Large::Zero(void* block, size_t pages) {
  if (pages >= kZeroByPurgePages && arena_.os().Purge(block, pages * kPageSize)) return;
  memset(block, 0, pages * kPageSize);
}

void Large::Free(PageIndex page) {
  const SlotIndex head = SlotOf(page);
  const Segment::Huge huge = arena_.segment(head).huge;
  arena_.segmap().Set(page, 0);
  if (huge.bytes >= kConfig.huge_purge_bytes) FreePages(head, 0, PagesFor(huge.bytes));
  ReturnSlots(head, huge.slots);
}

size_t Large::UsableSize(PageIndex page) const {
  return RoundUp(arena_.segment(SlotOf(page)).huge.bytes, kPageSize);
}

void* Large::Resize(PageIndex page, size_t bytes) {
  const SlotIndex head = SlotOf(page);
  if (ResizeInPlace(head, bytes)) return arena_.segmap().AddressOf(page);
  return MoveTo(head, bytes);
}

bool Large::ResizeInPlace(SlotIndex head, size_t bytes) {
  Segment::Huge& huge = arena_.segment(head).huge;
  const size_t had = PagesFor(huge.bytes);
  const size_t want = PagesFor(bytes);
  const size_t slots = std::max<size_t>(SlotsFor(bytes), 1);
  if (slots > arena_.slots()) return false;
  const uint32_t n = static_cast<uint32_t>(slots);
  const uint32_t more = n > huge.slots ? n - huge.slots : 0;
  const SlotIndex behind(head.value() + huge.slots);
  if (more > 0 && !arena_.TakeSlotsAt(behind, more)) return false;
  size_t clean;
  if (want > had && !ClaimPages(head, had, want, had, &clean)) {
    if (more > 0) arena_.ReturnSlots(behind, more);
    return false;
  }
  if (more > 0) MarkSlots(head, n);
  if (want < had) FreePages(head, want, had);
  if (n < huge.slots) ReturnSlots(SlotIndex(head.value() + n), huge.slots - n);
  huge = {bytes, n};
  return true;
}

void* Large::MoveTo(SlotIndex head, size_t bytes) {
  const Segment::Huge old = arena_.segment(head).huge;
  const size_t kept = RoundUp(std::min(old.bytes, bytes), kPageSize);
  void* block = Allocate(bytes, kSegmentSize, false, PagesFor(kept));
  if (block == nullptr) return nullptr;
  char* from = arena_.segmap().AddressOf(FirstPageOf(head));
  if (!arena_.os().Move(from, block, kept)) memcpy(block, from, kept);
  Free(FirstPageOf(head));
  return block;
}

bool Large::ClaimPages(SlotIndex head, size_t from_page, size_t to_page, size_t populate_from,
                       size_t* clean) {
  *clean = 0;
  ForEachSlotPart(head, from_page, to_page, [&](SlotIndex slot, unsigned first, unsigned n) {
    *clean += arena_.segment(slot).CleanPagesIn(first, n);
  });
  if (*clean == 0) return true;
  if (!arena_.meter().Charge(*clean)) return false;
  size_t left = WillBeWritten(head, populate_from, to_page) ? kMostPopulatedPages : 0;
  const PageIndex start(FirstPageOf(head).value() + static_cast<uint32_t>(populate_from));
  ForEachSlotPart(head, from_page, to_page, [&](SlotIndex slot, unsigned first, unsigned n) {
    Segment& segment = arena_.segment(slot);
    const unsigned fresh = segment.CleanPagesIn(first, n);
    segment.MarkDirty(first, n);
    const PageIndex page(FirstPageOf(slot).value() + first);
    if (fresh == 0 || left < n || page.value() < start.value() || !Arena::MayBeHuge(slot)) return;
    if (n == kPagesPerSegment && !arena_.huge_pages().AskForOne()) return;
    left -= n;
    arena_.Populate({arena_.segmap().AddressOf(page), n * kPageSize});
  });
  return true;
}

// Blocks are judged by the last of their slots that is covered and was never used. Above a limit
// memory is given back first, and that comes later.
bool Large::WillBeWritten(SlotIndex head, size_t from_page, size_t to_page) {
  if (!Arena::MayBeHuge(head) || arena_.meter().IsLimited() || from_page >= to_page) return false;
  uint32_t last = kNoIndex;
  ForEachSlotPart(head, from_page, to_page, [&](SlotIndex slot, unsigned first, unsigned n) {
    if (arena_.segment(slot).CleanPagesIn(first, n) == kPagesPerSegment) last = slot.value();
  });
  return arena_.WillBeWritten(last);
}

void Large::FreePages(SlotIndex head, size_t from_page, size_t to_page) {
  ForEachSlotPart(head, from_page, to_page, [&](SlotIndex slot, unsigned first, unsigned n) {
    PageBits pages;
    pages.SetRange(first, n);
    arena_.PurgePages(arena_.segment(slot), pages);
  });
}

void Large::MarkSlots(SlotIndex head, uint32_t n) {
  arena_.segment(head).set_use(Segment::Use::kHugeHead);
  for (uint32_t i = 1; i < n; ++i) {
    arena_.segment(SlotIndex(head.value() + i)).set_use(Segment::Use::kHugeTail);
  }
}

void Large::ReturnSlots(SlotIndex head, uint32_t n) {
  for (uint32_t i = 0; i < n; ++i) {
    arena_.segment(SlotIndex(head.value() + i)).set_use(Segment::Use::kUnused);
  }
  arena_.ReturnSlots(head, n);
}

}  // namespace hz3
