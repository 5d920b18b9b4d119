// MemBudget: how much memory the process may commit, and how free dirty pages go back to the
// system. Limits are in bytes and are kept in whole pages; CommitMeter counts against them,
// exactly: the pages of the arena that were handed out or are free but dirty. Metadata is not in
// it.
//
// The soft limit is an alarm of the meter. Whoever crosses it comes here before he hands his pages
// out, and gives back free dirty pages of all shards and slots until kSoftPart of the limit is free
// again; where there is not that much, the next look comes after as much more growth, so that a
// program whose live memory is above the limit pays for a look now and then and no more. While
// above it, the bins of all threads are kept small, and every tick gives back what nobody needed.
//
// Thread-safe. Slow path (MaybeDecay, which returns at once unless a tick is due; Relieve, only
// after an alarm) and event paths. Of the leases only the purge lease is held across the system
// calls: pages are claimed, purged, and given back.
#ifndef HZ3_POLICY_MEM_BUDGET_H_
#define HZ3_POLICY_MEM_BUDGET_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hz3/config/config.h"
#include "hz3/policy/pressure_callback.h"
#include "hz3/shard/shard_table.h"
#include "hz3/thread/tcache_control.h"

namespace hz3 {

class MemBudget {
 public:
  static constexpr size_t kNoLimit = SIZE_MAX;
  static constexpr size_t kNoDecay = SIZE_MAX;
  // Decay is looked at this often, in milliseconds.
  static constexpr uint64_t kTickMs = 100;
  // A shard whose own threads have missed so many ticks is looked after by others, one in a tick.
  static constexpr uint64_t kLateTicks = 3;
  // One part of this many of the soft limit is given back at a time.
  static constexpr size_t kSoftPart = 16;

  // `caches` (may be nullptr) is told how much memory the bins may reckon with.
  void Init(const ShardTable& shards, TcacheControl* caches = nullptr) {
    shards_ = &shards;
    caches_ = caches;
    callback_.Init(shards);
  }

  // What there is at most, whatever the limit: the size of a fixed arena. Before any other limit.
  void SetMemory(size_t bytes) {
    memory_bytes_ = bytes;
    SetLimit(kNoLimit);
  }
  size_t memory_bytes() const { return memory_bytes_; }
  // The most bytes that may be committed; an allocation that would need more climbs the ladder and
  // fails softly. A limit below what is committed now forbids growth and takes nothing away.
  void SetLimit(size_t bytes);
  size_t limit() const;
  // Above so many bytes, memory is given back before more is used. Never fails anything.
  void SetSoftLimit(size_t bytes);
  size_t soft_limit() const;
  size_t committed_bytes() const;
  size_t peak_committed_bytes() const;

  // Bytes of pages that are committed and not free: live, in bins and stashes, and what is left
  // free inside of spans. The figures it adds up are of slightly different instants.
  size_t used_bytes() const;
  // The most that it ever was when somebody called NoteUse: for slow paths, once in a while.
  size_t peak_used_bytes() const { return peak_used_.load(std::memory_order_relaxed); }
  void NoteUse();

  // When a limit forbids to commit so many pages: gives free dirty pages back, a batch at a time.
  // True when there may be room now.
  bool MakeRoom(size_t pages);

  // After the meter's alarm, by a caller without leases: gives memory back.
  void Relieve();
  // After a free of whole slots, by a caller without leases: while above the soft limit, what became
  // free is not kept for later.
  void RelieveAfterFree() {
    if (OverSoftLimit()) [[unlikely]] Purge(meter().committed() - soft_pages());
  }
  // How often memory was given back because of the soft limit.
  uint64_t reliefs() const { return reliefs_.load(std::memory_order_relaxed); }

  // Free dirty pages that nobody needed since the last tick decay with this half-life. 0: every
  // tick gives all of them back. kNoDecay: none goes back by itself.
  void SetDecayHalfLife(size_t ms) { half_life_ms_.store(ms, std::memory_order_relaxed); }
  size_t decay_half_life_ms() const { return half_life_ms_.load(std::memory_order_relaxed); }
  // Whether anything goes back by itself: pages, and what idle bins and stashes hold.
  bool decays() const { return decay_half_life_ms() != kNoDecay; }
  // `now_ms` is any monotonic clock.
  void MaybeDecay(Shard& shard, uint64_t now_ms);

  // Gives free dirty pages back to the system, up to max_pages but for the rest of a free slot.
  // Returns how many it were.
  size_t Purge(size_t max_pages);
  // The same, by the holder of the arena's purge lease.
  size_t PurgeAlone(size_t max_pages);

  PressureCallback& callback() { return callback_; }
  const PressureCallback& callback() const { return callback_; }

  // Milliseconds of CLOCK_MONOTONIC_COARSE, which costs no system call.
  static uint64_t NowMs();

 private:
  friend class HeapLayoutMaker;
  CommitMeter& meter() const { return shards_->arena().meter(); }
  size_t soft_pages() const { return soft_pages_.load(std::memory_order_relaxed); }
  bool OverSoftLimit() const { return meter().committed() > soft_pages(); }
  void Watch();
  bool Decay(Shard& shard, uint64_t now_ms, uint64_t late_ms);
  void Tick(Shard& shard, uint64_t elapsed_ms);
  size_t Due(size_t unneeded, size_t dirty, size_t floor, uint64_t elapsed_ms) const;
  size_t PurgeShard(Shard& shard, size_t max_pages);
  PageBits GiveBack(const Segment& segment, const PageBits& claimed);
  size_t Decayed(size_t pages, uint64_t elapsed_ms) const;

  const ShardTable* shards_ = nullptr;
  TcacheControl* caches_ = nullptr;
  size_t memory_bytes_ = kNoLimit;  // fixed after SetMemory
  // Relaxed, each: a number that the next look reads.
  std::atomic<size_t> limit_bytes_{kNoLimit};
  std::atomic<size_t> soft_pages_{SIZE_MAX};
  std::atomic<size_t> half_life_ms_{kConfig.decay_half_life_ms};
  std::atomic<uint64_t> reliefs_{0};
  std::atomic<size_t> peak_used_{0};
  std::atomic<unsigned> next_late_{0};
  // The next tick of each shard; relaxed compare-exchange: whoever moves it on does the tick.
  std::atomic<uint64_t> next_tick_[kMaxShards] = {};
  PressureCallback callback_;
};

}  // namespace hz3

#endif  // HZ3_POLICY_MEM_BUDGET_H_
