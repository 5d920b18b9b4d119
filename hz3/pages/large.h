// Large: blocks that take whole slots of the arena (more than 2 MiB). Smaller blocks of many pages
// are runs in segments, which is the shards' business.
//
// Thread-safe: a live block belongs to its one caller, slots are taken and returned under the
// arena's lease. Slow path. Failure is nullptr (no slots, the OS refuses, or the commit limit).
#ifndef HZ3_PAGES_LARGE_H_
#define HZ3_PAGES_LARGE_H_

#include <cstddef>

#include "hz3/base/words.h"
#include "hz3/pages/arena.h"

namespace hz3 {

class Large {
 public:
  // `tag` is what segmap shows for the first page of a block.
  Large(Arena& arena, Tag tag) : arena_(arena), tag_(tag) {}

  // A block of `bytes` at a multiple of `align` (a power of two). With `zero` its bytes read as 0.
  void* Allocate(size_t bytes, size_t align, bool zero);
  // `page` is the first page of a live block.
  void Free(PageIndex page);
  // Bytes that the block at `page` may use.
  size_t UsableSize(PageIndex page) const;
  // Makes the block at `page` hold `bytes` and returns where it is now: in place when it can
  // shrink or the slots behind it are free, else its pages move by page tables, not by copying.
  // nullptr, with the block as it was, when neither is possible.
  void* Resize(PageIndex page, size_t bytes);

 private:
  void* Allocate(size_t bytes, size_t align, bool zero, size_t populate_from);
  bool ResizeInPlace(SlotIndex head, size_t bytes);
  void* MoveTo(SlotIndex head, size_t bytes);
  // *clean: how many of them hold no memory yet. Those from `populate_from` on may get it now.
  bool ClaimPages(SlotIndex head, size_t from_page, size_t to_page, size_t populate_from,
                  size_t* clean);
  bool WillBeWritten(SlotIndex head, size_t from_page, size_t to_page);
  void Zero(void* block, size_t pages);
  void FreePages(SlotIndex head, size_t from_page, size_t to_page);
  void MarkSlots(SlotIndex head, uint32_t n);
  void ReturnSlots(SlotIndex head, uint32_t n);

  Arena& arena_;
  const Tag tag_;
};

}  // namespace hz3

#endif  // HZ3_PAGES_LARGE_H_
