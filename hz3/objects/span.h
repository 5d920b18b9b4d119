// Span: a run of pages cut into equal objects of one small size class. Which objects are free is a
// bitmap; objects that other shards have freed wait in a second one, the span's mailbox. Where its
// record lies is its owner's affair (SpanTable, PrivateHeap). The mailbox is that of its first
// page, in a table of its own, which holds memory only where somebody else than the owner has
// written: most spans never get mail.
//
// All but the mailbox is written only under the owner's lease; who holds an object may read without
// it where the span begins and of which class it is. Slow path. Bitmap searches are bounded by
// kWords.
#ifndef HZ3_OBJECTS_SPAN_H_
#define HZ3_OBJECTS_SPAN_H_

#include <atomic>
#include <bit>
#include <cstdint>

#include "hz3/base/words.h"
#include "hz3/objects/size_classes.h"

namespace hz3 {

// What a free of objects came to.
enum class FreeResult : uint8_t { kFreed, kDoubleFree, kNotAnObject };

// What others than its owner write about a span.
class alignas(kCacheLine) SpanMail {
 public:
  static constexpr unsigned kWords = kMaxObjects / 64;

  // Any thread: leaves the objects of `bits` in word w of the mailbox. Returns those that had been
  // there before (double frees).
  uint64_t Post(unsigned w, uint64_t bits) {
    // No mail is what is met most often. A fetch_or would read before it writes: of a page without
    // memory the kernel would map its page of zeroes first, and take that from all processors then.
    uint64_t before = 0;
    // Release: the program's last writes to the objects come before their reuse, which begins with
    // the acquire in Take. A failed attempt orders nothing.
    if (mail_[w].compare_exchange_strong(before, bits, std::memory_order_acq_rel,
                                         std::memory_order_relaxed)) {
      return 0;
    }
    return mail_[w].fetch_or(bits, std::memory_order_acq_rel);
  }
  // The owner's: takes what is in word w.
  uint64_t Take(unsigned w) {
    if (mail_[w].load(std::memory_order_relaxed) == 0) return 0;
    // Acquire pairs with Post's release.
    return mail_[w].exchange(0, std::memory_order_acq_rel);
  }
  // How many objects wait; a figure.
  unsigned Count() const;
  // For whoever keeps a span where no mail reaches it: a word of the mailbox to keep something else
  // in, which is to be 0 again before the page is anybody else's. Relaxed, or as its user orders
  // it.
  std::atomic<uint64_t>& spare_word(unsigned w) { return mail_[w]; }

 private:
  friend class HeapLayoutMaker;
  friend class WatchedBlocks;

  // Relaxed or acq_rel atomics, see Post and Take.
  std::atomic<uint64_t> mail_[kWords] = {};
  // WatchedBlocks'. Relaxed: one bit a block, which changes only while the block is its thread's.
  std::atomic<uint64_t> watched_[kWords] = {};
};

class alignas(kCacheLine) Span {
 public:
  static constexpr unsigned kWords = SpanMail::kWords;

  // Becomes an empty span of class c (all objects free) that begins at page `first`.
  void Open(SizeClass c, PageIndex first);
  // No span any more; every object is free.
  void Close() { size_class_ = SizeClass(0); }
  // No span, but a note where the run begins that it is about.
  void PointTo(PageIndex first) {
    size_class_ = SizeClass(0);
    first_page_ = first;
  }

  SizeClass size_class() const { return size_class_; }
  PageIndex first_page() const { return first_page_; }
  // Whether it is open and the page one of its own.
  bool Has(PageIndex page) const {
    return size_class_ != SizeClass(0) && page.value() - first_page_.value() < info().pages;
  }
  unsigned free_count() const { return free_count_; }
  const ClassInfo& info() const { return InfoOf(size_class_); }
  bool AllFree() const { return free_count_ == info().objects; }

  // Moves up to `want` free objects of the span that starts at `base` to out[0..]; returns how
  // many.
  unsigned Take(char* base, void** out, unsigned want);
  // Makes objects[0..n) of the span that starts at `base` free, up to the first that lies elsewhere
  // or is wrong; *result says which of the two. Returns how many became free.
  unsigned FreeRow(const char* base, void* const* objects, unsigned n, FreeResult* result);

  // This span's mail becomes free objects. False when one of them was free already; *bad is its
  // number.
  bool Collect(SpanMail& mail, unsigned* bad);

  // The number of the object at `offset`, or kMaxObjects when no object starts there.
  unsigned ObjectNumber(uint32_t offset) const {
    const ClassInfo& c = info();
    const unsigned object = ObjectAt(c, offset);
    return object < c.objects && object * c.size == offset ? object : kMaxObjects;
  }
  bool IsFree(unsigned object) const { return (free_[object / 64] >> (object % 64)) & 1; }

  // Links by the record's place in its table; central's. While a shard's span is closed, `next` is
  // the number of its segment's next free record (SpanTable).
  uint32_t next = kNoIndex;
  uint32_t previous = kNoIndex;
  uint8_t bucket = 0;

  // WatchedBlocks' (watched_blocks.h): what the page's tag would be if no block on it were watched.
  // Relaxed: ordered by the tag that says that one is.
  std::atomic<uint8_t> plain_tag{0};

 private:
  friend class HeapLayoutMaker;
  unsigned TakeAtRandom(char* base, void** out, unsigned want);

  SizeClass size_class_{0};
  uint16_t free_count_ = 0;
  PageIndex first_page_{0};
  uint64_t free_[kWords] = {};
};
static_assert(sizeof(Span) == kCacheLine && sizeof(SpanMail) == sizeof(Span),
              "all tables of records have entries of one size, a cache line");

// Neighbours in a batch mostly share a word of the bitmap.
inline unsigned Span::FreeRow(const char* base, void* const* objects, unsigned n,
                              FreeResult* result) {
  const ClassInfo& c = info();
  const size_t bytes = c.pages * kPageSize;
  *result = FreeResult::kFreed;
  unsigned w = 0;
  uint64_t word = free_[0];
  unsigned freed = 0;
  for (; freed < n; ++freed) {
    const size_t offset =
        reinterpret_cast<uintptr_t>(objects[freed]) - reinterpret_cast<uintptr_t>(base);
    if (offset >= bytes) break;
    const unsigned object = ObjectAt(c, static_cast<uint32_t>(offset));
    if (object >= c.objects || object * c.size != offset) [[unlikely]] {
      *result = FreeResult::kNotAnObject;
      break;
    }
    if (object / 64 != w) {
      free_[w] = word;
      w = object / 64;
      word = free_[w];
    }
    const uint64_t bit = uint64_t{1} << (object % 64);
    if ((word & bit) != 0) [[unlikely]] {
      *result = FreeResult::kDoubleFree;
      break;
    }
    word |= bit;
  }
  free_[w] = word;
  free_count_ = static_cast<uint16_t>(free_count_ + freed);
  return freed;
}

}  // namespace hz3

#endif  // HZ3_OBJECTS_SPAN_H_
