// Ledger: what is live in a fill workload, to the byte, and what was live when an allocation first
// failed. Every block that a workload holds goes through the Account of the thread that allocates
// or frees it; a block that waits in a ring is live.
//
// A block counts from after its malloc until before its free, so that the sum never exceeds what
// the allocator holds. What was live at the first failure is the greatest sum that was seen during
// the call that failed: threads add up now and then while there is no target, and the one that met
// the failure does after it has told the others to stop. (A call that failed rightly found memory
// exhausted at some instant; when its thread gets to add up, others may have emptied their rings.)
// The sum at rest, when all threads have stopped, is kept beside it.
#ifndef BENCH_WORKLOADS_LEDGER_H_
#define BENCH_WORKLOADS_LEDGER_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>

#include "bench/lib/block.h"
#include "bench/lib/live_meter.h"
#include "bench/lib/spsc_ring.h"
#include "bench/workloads/rounding.h"

namespace hz3::bench {

enum class OnFailure {
  kStop,   // the first failure ends the phase
  kCount,  // the workload goes on
};

struct FirstFailure {
  int64_t live = -1;  // rounded bytes; -1: nothing failed
  uint64_t size = 0;
  uint64_t thread = 0;
};

class Ledger;

// The books of one thread. Only that thread allocates and frees through it; the sums are for when
// it is at rest.
class alignas(kNoSharing) Account {
 public:
  Account(Ledger* ledger, size_t index) : ledger_(*ledger), index_(index) {}

  // A block without pointer when malloc failed; the ledger knows by then.
  Block Allocate(uint64_t size);

  void Free(Block block) {
    Uncharge(block.size);
    std::free(block.pointer);
  }

  // For blocks that come from or go to other functions than malloc and free.
  void Charge(uint64_t size);
  void Uncharge(uint64_t size);
  void NoteFailure(uint64_t size, LiveMeter::Clock::time_point begin = LiveMeter::Clock::now());

  uint64_t allocs() const { return allocs_; }
  uint64_t frees() const { return frees_; }
  uint64_t failures() const { return failures_; }
  int64_t requested() const { return requested_; }
  int64_t strict() const { return strict_; }

 private:
  // Allocations from one look at what is live to the next.
  static constexpr uint64_t kLookEvery = 32;

  Ledger& ledger_;
  const size_t index_;
  int64_t rounded_ = 0;
  int64_t requested_ = 0;
  int64_t strict_ = 0;
  uint64_t allocs_ = 0;
  uint64_t frees_ = 0;
  uint64_t failures_ = 0;
};

// Thread-safe where it does not say otherwise.
class Ledger {
 public:
  struct Limits {
    OnFailure on_failure = OnFailure::kStop;
    int64_t live_target = 0;  // 0: none; a workload may set another for a phase
    Writes writes = Writes::kNothing;
    void (*at_first_failure)() = nullptr;  // called once, by the thread that failed
  };

  Ledger(size_t threads, const Limits& limits)
      : limits_(limits), live_target_(limits.live_target), meter_(threads) {
    for (size_t i = 0; i < threads; ++i) accounts_.emplace_back(this, i);
  }

  Account& account(size_t thread) { return accounts_[thread]; }
  size_t threads() const { return accounts_.size(); }
  const Limits& limits() const { return limits_; }
  LiveMeter& meter() { return meter_; }

  // Threads look before each operation. Relaxed: it orders nothing, it only ends loops.
  bool stopped() const { return stopped_.load(std::memory_order_relaxed); }
  bool reached() const { return reached_.load(std::memory_order_relaxed); }

  // Whether live bytes are below the target, if there is one; sets reached() when they are not.
  bool BelowTarget() {
    if (live_target_ == 0 || meter_.Sample() < live_target_) return true;
    reached_.store(true, std::memory_order_relaxed);
    return false;
  }

  // The first caller files what was live since `begin` and stops the others; where failures are
  // only counted, it ends their growth.
  void NoteFailure(size_t thread, uint64_t size, LiveMeter::Clock::time_point begin) {
    // Relaxed: the exchange picks one thread. What that one files is read after the phase, ordered
    // by the crew's barrier.
    if (failed_.exchange(true, std::memory_order_relaxed)) return;
    const bool stop = limits_.on_failure == OnFailure::kStop;
    (stop ? stopped_ : reached_).store(true, std::memory_order_relaxed);
    first_failure_ = {std::max(meter_.Sum(), meter_.GreatestSince(begin)), size, thread};
    if (limits_.at_first_failure != nullptr) limits_.at_first_failure();
  }

  // The rest is for when all threads are at rest.
  const FirstFailure& first_failure() const { return first_failure_; }

  void set_live_target(int64_t bytes) { live_target_ = bytes; }

  // Before the next phase: forgets that a target was reached, and a failure that was meant.
  void Resume() {
    first_failure_ = {};
    failed_.store(false);
    stopped_.store(false);
    reached_.store(false);
  }

  template <typename T>
  T Total(T (Account::*get)() const) const {
    T sum = 0;
    for (const Account& account : accounts_) sum += (account.*get)();
    return sum;
  }

 private:
  const Limits limits_;
  int64_t live_target_;
  LiveMeter meter_;
  std::deque<Account> accounts_;  // they neither move nor copy
  alignas(kNoSharing) std::atomic<bool> stopped_{false};
  std::atomic<bool> reached_{false};
  std::atomic<bool> failed_{false};
  FirstFailure first_failure_;

  friend class Account;
};

inline Block Account::Allocate(uint64_t size) {
  const bool grows = ledger_.live_target_ == 0;
  const auto begin = grows ? LiveMeter::Clock::now() : LiveMeter::Clock::time_point::max();
  const Block block = {std::malloc(size), size};
  if (block.pointer == nullptr) {
    NoteFailure(size, begin);
    return block;
  }
  Charge(size);
  if (grows && allocs_ % kLookEvery == 0) ledger_.meter_.Sample();
  WriteBlock(block, ledger_.limits_.writes);
  return block;
}

inline void Account::Charge(uint64_t size) {
  ++allocs_;
  rounded_ += static_cast<int64_t>(RoundedSize(size));
  requested_ += static_cast<int64_t>(size);
  strict_ += static_cast<int64_t>(StrictSize(size));
  ledger_.meter_.Publish(index_, rounded_);
}

inline void Account::Uncharge(uint64_t size) {
  ++frees_;
  rounded_ -= static_cast<int64_t>(RoundedSize(size));
  requested_ -= static_cast<int64_t>(size);
  strict_ -= static_cast<int64_t>(StrictSize(size));
  ledger_.meter_.Publish(index_, rounded_);
}

inline void Account::NoteFailure(uint64_t size, LiveMeter::Clock::time_point begin) {
  ++failures_;
  ledger_.NoteFailure(index_, size, begin);
}

}  // namespace hz3::bench

#endif  // BENCH_WORKLOADS_LEDGER_H_
