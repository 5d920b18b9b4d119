// pipeline: producers allocate, consumers free, nothing is freed where it was made. Each pair of
// producer and consumer has a ring of its own between them; who finds its rings full or empty
// sleeps.
#ifndef BENCH_SYNTHETIC_PIPELINE_H_
#define BENCH_SYNTHETIC_PIPELINE_H_

#include "bench/synthetic/workload.h"

namespace hz3::bench {

enum class PipelineShape {
  kOneToOne,   // threads / 2 pairs (at least one)
  kOneToMany,  // one producer deals to all others in turn
  kManyToOne,  // one consumer serves all others in turn
};

// A producer makes `batch` blocks before it passes them on, and a consumer waits for as many before
// it frees them.
SyntheticResult RunPipeline(const SyntheticOptions& options, PipelineShape shape, uint64_t batch);

}  // namespace hz3::bench

#endif  // BENCH_SYNTHETIC_PIPELINE_H_
