// Sleepers: threads that allocate and free blocks of all sizes, so that whatever caches they have
// are as full as they get, and then block for good; meanwhile others allocate until nothing is
// left. What the sleepers hide is missed at the first failure.
#ifndef BENCH_WORKLOADS_SLEEPERS_H_
#define BENCH_WORKLOADS_SLEEPERS_H_

#include <cstdint>
#include <memory>

#include "bench/workloads/toggle.h"
#include "bench/workloads/workload.h"

namespace hz3::bench {

struct SleepersShape {
  uint64_t sleepers = 8;
  ToggleShape others;
};

std::unique_ptr<Workload> MakeSleepers(const SleepersShape& shape, const FillOptions& options,
                                       Ledger* ledger);

}  // namespace hz3::bench

#endif  // BENCH_WORKLOADS_SLEEPERS_H_
