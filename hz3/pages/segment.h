// Segment: the metadata of one 2 MiB slot while a shard has it: which of its 512 pages are free,
// which may hold memory, where its runs begin; and the inbox through which others talk to it. It
// lies in the arena's metadata, never in the slot itself.
//
// Everything but the inbox is touched only under the owning shard's lease, but that the holder of a
// long run may ask for its length; slow path.
//
// Invariants: a free page belongs to no run and has tag 0; every page that is not free belongs to
// exactly one run, whose first page has its `start` bit set; free_pages agrees with the bitmap and
// longest is at least its longest run; a clean page (not dirty) is free and reads as zero.
#ifndef HZ3_PAGES_SEGMENT_H_
#define HZ3_PAGES_SEGMENT_H_

#include <atomic>
#include <cstdint>

#include "hz3/base/bits.h"
#include "hz3/base/words.h"
#include "hz3/pages/inbox.h"

namespace hz3 {

using PageBits = Bits<kPagesPerSegment / 64>;

// Which pages a search may hand out.
enum class Pages {
  kDirtyOnly,  // only pages that already hold memory
  kAny,        // those first, clean ones last
};

class alignas(kCacheLine) Segment {
 public:
  static constexpr unsigned kNone = PageBits::kNone;

  // What a slot is, for those who look from outside.
  enum class Use : uint8_t { kUnused, kSegment, kHugeHead, kHugeTail };

  // The slot becomes a segment, all pages free. The dirty bits stay as they are.
  void Open(SlotIndex slot);
  // All pages are free; the slot goes back to the arena.
  void Close();

  // The first page of a free run of n pages (1 <= n <= 512) whose address is a multiple of
  // `align` pages (a power of two), or kNone. Prefers dirty pages, then a hole that fits exactly,
  // then the lowest address.
  unsigned FindRun(unsigned n, unsigned align, Pages pages) const;
  // Whether FindRun with align 1 would find one; cheaper.
  bool HasRun(unsigned n, Pages pages) const {
    if (n > longest_) return false;
    return (pages == Pages::kAny ? free_ : FreeDirty()).RunsOf(n).Any();
  }
  // Takes up to `want` runs of n pages from `from` (a part of the free pages): holes that fit
  // exactly first, then the lowest. Their first pages go to firsts[0..]; returns how many.
  unsigned CarveBatch(const PageBits& from, unsigned n, unsigned want, uint16_t* firsts);
  // Takes [first, first + n), which is free, as one run. Returns how many of its pages were clean.
  // `longest` stays what it was: an upper bound.
  unsigned Carve(unsigned first, unsigned n);
  void UpdateLongest() { longest_ = static_cast<uint16_t>(free_.LongestRun()); }
  // Gives the run [first, first + n) back to the bitmap.
  void Uncarve(unsigned first, unsigned n);

  // The pages of the run that begins at `first`.
  unsigned RunLength(unsigned first) const;
  // The same for who holds a run whose length was noted, without the lease: nobody changes the note
  // while the run is his. 0: ask with the lease.
  unsigned NotedLength(unsigned first) const {
    const uint16_t note = lengths_[first / kLongRunPages].load(std::memory_order_relaxed);
    return note % kLongRunPages == first % kLongRunPages ? note / kLongRunPages : 0;
  }
  // The run at `first` has n pages now. Of the runs that begin in one group of kLongRunPages pages
  // one can be that long, and only it has a note.
  void NoteLength(unsigned first, unsigned n) {
    std::atomic<uint16_t>& note = lengths_[first / kLongRunPages];
    const unsigned kept = n >= kLongRunPages ? n : 0;
    if (kept == 0 && NotedLength(first) == 0) return;
    note.store(static_cast<uint16_t>(kept * kLongRunPages + first % kLongRunPages),
               std::memory_order_relaxed);
  }
  bool IsRunStart(unsigned page) const { return start_.Test(page); }
  bool IsFree(unsigned page) const { return free_.Test(page); }
  bool IsFreeAndClean(unsigned page) const { return free_.Test(page) && !dirty_.Test(page); }
  // Shortens the run at `first` from n to `keep` pages (0 < keep < n); the rest becomes free.
  void ShrinkRun(unsigned first, unsigned n, unsigned keep);
  // Lengthens the run at `first` from n to `want` pages when the pages behind it are free.
  // Returns whether it did; *clean is then how many of the added pages were clean.
  bool GrowRun(unsigned first, unsigned n, unsigned want, unsigned* clean);
  unsigned CleanPagesIn(unsigned first, unsigned n) const {
    return n - dirty_.CountRange(first, n);
  }

  void Prefetch() const {
    __builtin_prefetch(&free_);
    __builtin_prefetch(&start_);
  }

  unsigned free_pages() const { return free_pages_; }
  unsigned longest() const { return longest_; }
  bool AllFree() const { return free_pages_ == kPagesPerSegment; }

  // Free pages that hold memory: what a purge could give back.
  PageBits FreeDirty() const { return free_ & dirty_; }
  unsigned DirtyPages() const { return dirty_.Count(); }
  const PageBits& free_bits() const { return free_; }
  const PageBits& dirty_bits() const { return dirty_; }
  const PageBits& start_bits() const { return start_; }
  void MarkClean(unsigned first, unsigned n) { dirty_.ClearRange(first, n); }
  void MarkDirty(unsigned first, unsigned n) { dirty_.SetRange(first, n); }

  Use use() const { return static_cast<Use>(use_.load(std::memory_order_acquire)); }
  void set_use(Use use) {
    // Release, with the acquire in use(): who sees a segment sees the owner set before.
    use_.store(static_cast<uint8_t>(use), std::memory_order_release);
  }
  // True while the slot gets memory outside the lease: a page that was given back meanwhile would
  // take memory again, and nobody would know.
  bool is_populating() const { return populating_.load(std::memory_order_relaxed); }
  void set_populating(bool populating) {
    populating_.store(populating, std::memory_order_relaxed);
  }
  SlotIndex slot() const { return slot_; }

  // Blocks of whole slots (`large`): bytes asked for and slots taken, in the head slot.
  struct Huge {
    size_t bytes = 0;
    uint32_t slots = 0;
  };
  Huge huge;

  // Links of the shard's lists, by slot; the shard's.
  uint32_t next = kNoIndex;
  uint32_t previous = kNoIndex;
  uint8_t bucket = 0;

  // Which of its records of spans are in use, see SpanTable: those below `records`, but for the
  // free ones, which are linked from here on (kNone: there are none).
  uint16_t records = 0;
  uint16_t free_record = kNone;

  Inbox inbox;

 private:
  friend class HeapLayoutMaker;
  PageBits free_;
  PageBits dirty_;
  PageBits start_;
  uint16_t free_pages_ = 0;
  uint16_t longest_ = 0;
  SlotIndex slot_;
  std::atomic<uint8_t> use_{0};  // acquire and release, see set_use
  // Relaxed: set under the lease that a purge takes, too; seen late to be over, it delays one.
  std::atomic<bool> populating_{false};
  static constexpr unsigned kLongRunPages = 8;
  // Length and place in its group of a long run. Relaxed: ordered by however its holder got it.
  std::atomic<uint16_t> lengths_[kPagesPerSegment / kLongRunPages] = {};
};

}  // namespace hz3

#endif  // HZ3_PAGES_SEGMENT_H_
