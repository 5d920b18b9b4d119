// Runs the rows under all allocators. Each round of a row runs every allocator once, in an order
// drawn anew, so that neither a machine that becomes slower nor the program that ran before speaks
// for one of them.
#ifndef BENCH_MATRIX_RUNNER_H_
#define BENCH_MATRIX_RUNNER_H_

#include <atomic>
#include <cstdint>
#include <vector>

#include "bench/lib/comparison.h"
#include "bench/matrix/results.h"
#include "bench/matrix/rows.h"

namespace hz3::bench {

struct RunPlan {
  std::vector<MatrixRow> rows;
  std::vector<Allocator> allocators;
  int runs = 5;
  uint64_t seed = 1;                          // of the orders
  const std::atomic<bool>* cancel = nullptr;  // ends all after the current run; may be null
};

// One result per row, in their order; after a cancellation only of the rows that were complete.
std::vector<RowResult> RunMatrix(const RunPlan& plan, const ProgressSink& progress);

}  // namespace hz3::bench

#endif  // BENCH_MATRIX_RUNNER_H_
