// Lease: a small lock that sleeps in the kernel when it is contended. The lock of a shard, and of
// the few other things that need one (arena, registry, stash). It holds one word; a zeroed Lease
// is free, so it needs no constructor to run.
//
// Slow and event paths only. Order in which leases nest (outer first): pressure gate, registry,
// purge or commit, one shard, arena, metadata pool, stash; innermost, and never inside each other,
// those of fresh slots, quarantine, guarded blocks and pool, and of the callback. The heap's first
// use takes its lease before any other. Never held across a call that can block for long.
#ifndef HZ3_BASE_LEASE_H_
#define HZ3_BASE_LEASE_H_

#include <atomic>
#include <cstdint>

#include "hz3/base/thread_annotations.h"

namespace hz3 {

class HZ3_CAPABILITY("lease") Lease {
 public:
  constexpr Lease() = default;
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  void Lock() HZ3_ACQUIRE() {
    if (!TryWord()) LockSlow();
  }
  bool TryLock() HZ3_TRY_ACQUIRE(true) { return TryWord(); }
  void Unlock() HZ3_RELEASE() {
    // Release: what was done under the lease is visible to the next holder's acquire.
    if (state_.exchange(kFree, std::memory_order_release) == kContended) WakeOne();
  }

  // In the child of a fork only, where no other thread exists: forgets holder and sleepers.
  void ResetAfterFork() { state_.store(kFree, std::memory_order_relaxed); }

 private:
  static constexpr uint32_t kFree = 0;
  static constexpr uint32_t kHeld = 1;
  static constexpr uint32_t kContended = 2;  // held, and somebody may sleep on it

  bool TryWord() {
    uint32_t expected = kFree;
    // Acquire pairs with the release in Unlock; a failed attempt orders nothing.
    return state_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire,
                                          std::memory_order_relaxed);
  }
  void LockSlow();
  void WakeOne();

  // Acquired by who takes the lease, released by who gives it up: all that it guards is in order.
  std::atomic<uint32_t> state_{kFree};
};

// Holds a lease for a scope.
class HZ3_SCOPED_CAPABILITY LeaseHolder {
 public:
  explicit LeaseHolder(Lease& lease) HZ3_ACQUIRE(lease) : lease_(lease) { lease_.Lock(); }
  ~LeaseHolder() HZ3_RELEASE() { lease_.Unlock(); }
  LeaseHolder(const LeaseHolder&) = delete;
  LeaseHolder& operator=(const LeaseHolder&) = delete;

 private:
  Lease& lease_;
};

// Waits until *word != seen, a wake-up, a signal or the time is over (at most timeout_us
// microseconds). errno is kept.
void FutexWait(std::atomic<uint32_t>* word, uint32_t seen, uint32_t timeout_us);
// Wakes at most `count` waiters on `word`. errno is kept.
void FutexWake(std::atomic<uint32_t>* word, int count);

}  // namespace hz3

#endif  // HZ3_BASE_LEASE_H_
