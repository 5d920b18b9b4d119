// Replay: copies of a recorded trace of a real program. Each thread plays a copy up to the point
// where most of it is live and lets it rest there; of every four it takes up one that rests and
// plays it to its end, where all that is left of it is freed. So the live set grows by real mixes
// of sizes and lifetimes, some of which have run their course in between.
//
// A copy is played by one thread, in the order in which it was recorded, whatever threads took part
// then.
#ifndef BENCH_WORKLOADS_REPLAY_H_
#define BENCH_WORKLOADS_REPLAY_H_

#include <cstdint>
#include <memory>

#include "bench/workloads/workload.h"

namespace hz3::bench {

struct ReplayShape {
  uint64_t threads = 8;
};

// options.trace must be set.
std::unique_ptr<Workload> MakeReplay(const ReplayShape& shape, const FillOptions& options,
                                     Ledger* ledger);

}  // namespace hz3::bench

#endif  // BENCH_WORKLOADS_REPLAY_H_
