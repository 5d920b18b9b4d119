// Pressure: the ladder that an allocation climbs when neither its bins nor its shard nor the arena
// could serve it. It owns the order of the rungs; what a rung does is the caller's (Climber).
//
//   1  own bins and stash into bitmaps, own shard's mail; try again
//   2  through the gate: one leader at a time; whoever waited tries the shards again
//   3  each shard in turn: collect, try to carve there (the run stays that shard's)
//   4  broadcast: threads that run are asked to empty their bins; those that sleep are robbed; each
//      shard in turn again; bounded wait for the answers; each shard in turn again
//   5  retained segments and dirty free pages are given up; each shard in turn again
//   6  fail, and remember: while memory is scarce and until something is released, the same
//      failure costs O(1)
//
// Event path. Thread-safe. The gate is the outermost lease.
#ifndef HZ3_POLICY_PRESSURE_H_
#define HZ3_POLICY_PRESSURE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hz3/base/counter.h"
#include "hz3/base/lease.h"
#include "hz3/base/words.h"
#include "hz3/objects/size_classes.h"
#include "hz3/shard/shard_table.h"
#include "hz3/thread/registry.h"

namespace hz3 {

// What is asked for: an object of a class, or n pages, or more than a segment.
struct Request {
  SizeClass size_class{0};  // 0: pages are asked for
  size_t pages = 0;         // of the run; for a small class those of its span
  unsigned align = 1;       // in pages
};

// An allocation on the ladder.
class Climber {
 public:
  // Empties the thread's own bins and stash into the bitmaps.
  virtual void FlushOwn() = 0;
  // Takes this shard's lease, collects everything there, and tries to be served. True: served.
  virtual bool TryShard(unsigned shard) = 0;

 protected:
  ~Climber() = default;
};

class Pressure {
 public:
  struct Counters {
    // Relaxed: figures.
    std::atomic<uint64_t> climbs{0}, rescues{0}, failures{0}, broadcasts{0}, remembered{0};
    std::atomic<uint64_t> ns{0};  // that climbs took, all threads together
  };

  void Init(const ShardTable& shards, Registry& registry) {
    shards_ = &shards;
    registry_ = &registry;
  }

  // Climbs until `climber` is served (true) or the ladder ends (false). `self` is the caller's
  // cache or nullptr.
  bool Climb(const Request& request, unsigned own_shard, Tcache* self, Climber& climber);

  // Whether the same has just failed and nothing was released since, in O(1). `flush_own` empties
  // the caller's own bins, which are nowhere counted: what it finds there is a release.
  template <typename FlushOwn>
  bool FailsAgain(const Request& request, FlushOwn flush_own) {
    if (!FailedBefore(request)) return false;
    ForgetOldRefusal();
    flush_own();
    if (!FailedBefore(request)) return false;
    NoteRemembered();
    return true;
  }

  // For the slow path, once in a while: makes memory count as scarce while the arena is tight, and
  // lets threads cache again some time after it was, or after the last failure. `self` as in Climb.
  void Watch(uint64_t now_ms, Tcache* self) {
    Arena& arena = shards_->arena();
    if (arena.free_slots() == 0 || registry_->scarce() ||
        arena.meter().committed() >= arena.meter().limit() / 2) {
      WatchSlow(now_ms, self);
    }
  }

  const Counters& counters() const { return counters_; }

  void LockForFork() HZ3_NO_ANALYSIS { gate_.Lock(); }
  void UnlockAfterFork() HZ3_NO_ANALYSIS { gate_.Unlock(); }
  void ResetAfterFork() { gate_.ResetAfterFork(); }

 private:
  friend class HeapLayoutMaker;
  // Rung 5 gives pages back for one request at most so often.
  static constexpr unsigned kMaxPurges = 16;
  // Memory counts as scarce until this long after the last climb past rung 3, in milliseconds.
  static constexpr uint64_t kScarceMs = 50;
  // A failure that was the system's refusal is forgotten after so many milliseconds: no release
  // tells when the system has memory again.
  static constexpr uint64_t kRefusalMs = 10;

  bool MakeRoomUnderLimit(const Request& request);
  void WatchSlow(uint64_t now_ms, Tcache* self);
  bool IsTight() const;
  void BecomeScarce(Tcache* self) HZ3_REQUIRES(gate_);
  bool Sweep(unsigned first, Climber& climber);
  bool FailedBefore(const Request& request) const;
  void NoteRemembered();
  void ForgetOldRefusal();
  bool FailedAt(const Request& request, uint64_t releases) const;
  void Remember(const Request& request, uint64_t releases);
  bool Lead(const Request& request, unsigned own_shard, Tcache* self, Climber& climber)
      HZ3_REQUIRES(gate_);

  const ShardTable* shards_ = nullptr;
  Registry* registry_ = nullptr;
  Lease gate_;
  // What failed, each with the count of releases at that time (plus one, so that 0 says nothing).
  // Relaxed: one word each; a stale one only costs a climb.
  std::atomic<uint64_t> failed_class_[kTags] = {};
  std::atomic<uint64_t> failed_run_{0};  // mark << 24 | least pages that failed
  std::atomic<uint64_t> last_scarce_ms_{0};
  // When to forget what failed because the system refused memory; 0 when it did not. Relaxed: a
  // thread that reads an old value forgets a little later.
  std::atomic<uint64_t> refused_until_ms_{0};
  // What leaders have done since memory became scarce: the broadcast of that time, whether the
  // sleepers have been robbed, whether the others have been waited for.
  uint32_t asked_epoch_ HZ3_GUARDED_BY(gate_) = 0;
  bool robbed_ HZ3_GUARDED_BY(gate_) = false;
  bool awaited_ HZ3_GUARDED_BY(gate_) = false;
  Counters counters_;
};

}  // namespace hz3

#endif  // HZ3_POLICY_PRESSURE_H_
