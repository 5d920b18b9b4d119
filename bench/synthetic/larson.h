// larson: a server whose connections outlive its threads. Each lane has 1000 slots full of blocks;
// a thread replaces blocks in random slots (one free, one malloc), then hands all slots to a new
// thread and ends. Most blocks are therefore freed by another thread than the one that made them.
#ifndef BENCH_SYNTHETIC_LARSON_H_
#define BENCH_SYNTHETIC_LARSON_H_

#include "bench/synthetic/workload.h"

namespace hz3::bench {

SyntheticResult RunLarson(const SyntheticOptions& options);

}  // namespace hz3::bench

#endif  // BENCH_SYNTHETIC_LARSON_H_
