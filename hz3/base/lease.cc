#include "hz3/base/lease.h"

#include <cerrno>
#include <climits>
#include <ctime>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hz3/base/platform.h"

namespace hz3 {
namespace {

// Leases are held for well under a microsecond; a holder that runs on another core is gone after
// a few dozen pauses. Longer spinning only steals time from a holder that was preempted.
constexpr int kSpins = 40;

}  // namespace

void FutexWait(std::atomic<uint32_t>* word, uint32_t seen, uint32_t timeout_us) {
  const int saved = errno;
  timespec timeout{static_cast<time_t>(timeout_us / 1000000),
                   static_cast<long>(timeout_us % 1000000) * 1000};
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, &timeout, nullptr, 0);
  errno = saved;
}

void FutexWake(std::atomic<uint32_t>* word, int count) {
  const int saved = errno;
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
  errno = saved;
}

void Lease::LockSlow() {
  for (int i = 0; i < kSpins; ++i) {
    CpuRelax();
    if (state_.load(std::memory_order_relaxed) == kFree && TryWord()) return;
  }
  const int saved = errno;
  // The three-state mutex of Drepper, "Futexes Are Tricky": whoever has slept takes the lock as
  // contended, because others may still sleep. Acquire pairs with Unlock's release.
  while (state_.exchange(kContended, std::memory_order_acquire) != kFree) {
    syscall(SYS_futex, &state_, FUTEX_WAIT_PRIVATE, kContended, nullptr, nullptr, 0);
  }
  errno = saved;
}

void Lease::WakeOne() { FutexWake(&state_, 1); }

}  // namespace hz3
