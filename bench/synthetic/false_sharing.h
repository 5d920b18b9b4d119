// cache_thrash and cache_scratch: does the allocator put blocks of different threads into one cache
// line? Each thread allocates 8 blocks of min_size bytes (8 at least), adds to all their words
// again and again, and frees them. With kActive the threads start from nothing. With kPassive they
// begin by freeing 8 blocks each that one thread had allocated and dealt out in turn: an allocator
// that hands such blocks to the thread that freed them keeps the false sharing alive.
// The threads are pinned to different CPUs as far as there are enough.
//
// One op is one addition to each word of a block; 16,000 are done before the blocks are freed.
#ifndef BENCH_SYNTHETIC_FALSE_SHARING_H_
#define BENCH_SYNTHETIC_FALSE_SHARING_H_

#include "bench/synthetic/workload.h"

namespace hz3::bench {

enum class FalseSharing { kActive, kPassive };

SyntheticResult RunFalseSharing(const SyntheticOptions& options, FalseSharing kind);

}  // namespace hz3::bench

#endif  // BENCH_SYNTHETIC_FALSE_SHARING_H_
