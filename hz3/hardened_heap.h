// HardenedHeap: what the front doors call in the hardened configuration. It puts each block into a
// plain one of the heap, small ones with a header and slack around them (harden/checked_block),
// large ones between guard pages (harden/guarded_blocks), and checks every free against that. Freed
// blocks wait in a quarantine before the heap gets them back. Whatever is wrong is reported, and
// the process aborts.
//
// Any thread at any time, like the heap. Fresh memory reads as zeroes, and the usable size of a
// block is what was asked for.
#ifndef HZ3_HARDENED_HEAP_H_
#define HZ3_HARDENED_HEAP_H_

#include <cstddef>

#include "hz3/base/words.h"
#include "hz3/harden/checked_block.h"
#include "hz3/harden/guarded_blocks.h"
#include "hz3/heap.h"

namespace hz3 {

class HardenedHeap {
 public:
  // nullptr with errno = ENOMEM on failure. `align` is a power of two.
  void* Allocate(size_t bytes, BlockKind kind, size_t align = kMinAlign);
  void Free(void* p, BlockKind kind) { FreeChecked(p, {kind, kAnySize}); }
  void FreeSized(void* p, BlockKind kind, size_t bytes) { FreeChecked(p, {kind, bytes}); }
  size_t UsableSize(const void* p);
  // realloc of a block to more than 0 bytes.
  void* Resize(void* p, size_t bytes);
  // Looks through the quarantine for blocks that were written to.
  void CheckAtExit();

 private:
  static constexpr size_t kAnySize = ~size_t{0};
  // What the caller of a free claims about the block.
  struct Claim {
    BlockKind kind;
    size_t size;
  };

  static bool IsSmall(size_t bytes, size_t align);
  void* AllocateSmall(size_t bytes, BlockKind kind, size_t align);
  void* AllocateLarge(size_t bytes, BlockKind kind, size_t align);
  void* CreateChecked(void* plain, size_t bytes, BlockKind kind, size_t align);
  void FreeChecked(void* p, const Claim& claim);
  void FreeSmall(char* p, const Claim& claim);
  void FreeLarge(const GuardedBlock& block, const Claim& claim);
  CheckedInfo LiveInfo(const void* p);
  static bool FindGuarded(const void* p, GuardedBlock* block);
  static void CheckClaim(const void* p, const Claim& claim, BlockKind kind, size_t size);
  void CheckAddress(const void* p);
  void CheckPoison(const char* user);
  void Evict(char* user);
  bool EmptyQuarantines();
};

extern constinit HardenedHeap hardened_heap HZ3_HIDDEN;

}  // namespace hz3

#endif  // HZ3_HARDENED_HEAP_H_
