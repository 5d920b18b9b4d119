// cache_thrash and cache_scratch: does the allocator put blocks of different threads into one cache
// line? Each thread allocates a small block, writes all its bytes many times and frees it. With
// kActive the threads start from nothing. With kPassive they begin by freeing blocks that one
// thread had allocated side by side: an allocator that hands such a block to the thread that freed
// it keeps the false sharing alive. One op is one round of writes to a block.
#ifndef BENCH_SYNTHETIC_FALSE_SHARING_H_
#define BENCH_SYNTHETIC_FALSE_SHARING_H_

#include "bench/synthetic/workload.h"

namespace hz3::bench {

enum class FalseSharing { kActive, kPassive };

SyntheticResult RunFalseSharing(const SyntheticOptions& options, FalseSharing kind);

}  // namespace hz3::bench

#endif  // BENCH_SYNTHETIC_FALSE_SHARING_H_
