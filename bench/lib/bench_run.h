// One run of a bench, a program that prints a Report, under a preloaded allocator.
#ifndef BENCH_LIB_BENCH_RUN_H_
#define BENCH_LIB_BENCH_RUN_H_

#include <string>

#include "bench/lib/allocators.h"
#include "bench/lib/report.h"
#include "bench/lib/subprocess.h"

namespace hz3::bench {

struct BenchRun {
  ReportFields fields;
  double wall_s = 0;
  std::string failure;  // empty when the run ended well
};

// The loader only warns when it cannot preload a library; a report whose `malloc` is not the
// library counts as failed, as it measured another allocator.
BenchRun RunBench(const Allocator& allocator, Command command);

}  // namespace hz3::bench

#endif  // BENCH_LIB_BENCH_RUN_H_
