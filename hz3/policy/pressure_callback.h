// PressureCallback: the program's own function that is asked for memory before an allocation fails,
// so that it can drop caches of its own. It runs on the thread whose allocation fails, under no
// lease, and may allocate, free and set limits; an allocation that fails inside it just fails.
// Several threads may be in it at once.
//
// A failure that repeats stays cheap: after an answer of "nothing", or of "something" by which
// nothing was released, it is not asked again until something is released anywhere.
//
// Thread-safe. Event path. Its lease guards the function and its argument as a pair; it is not held
// while the function runs.
#ifndef HZ3_POLICY_PRESSURE_CALLBACK_H_
#define HZ3_POLICY_PRESSURE_CALLBACK_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hz3/base/lease.h"
#include "hz3/base/thread_annotations.h"
#include "hz3/shard/shard_table.h"

namespace hz3 {

class PressureCallback {
 public:
  // Is told what the failing request asks for; says non-zero when it has given something back.
  using Function = int (*)(size_t bytes, void* arg);

  void Init(const ShardTable& shards) { shards_ = &shards; }
  // nullptr: there is none. Another thread may still be in the function that was set before.
  void Set(Function function, void* arg);

  // Asks the function, if there is one to be asked, and calls `retry` (void*()) if it helped; again
  // while it gives something back that others take first, kMaxAsks times. Returns what `retry`
  // returned, or nullptr.
  template <typename Retry>
  void* AskAndRetry(size_t bytes, Retry retry) {
    // Relaxed: only whether to look.
    if (!is_set_.load(std::memory_order_relaxed)) return nullptr;
    for (unsigned ask = 0; ask < kMaxAsks; ++ask) {
      const uint64_t before = shards_->Releases();
      if (!Ask(bytes, before)) return nullptr;
      void* p = retry();
      if (p != nullptr) return p;
      if (shards_->Releases() == before) {
        RememberVain(before);
        return nullptr;
      }
    }
    return nullptr;
  }

  // How often the function was called.
  uint64_t calls() const { return calls_.load(std::memory_order_relaxed); }

  void LockForFork() HZ3_NO_ANALYSIS { lease_.Lock(); }
  void UnlockAfterFork() HZ3_NO_ANALYSIS { lease_.Unlock(); }
  void ResetAfterFork() { lease_.ResetAfterFork(); }

 private:
  static constexpr unsigned kMaxAsks = 8;

  bool Ask(size_t bytes, uint64_t releases);
  void RememberVain(uint64_t releases) { vain_.store(releases + 1, std::memory_order_relaxed); }

  const ShardTable* shards_ = nullptr;
  Lease lease_;
  Function function_ HZ3_GUARDED_BY(lease_) = nullptr;
  void* arg_ HZ3_GUARDED_BY(lease_) = nullptr;
  std::atomic<bool> is_set_{false};  // relaxed: only whether to look
  // Releases (plus one, so that 0 says nothing) when asking was in vain. Relaxed: one word, and a
  // stale one costs a call too many or a call that comes with the next release.
  std::atomic<uint64_t> vain_{0};
  std::atomic<uint64_t> calls_{0};
};

}  // namespace hz3

#endif  // HZ3_POLICY_PRESSURE_CALLBACK_H_
