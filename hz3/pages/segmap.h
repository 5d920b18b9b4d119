// Segmap: one byte for each page of the arena that says what the page is: 0 for no live page, else
// the size class (a Tag). It is what `free` looks at.
//
// Read on the hot path by any thread; written by the holder of the owning shard's lease (or by the
// owner of the slots, for blocks of whole slots), on the slow path. A valid pointer's tag was
// written before malloc returned it, and the program hands the pointer from thread to thread with
// synchronisation of its own, so relaxed accesses suffice; an invalid pointer may read any tag and
// is caught when it reaches a bitmap.
#ifndef HZ3_PAGES_SEGMAP_H_
#define HZ3_PAGES_SEGMAP_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hz3/base/words.h"

namespace hz3 {

using Tag = uint8_t;

class Segmap {
 public:
  // One byte a page, hence:
  static constexpr size_t BytesFor(size_t pages) { return pages; }

  // `tags` are BytesFor(pages) zero bytes, readable throughout.
  void Init(void* base, size_t pages, void* tags) {
    base_ = reinterpret_cast<uintptr_t>(base);
    pages_ = pages;
    tags_ = static_cast<std::atomic<Tag>*>(tags);
  }

  // The number of the page of any pointer at all; pages() or more for one outside the arena.
  size_t NumberOf(const void* p) const {
    return (reinterpret_cast<uintptr_t>(p) - base_) >> kPageShift;
  }
  bool Contains(const void* p) const { return NumberOf(p) < pages_; }
  // `number` is below pages().
  Tag TagAt(size_t number) const { return tags_[number].load(std::memory_order_relaxed); }
  // The tag of the page of any pointer at all; 0 for one outside the arena.
  Tag Lookup(const void* p) const { return Contains(p) ? TagAt(NumberOf(p)) : Tag{0}; }

  // `p` lies in the arena.
  PageIndex PageOf(const void* p) const {
    return PageIndex(static_cast<uint32_t>(NumberOf(p)));
  }
  char* AddressOf(PageIndex page) const {
    return reinterpret_cast<char*>(base_ + (uintptr_t{page.value()} << kPageShift));
  }
  Tag Get(PageIndex page) const { return tags_[page.value()].load(std::memory_order_relaxed); }
  void Set(PageIndex page, Tag tag) { tags_[page.value()].store(tag, std::memory_order_relaxed); }
  void SetRange(PageIndex first, unsigned n, Tag tag) {
    for (unsigned i = 0; i < n; ++i) Set(PageIndex(first.value() + i), tag);
  }

  void* base() const { return reinterpret_cast<void*>(base_); }
  size_t pages() const { return pages_; }
  const std::atomic<Tag>* tags() const { return tags_; }

 private:
  uintptr_t base_ = 0;
  size_t pages_ = 0;
  std::atomic<Tag>* tags_ = nullptr;  // relaxed, see above the class
};

}  // namespace hz3

#endif  // HZ3_PAGES_SEGMAP_H_
