// trees: binary trees by new and delete. Each thread builds one tree of depth 16 that lives to the
// end, then short-lived ones of depths 4, 6, .. 16, as many of each depth as have the nodes of the
// deepest. One op is one new or one delete of a node.
#ifndef BENCH_SYNTHETIC_TREES_H_
#define BENCH_SYNTHETIC_TREES_H_

#include "bench/synthetic/workload.h"

namespace hz3::bench {

SyntheticResult RunTrees(const SyntheticOptions& options);

}  // namespace hz3::bench

#endif  // BENCH_SYNTHETIC_TREES_H_
