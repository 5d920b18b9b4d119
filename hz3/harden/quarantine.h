// Quarantine: freed small blocks of the hardened configuration wait here, poisoned, before their
// memory can be used again. Who writes to one meanwhile is found out when it leaves; which one
// leaves is random, so that nobody can tell when a block comes back.
//
// Thread-safe: cut into stripes, each under a lease of its own, which is the innermost one. Bounded
// in bytes and in entries. Slow path. It only holds pointers; the blocks are the caller's business.
#ifndef HZ3_HARDEN_QUARANTINE_H_
#define HZ3_HARDEN_QUARANTINE_H_

#include <cstddef>
#include <cstdint>

#include "hz3/base/lease.h"
#include "hz3/base/os_memory.h"
#include "hz3/base/thread_annotations.h"

namespace hz3 {

class Quarantine {
 public:
  static constexpr unsigned kStripes = 8;
  static constexpr unsigned kEntries = 2048;  // of a stripe
  // The most blocks that leave when one comes: many small ones may make room for a large one late.
  static constexpr unsigned kMaxEvicted = 16;

  // False when the OS refuses the memory; nothing is held back then.
  bool Init(OsMemory& os, size_t max_bytes);

  // Takes a block of `bytes`; those that have to leave for it go to evicted[0..kMaxEvicted), and
  // their number is returned. It may be among them.
  unsigned Hold(char* block, size_t bytes, char** evicted);
  // Takes out up to kMaxEvicted blocks; 0 when it is empty.
  unsigned Drain(char** evicted);
  // Calls check(block) for each, under the lease.
  template <typename F>
  void ForEach(F check) {
    for (Stripe& stripe : stripes_) {
      LeaseHolder hold(stripe.lease);
      for (unsigned i = 0; i < stripe.count; ++i) check(stripe.entries[i].block);
    }
  }

  size_t bytes();

  void LockForFork() HZ3_NO_ANALYSIS {
    for (Stripe& stripe : stripes_) stripe.lease.Lock();
  }
  void UnlockAfterFork() HZ3_NO_ANALYSIS {
    for (Stripe& stripe : stripes_) stripe.lease.Unlock();
  }
  void ResetAfterFork() {
    for (Stripe& stripe : stripes_) stripe.lease.ResetAfterFork();
  }

 private:
  struct Entry {
    char* block;
    size_t bytes;
  };
  struct alignas(128) Stripe {
    Lease lease;
    unsigned count = 0;
    size_t bytes = 0;
    Entry* entries = nullptr;
  };

  static unsigned StripeOfThread();
  static char* TakeOut(Stripe& stripe, unsigned i);

  Stripe stripes_[kStripes];
  size_t stripe_bytes_ = 0;
};

}  // namespace hz3

#endif  // HZ3_HARDEN_QUARANTINE_H_
