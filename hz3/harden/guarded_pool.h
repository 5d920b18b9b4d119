// GuardedPool: an allocation now and then gets a page of its own between pages that cannot be
// touched, and keeps it inaccessible for a while after its free. So an overflow, an underflow or a
// use after free of a sampled block stops the program at that instruction, and the report says
// where the block was allocated and freed. Cheap enough for every program: who samples decides how
// often (Heap), and a full pool gives nothing.
//
//   guard | slot | guard | slot | ... | guard
//
// A block lies at the right or at the left end of its slot, at random. A freed slot is used again
// only after all others that were free before it.
//
// Thread-safe under a lease of its own, the innermost one; slow path. Reports are made on the way
// to the end of the process. The handler of SIGSEGV takes no lease: it reads records that only a
// free or an allocation of the same slot would change, and at worst prints an old one.
#ifndef HZ3_HARDEN_GUARDED_POOL_H_
#define HZ3_HARDEN_GUARDED_POOL_H_

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hz3/base/lease.h"
#include "hz3/base/os_memory.h"
#include "hz3/base/thread_annotations.h"
#include "hz3/base/words.h"
#include "hz3/harden/stack_trace.h"

namespace hz3 {

class GuardedPool {
 public:
  static constexpr unsigned kSlots = 64;
  static constexpr size_t kMaxSize = kPageSize;

  // Reserves the pool; false when the OS refuses. Once, by any thread. Nothing is given out before.
  bool Init(OsMemory& os);
  bool ready() const { return base_.load(std::memory_order_acquire) != 0; }

  // A block of zeroes for `bytes` (1..kMaxSize), aligned to kMinAlign; nullptr when no slot is
  // free.
  void* Allocate(size_t bytes);
  // Whether `p`, any pointer at all, lies in the pool or its guard pages.
  bool Contains(const void* p) const {
    const uintptr_t base = base_.load(std::memory_order_acquire);
    return base != 0 && reinterpret_cast<uintptr_t>(p) - base < kBytes;
  }
  // `p` lies in the pool. What is no live block, or was written around, is reported.
  void Free(void* p);
  // Bytes of the live block at `p`, which lies in the pool; anything else is reported.
  size_t UsableSize(const void* p);

  // Writes on stderr what is known about an access at `address`, which lies in the pool.
  void ReportFault(const void* address);

  void LockForFork() HZ3_NO_ANALYSIS { lease_.Lock(); }
  void UnlockAfterFork() HZ3_NO_ANALYSIS { lease_.Unlock(); }
  void ResetAfterFork() { lease_.ResetAfterFork(); }

 private:
  static constexpr size_t kBytes = (2 * kSlots + 1) * kPageSize;

  enum class State : uint8_t { kUnused, kLive, kFreed };
  struct Event {
    pid_t thread;
    StackTrace stack;
  };
  struct Slot {
    State state;
    char* block;
    size_t size;
    uint64_t freed_at;  // a count of frees; 0: never
    Event allocated, freed;
  };

  char* PageOf(unsigned slot) const {
    return reinterpret_cast<char*>(base_.load(std::memory_order_relaxed)) +
           (2 * size_t{slot} + 1) * kPageSize;
  }
  unsigned NearestSlot(const void* p) const;
  unsigned OldestFree() const HZ3_REQUIRES(lease_);
  Slot& LiveSlot(const void* p) HZ3_REQUIRES(lease_);
  void CheckSurroundings(const Slot& slot, unsigned number) HZ3_REQUIRES(lease_);
  [[noreturn]] void Report(const char* what, const void* address);
  void Describe(const char* what, const void* address);

  OsMemory* os_ = nullptr;
  // Release/acquire: who sees the address sees the records.
  std::atomic<uintptr_t> base_{0};
  Slot* slots_ = nullptr;
  Lease lease_;
  uint64_t frees_ HZ3_GUARDED_BY(lease_) = 0;
};

}  // namespace hz3

#endif  // HZ3_HARDEN_GUARDED_POOL_H_
