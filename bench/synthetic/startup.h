// startup: starts /bin/true again and again. The children inherit LD_PRELOAD, so that the loading
// and setting-up of the allocator is part of each start. One op is one start, up to the end of the
// child; the CPU time is that of the children and of starting them.
#ifndef BENCH_SYNTHETIC_STARTUP_H_
#define BENCH_SYNTHETIC_STARTUP_H_

#include "bench/synthetic/workload.h"

namespace hz3::bench {

// A child that cannot be started, or fails, counts in alloc_failed.
SyntheticResult RunStartup(const SyntheticOptions& options);

}  // namespace hz3::bench

#endif  // BENCH_SYNTHETIC_STARTUP_H_
