// Generations: threads that come and go. Each lane is one thread after the other; a thread works
// for a while on the slots of its lane, as in toggle.h, then ends and hands all blocks to the next.
// The accounts belong to the lanes. More and more slots come into use.
#ifndef BENCH_WORKLOADS_GENERATIONS_H_
#define BENCH_WORKLOADS_GENERATIONS_H_

#include <cstdint>
#include <memory>

#include "bench/workloads/size_range.h"
#include "bench/workloads/workload.h"

namespace hz3::bench {

struct GenerationsShape {
  uint64_t lanes = 8;
  SizeRange sizes;
};

std::unique_ptr<Workload> MakeGenerations(const GenerationsShape& shape, const FillOptions& options,
                                          Ledger* ledger);

}  // namespace hz3::bench

#endif  // BENCH_WORKLOADS_GENERATIONS_H_
