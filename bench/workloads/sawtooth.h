// Sawtooth: the live set grows to most of the memory and shrinks again, with other sizes each time,
// of which a few survive; at last it grows until an allocation fails. Every second time the blocks
// are freed by another thread than the one that allocated them.
//
// Blocks of whole pages are freed in random order, so that what survives lies scattered among what
// the next cycle needs. Small ones are freed newest first: random survivors would pin nearly every
// page, and no allocator that does not move live objects could serve the next cycle.
#ifndef BENCH_WORKLOADS_SAWTOOTH_H_
#define BENCH_WORKLOADS_SAWTOOTH_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "bench/workloads/size_range.h"
#include "bench/workloads/workload.h"

namespace hz3::bench {

struct SawtoothCycle {
  SizeRange sizes;
  bool scattered = true;  // freed in random order
};

struct SawtoothShape {
  uint64_t threads = 8;
  std::vector<SawtoothCycle> cycles;  // the last one ends with the failure
  uint64_t high_pct = 85;             // of the memory, live at the top of a cycle
  uint64_t keep_pct = 10;             // of the blocks of a cycle, kept for good
};

std::unique_ptr<Workload> MakeSawtooth(const SawtoothShape& shape, const FillOptions& options,
                                       Ledger* ledger);

}  // namespace hz3::bench

#endif  // BENCH_WORKLOADS_SAWTOOTH_H_
