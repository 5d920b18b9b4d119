// HeapProfile: who allocated what is live, what was live at its peak, and what was allocated since
// the start, by call stacks of sampled blocks; and which stacks hold on to memory that nobody uses.
// The threads' sample points (thread/sample_points.h) decide which blocks are sampled, so that each
// one that is found stands for 1 / (1 - e^(-size / interval)) blocks. docs/profiles.md.
//
// Any thread; slow path. Records lie in memory of its own, all of which is had at the first start;
// nothing here allocates. Thread-safe under its own lease, which is the innermost one and is never
// held while a stack is unwound.
#ifndef HZ3_OBSERVE_HEAP_PROFILE_H_
#define HZ3_OBSERVE_HEAP_PROFILE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hz3/base/lease.h"
#include "hz3/base/os_memory.h"
#include "hz3/base/thread_annotations.h"
#include "hz3/observe/call_sites.h"
#include "hz3/observe/sample_table.h"
#include "hz3/shard/shard_table.h"

namespace hz3 {

class HeapProfile {
 public:
  struct Summary {
    size_t interval = 0;
    uint64_t started_ns = 0;  // since 1970
    uint64_t samples = 0;     // live ones of this run
    uint64_t lost = 0;        // blocks that should have been sampled, and stacks without a site
    Estimate live, peak, allocated;
  };

  // Begins a new run, with all figures at 0. False without memory.
  bool Start(OsMemory& os, size_t interval);
  // No block is sampled any more; frees of those that were are still noted.
  void Stop() { sampling_.store(false, std::memory_order_relaxed); }
  bool sampling() const { return sampling_.load(std::memory_order_relaxed); }
  // Whether there may be sampled blocks.
  bool has_run() const { return tables_.load(std::memory_order_acquire) != nullptr; }

  // The block, whose thread was due to sample it, goes to the program. False when it could not be
  // noted. Under no lease.
  bool NoteAllocation(const void* block, size_t bytes);
  // Nothing to do for a block that is not sampled.
  void NoteFree(const void* block);

  // Computes for each site what its live blocks strand and pin now (fragmentation.h). One caller at
  // a time.
  void MeasureFragmentation(const ShardTable& shards);

  Summary GetSummary();
  // Sites and addresses are 0..count-1; those that are there stay.
  unsigned site_count();
  CallSites::Site SiteAt(uint32_t i);
  unsigned address_count();
  uintptr_t AddressAt(uint32_t i);
  // The numbers of the addresses of a site's stack, innermost first, into out[0..kMaxFrames).
  unsigned FramesOf(const CallSites::Site& site, uint32_t* out);

  void LockForFork() HZ3_NO_ANALYSIS { lease_.Lock(); }
  void UnlockAfterFork() HZ3_NO_ANALYSIS { lease_.Unlock(); }
  void ResetAfterFork() { lease_.ResetAfterFork(); }

 private:
  struct Tables {
    CallSites sites;
    SampleTable samples;
  };

  Tables* tables() const { return tables_.load(std::memory_order_acquire); }
  Estimate Weighed(size_t bytes) const HZ3_REQUIRES(lease_);
  bool Insert(const void* block, size_t bytes, uint32_t site) HZ3_REQUIRES(lease_);
  void NotePeak() HZ3_REQUIRES(lease_);
  unsigned CopySamples(unsigned from, Sample* out, unsigned n, unsigned* next);

  Lease lease_;
  // Release/acquire: who sees the tables sees them zeroed.
  std::atomic<Tables*> tables_{nullptr};
  // Relaxed: who sees it late samples a block more or less.
  std::atomic<bool> sampling_{false};
  size_t interval_ HZ3_GUARDED_BY(lease_) = 0;
  uint32_t run_ HZ3_GUARDED_BY(lease_) = 0;
  uint64_t started_ns_ HZ3_GUARDED_BY(lease_) = 0;
  uint64_t samples_ HZ3_GUARDED_BY(lease_) = 0;
  uint64_t lost_ HZ3_GUARDED_BY(lease_) = 0;
  Estimate live_ HZ3_GUARDED_BY(lease_);
  Estimate peak_ HZ3_GUARDED_BY(lease_);
  Estimate allocated_ HZ3_GUARDED_BY(lease_);
};

}  // namespace hz3

#endif  // HZ3_OBSERVE_HEAP_PROFILE_H_
