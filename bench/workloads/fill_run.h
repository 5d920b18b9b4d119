// Runs one fill workload on a crew of threads and says what was live when.
//
// Order: the phases of the workload, each by all threads, until an allocation fails that was not
// meant to; then, if asked, the timed part at the live target; then, if memory is exhausted, what
// can still be had, and the cost of further failures; then everything is freed.
#ifndef BENCH_WORKLOADS_FILL_RUN_H_
#define BENCH_WORKLOADS_FILL_RUN_H_

#include <cstdint>

#include "bench/workloads/ledger.h"
#include "bench/workloads/workload.h"

namespace hz3::bench {

struct FillResult {
  FirstFailure first_failure;
  int64_t planned_live = -1;  // at the failure that ended a phase that fills on purpose
  uint64_t failures = 0;

  // When all threads had stopped: rounded, as requested, and by the stricter rounding.
  int64_t live_at_rest = 0;
  int64_t requested_at_rest = 0;
  int64_t strict_at_rest = 0;
  int64_t peak_live = 0;

  // Blocks of the size that failed which one thread could still get at rest.
  uint64_t still_had_bytes = 0;
  double failing_ns = 0;      // a malloc that fails, one thread, wall time
  double failing_all_ns = 0;  // CPU time of one when all threads call it at once

  // The timed part.
  uint64_t ops = 0;  // mallocs, failed ones too, and frees
  double seconds = 0;
  double cpu_seconds = 0;

  uint64_t bare_bytes = 0;  // address space before the first block, with all threads
  uint64_t peak_rss_bytes = 0;
  uint64_t own_touched_bytes = 0;
};

// Only starts the threads and fills in bare_bytes.
FillResult RunBare(Workload* workload, Ledger* ledger, const FillOptions& options);

// `failing_mallocs`: how many further failures are timed, for each of the two figures.
FillResult RunFill(Workload* workload, Ledger* ledger, const FillOptions& options,
                   uint64_t failing_mallocs);

}  // namespace hz3::bench

#endif  // BENCH_WORKLOADS_FILL_RUN_H_
