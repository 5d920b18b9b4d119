// pair, batch and floor: the shortest loops there are, on the main thread, with blocks of min_size
// bytes that nobody writes.
#ifndef BENCH_SYNTHETIC_ONE_SIZE_H_
#define BENCH_SYNTHETIC_ONE_SIZE_H_

#include "bench/synthetic/workload.h"

namespace hz3::bench {

// malloc and free of one block.
SyntheticResult RunPair(const SyntheticOptions& options);

// 1000 mallocs, then 1000 frees, oldest first.
SyntheticResult RunBatch(const SyntheticOptions& options);

// The loop of RunPair with the pop and push of one array of pointers in the place of malloc and
// free: no size class is looked up, no block either. No allocator can be faster.
SyntheticResult RunFloor(const SyntheticOptions& options);

}  // namespace hz3::bench

#endif  // BENCH_SYNTHETIC_ONE_SIZE_H_
