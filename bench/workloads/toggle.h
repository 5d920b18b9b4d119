// Toggle: threads in a circle with slots of blocks, as in the seed benchmark (bench/mt_remote.h),
// but with a live set that grows. Each iteration drains the thread's ring, picks one of its slots
// in use, allocates if it is empty and empties it if not, part of it through the ring of the next
// thread. Every few iterations one more slot comes into use, so that the live set (about half of
// the slots, and the rings) creeps up on the size of the memory under steady churn.
//
// All rings together hold at most a quarter of the memory. By default a producer whose ring is full
// waits, so that the share of remote frees is what was asked for.
#ifndef BENCH_WORKLOADS_TOGGLE_H_
#define BENCH_WORKLOADS_TOGGLE_H_

#include <cstdint>
#include <memory>

#include "bench/workloads/size_range.h"
#include "bench/workloads/workload.h"

namespace hz3::bench {

struct ToggleShape {
  uint64_t threads = 8;
  uint64_t remote_pct = 50;
  SizeRange sizes;
};

std::unique_ptr<Workload> MakeToggle(const ToggleShape& shape, const FillOptions& options,
                                     Ledger* ledger);

}  // namespace hz3::bench

#endif  // BENCH_WORKLOADS_TOGGLE_H_
