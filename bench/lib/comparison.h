// Runs one bench under several preloaded allocators, interleaved: each round runs every allocator
// once, so that a machine that becomes slower or faster meanwhile does so for all of them.
#ifndef BENCH_LIB_COMPARISON_H_
#define BENCH_LIB_COMPARISON_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/lib/allocators.h"
#include "bench/lib/json_writer.h"
#include "bench/lib/report.h"
#include "bench/lib/stats.h"

namespace hz3::bench {

struct Contestant {
  Allocator allocator;
  int runs = 1;
};

struct ComparisonLimits {
  double run_timeout_s = 0;    // a longer run is killed; 0: none
  double budget_s = 0;         // no run of a peer starts after it, hz3's own always do; 0: none
  uint64_t max_rss_bytes = 0;  // a run that grows beyond is killed; 0: none
};

// What became of all runs of one allocator.
struct ComparisonRow {
  Allocator allocator;
  std::vector<ReportFields> runs;     // of those that ended well
  std::vector<std::string> failures;  // "timeout", "signal 11 (...)", "over budget", ...

  // One field over the good runs; runs that do not have it are left out.
  Summary Of(const std::string& key) const;
};

// Called before and after each run; `result` is empty before.
struct ProgressStep {
  int step = 0;  // from 1 on
  int steps = 0;
  std::string allocator;
  std::string result;
};
using ProgressSink = std::function<void(const ProgressStep&)>;

// A line that rewrites itself on a terminal; one line per ended run anywhere else. On stderr.
ProgressSink StderrProgress();

// Runs `argv` (a bench that prints a Report with its `malloc`) for all. A run whose `malloc` is not
// the preloaded library counts as failed. One row per contestant, in their order. Blocks.
std::vector<ComparisonRow> Compare(const std::vector<Contestant>& contestants,
                                   const std::vector<std::string>& argv,
                                   const ComparisonLimits& limits, const ProgressSink& progress);

// The rows as a JSON array, each run with all its fields.
void WriteRows(const std::vector<ComparisonRow>& rows, JsonWriter* json);

}  // namespace hz3::bench

#endif  // BENCH_LIB_COMPARISON_H_
