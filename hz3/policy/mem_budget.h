// MemBudget: how much memory the process may commit, and how free dirty pages go back to the
// system. Limits are in bytes and are kept in whole pages; CommitMeter counts against them.
//
// Thread-safe. Slow path (MaybeDecay, which returns at once unless a tick is due) and event paths.
// No lease is held across the system calls: pages are claimed, purged, and given back.
#ifndef HZ3_POLICY_MEM_BUDGET_H_
#define HZ3_POLICY_MEM_BUDGET_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hz3/shard/shard_table.h"

namespace hz3 {

class MemBudget {
 public:
  static constexpr size_t kNoLimit = SIZE_MAX;
  // Decay is looked at this often, in milliseconds.
  static constexpr uint64_t kTickMs = 100;

  void Init(const ShardTable& shards) { shards_ = &shards; }

  // The most bytes that may be committed; an allocation that would need more climbs the ladder and
  // fails softly. A limit below what is committed now forbids growth and takes nothing away.
  void SetLimit(size_t bytes);
  size_t limit() const;
  size_t committed_bytes() const;
  size_t peak_committed_bytes() const;

  // Free dirty pages that nobody needed since the last tick decay with kConfig.decay_half_life_ms.
  // `now_ms` is any monotonic clock.
  void MaybeDecay(Shard& shard, uint64_t now_ms);

  // Gives free dirty pages back to the system, up to max_pages. Returns how many it were.
  size_t Purge(size_t max_pages);

  // Milliseconds of CLOCK_MONOTONIC_COARSE, which costs no system call.
  static uint64_t NowMs();

 private:
  size_t PurgeShard(Shard& shard, size_t max_pages);
  static size_t Decayed(size_t pages, uint64_t elapsed_ms);

  const ShardTable* shards_ = nullptr;
  // The next tick of each shard; relaxed compare-exchange: whoever moves it on does the tick.
  std::atomic<uint64_t> next_tick_[kMaxShards] = {};
};

}  // namespace hz3

#endif  // HZ3_POLICY_MEM_BUDGET_H_
