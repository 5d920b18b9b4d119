// Workload: what a fill run lets its threads do. It grows a live set of blocks, either until an
// allocation fails or up to a target, in one or more phases; see fill_run.h for who calls what.
#ifndef BENCH_WORKLOADS_WORKLOAD_H_
#define BENCH_WORKLOADS_WORKLOAD_H_

#include <cstddef>
#include <cstdint>

#include "bench/lib/report.h"
#include "bench/mt_remote.h"
#include "bench/trace.h"
#include "bench/workloads/ledger.h"

namespace hz3::bench {

struct FillOptions {
  uint64_t scale_bytes = 256 * kMib;  // the memory that the workload is sized for
  uint64_t live_target = 0;           // rounded bytes; 0: grow until an allocation fails
  uint64_t work = 0;                  // iterations of each thread at the target
  uint64_t seed = 1;
  uint64_t ring_slots = 4096;  // blocks that wait between two threads, at most
  OnFull on_full = OnFull::kWait;
  const Trace* trace = nullptr;  // for workloads that replay one
  uint64_t copies = 0;           // of the trace that are at its peak at a time; 0: as many as fit
};

class Workload {
 public:
  virtual ~Workload() = default;

  virtual size_t threads() const = 0;
  virtual int phases() const { return 1; }
  // Whether a failure in this phase is part of the plan: then the next phase follows all the same.
  virtual bool FillsOnPurpose(int /*phase*/) const { return false; }

  // Called by each thread of the run. Returns soon after ledger.stopped() or ledger.reached().
  virtual void RunPhase(int phase, size_t thread) = 0;
  // Keeps the live set as it is for so many iterations; workloads without that do nothing.
  virtual void Work(size_t /*thread*/, uint64_t /*iterations*/) {}
  virtual bool CanWork() const { return false; }
  virtual void FreeAll(size_t thread) = 0;

  // The following are called while the threads are at rest.
  virtual void AfterPhase(int /*phase*/) {}
  virtual void AfterRun() {}
  virtual void Describe(Report* /*report*/) const {}
  // Memory of the workload itself that became resident.
  virtual uint64_t OwnTouchedBytes() const { return 0; }
};

}  // namespace hz3::bench

#endif  // BENCH_WORKLOADS_WORKLOAD_H_
