// realloc_growth and realloc_steps: one block that grows from min_size to max_size by realloc,
// again and again, and whose new part is written like a vector's. One op is one realloc, the first
// malloc and the last free of a pass included.
#ifndef BENCH_SYNTHETIC_GROWING_H_
#define BENCH_SYNTHETIC_GROWING_H_

#include "bench/synthetic/workload.h"

namespace hz3::bench {

enum class Growth {
  kDoubling,
  kSteps,  // of min_size bytes
};

SyntheticResult RunGrowing(const SyntheticOptions& options, Growth growth);

}  // namespace hz3::bench

#endif  // BENCH_SYNTHETIC_GROWING_H_
