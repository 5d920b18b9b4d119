// threads_1000: what a thread that has allocated a little, and then does nothing, costs. All
// threads are started and sleep before the first of them calls malloc; the resident size then is
// that of the same threads without an allocator. Each then allocates `ops / threads` blocks, writes
// them and sleeps again. The field rss_per_thread_bytes is the growth in between, over the threads;
// used_per_thread_bytes is what each asked for. One op is one malloc; only these are measured.
#ifndef BENCH_SYNTHETIC_MANY_THREADS_H_
#define BENCH_SYNTHETIC_MANY_THREADS_H_

#include "bench/synthetic/workload.h"

namespace hz3::bench {

SyntheticResult RunManyThreads(const SyntheticOptions& options);

}  // namespace hz3::bench

#endif  // BENCH_SYNTHETIC_MANY_THREADS_H_
