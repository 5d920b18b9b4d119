// Registry: all live thread caches, how much each may hold, and how pressure reaches them.
//
// Thread-safe, under its own lease; slow and event paths. A walk over the caches is bounded by the
// number of threads.
//
// Broadcast protocol: the leader advances the epoch, then lowers every cache's limits. A running
// thread's next free misses, sees the epoch, empties its bins into the bitmaps, and stores the
// epoch as its answer (release). The leader waits a bounded time on `answers_`, then sweeps. A
// thread that sleeps, or that did not answer the last broadcast either, is not waited for.
// What such a thread holds is robbed (tcache.h says how), under the registry's lease: a thread that
// wakes meanwhile and finds its handle revoked waits for that lease.
#ifndef HZ3_THREAD_REGISTRY_H_
#define HZ3_THREAD_REGISTRY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hz3/base/lease.h"
#include "hz3/base/metadata_pool.h"
#include "hz3/base/thread_annotations.h"
#include "hz3/shard/shard_table.h"
#include "hz3/thread/tcache.h"
#include "hz3/thread/tcache_control.h"

namespace hz3 {

class Registry : public TcacheControl {
 public:
  // The bins together may hold a part of `memory_bytes`.
  void Init(const ShardTable& shards, MetadataPool& pool, size_t memory_bytes);
  void Init(const ShardTable& shards, MetadataPool& pool) {
    Init(shards, pool, shards.arena().bytes());
  }

  // A cache for the calling thread, on the shard with fewest threads; nullptr without memory.
  // `handle` is where the thread will look for it.
  Tcache* Start(std::atomic<Tcache*>* handle = nullptr);
  // The calling thread is done with `cache`: everything in it becomes free. Its handle is set to
  // `after`.
  void End(Tcache* cache, Tcache* after = nullptr);

  // Asks all threads to empty their bins. `self` (may be nullptr) is the caller's own cache,
  // already empty.
  void Broadcast(Tcache* self);
  // Waits at most `wait_us` microseconds until those that run have answered the last broadcast.
  void AwaitAnswers(uint32_t wait_us);
  // Takes what other threads than that of `self` hold in their bins, but for the last object of
  // each bin and for threads that are in the slow path. Returns how many objects that were: 0 also
  // when the kernel has no barrier for it.
  size_t RobOthers(Tcache* self);

  template <typename F>
  void ForEach(F f) {
    LeaseHolder hold(lease_);
    for (Tcache* cache = head_; cache != nullptr; cache = cache->next) f(*cache);
  }

  void LockForFork() HZ3_NO_ANALYSIS { lease_.Lock(); }
  void UnlockAfterFork() HZ3_NO_ANALYSIS { lease_.Unlock(); }
  // In the child: only `self` has a thread. The caches of the others are emptied, except those
  // that were being changed at that instant: what they hold stays unused in the child.
  void ResetAfterFork(Tcache* self);

 private:
  friend class HeapLayoutMaker;
  bool IsAnswerDue(uint32_t epoch) HZ3_REQUIRES(lease_);
  void Unlink(Tcache* cache) HZ3_REQUIRES(lease_);

  const ShardTable* shards_ = nullptr;
  MetadataPool* pool_ = nullptr;
  Tcache* head_ HZ3_GUARDED_BY(lease_) = nullptr;
  uint32_t on_shard_[kMaxShards] HZ3_GUARDED_BY(lease_) = {};
};

}  // namespace hz3

#endif  // HZ3_THREAD_REGISTRY_H_
