// GuardedBlocks: how large blocks look in the hardened configuration. Each takes a plain block of
// whole pages and lies between pages that cannot be touched, as near to the end as its alignment
// lets it:
//
//   plain | guard | front slack | what the program asked for | slack | guard |
//
// The slack is filled with a pattern. A freed block's memory is given back, and all of its pages
// stay inaccessible while it waits in the quarantine, whose oldest block leaves when one comes.
// What is known of a block lies in a table of its own, not beside it.
//
// Where the kernel refuses a guard (vm.max_map_count), a block goes without and is counted.
//
// Thread-safe under its own lease, which is the innermost one; slow path. A look-up is a short walk
// along one chain of the table.
#ifndef HZ3_HARDEN_GUARDED_BLOCKS_H_
#define HZ3_HARDEN_GUARDED_BLOCKS_H_

#include <cstddef>
#include <cstdint>

#include "hz3/base/lease.h"
#include "hz3/base/os_memory.h"
#include "hz3/base/thread_annotations.h"
#include "hz3/base/words.h"
#include "hz3/harden/checked_block.h"

namespace hz3 {

struct GuardedBlock {
  char* user = nullptr;
  char* plain = nullptr;
  size_t plain_bytes = 0;
  size_t size = 0;
  size_t lead = 0;  // bytes of `plain` before the first page of the block
  BlockKind kind = BlockKind::kMalloc;
  bool freed = false;

  char* data() const { return plain + lead; }
  char* data_end() const { return plain + plain_bytes - kPageSize; }
};

class GuardedBlocks {
 public:
  static constexpr unsigned kMaxBlocks = 1u << 15;
  // The quarantine's bounds. Its blocks hold no memory, but they count as committed.
  static constexpr unsigned kMaxHeld = 256;
  static constexpr size_t kMaxHeldBytes = size_t{64} << 20;

  // False when the OS refuses the memory: then Create makes nothing.
  bool Init(OsMemory& os);

  // Bytes of a plain block, aligned to Lead(align), for `bytes` at a multiple of `align`.
  static constexpr size_t PlainBytes(size_t bytes, size_t align) {
    return Lead(align) + RoundUp(bytes, kPageSize) + kPageSize;
  }
  static constexpr size_t Lead(size_t align) { return align > kPageSize ? align : kPageSize; }

  // Makes the plain block at `plain`, which reads as zero, a live block. nullptr when the table is
  // full: `plain` stays as it is.
  char* Create(char* plain, size_t bytes, size_t align, BlockKind kind);
  // What is known of the block at `user`, any pointer at all. False: there is none.
  bool Find(const void* user, GuardedBlock* block);
  // The live block at `user` becomes a freed one. False when it was freed before, or is none.
  bool MarkFreed(const void* user, GuardedBlock* block);

  static bool SlackIsWhole(const GuardedBlock& block);
  static bool FrontIsWhole(const GuardedBlock& block);

  // The freed block goes into the quarantine. True when another had to leave for it: its plain
  // block is `*plain`, accessible again, and no block of this box any more.
  bool Hold(const GuardedBlock& block, char** plain);
  // The oldest block leaves; false when there is none.
  bool Release(char** plain);
  // The block that `address` lies in, guard pages and quarantine included: a walk over all of
  // them, without the lease, for a report on the way to the end of the process.
  bool Explain(const void* address, GuardedBlock* block) const HZ3_NO_ANALYSIS;

  // Blocks that had to do without a guard.
  size_t unguarded();

  void LockForFork() HZ3_NO_ANALYSIS { lease_.Lock(); }
  void UnlockAfterFork() HZ3_NO_ANALYSIS { lease_.Unlock(); }
  void ResetAfterFork() { lease_.ResetAfterFork(); }

 private:
  static constexpr unsigned kChains = 1u << 13;
  static constexpr uint32_t kNone = 0;  // entries count from 1

  struct Entry {
    GuardedBlock block;
    uint32_t next;
  };

  static unsigned ChainOf(const void* user);
  Entry* Lookup(const void* user) HZ3_REQUIRES(lease_);
  uint32_t TakeEntry() HZ3_REQUIRES(lease_);
  bool Insert(const GuardedBlock& block) HZ3_REQUIRES(lease_);
  void Remove(const void* user) HZ3_REQUIRES(lease_);
  bool ReleaseOldest(char** plain) HZ3_REQUIRES(lease_);
  void Guard(char* start, size_t bytes) HZ3_REQUIRES(lease_);

  OsMemory* os_ = nullptr;
  Lease lease_;
  // Entries and chains are zero at first.
  Entry* entries_ = nullptr;
  uint32_t* chains_ = nullptr;
  uint32_t used_entries_ HZ3_GUARDED_BY(lease_) = 0;
  uint32_t free_entry_ HZ3_GUARDED_BY(lease_) = kNone;
  // A ring, oldest first.
  char* held_[kMaxHeld] HZ3_GUARDED_BY(lease_) = {};
  unsigned first_held_ HZ3_GUARDED_BY(lease_) = 0;
  unsigned held_count_ HZ3_GUARDED_BY(lease_) = 0;
  size_t held_bytes_ HZ3_GUARDED_BY(lease_) = 0;
  size_t unguarded_ HZ3_GUARDED_BY(lease_) = 0;
};

}  // namespace hz3

#endif  // HZ3_HARDEN_GUARDED_BLOCKS_H_
