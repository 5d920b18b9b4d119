// The runs of //bench:arena_fill: one job is one run of the workload program under one allocator,
// in an arena of a given size. Nothing here knows flags; see arena_fill.cc for those.
//
// hz3 gets the size of its arena by HZ3_ARENA_MIB. Other allocators have no such setting: they get
// a limit on their address space (RLIMIT_AS), the arena plus what the same process needs under the
// C library before its first block.
#ifndef BENCH_ARENA_FILL_JOBS_H_
#define BENCH_ARENA_FILL_JOBS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bench/lib/allocators.h"
#include "bench/lib/report.h"
#include "bench/lib/stats.h"

namespace hz3::bench {

struct FillJob {
  Allocator allocator;
  std::string workload;
  uint64_t arena_mib = 0;  // 0: no limit
  uint64_t scale_mib = 0;
  uint64_t target_pct = 0;  // of scale_mib; 0: until a failure
  uint64_t work = 0;
  uint64_t failing_mallocs = 0;
  bool count_failures = false;
  uint64_t seed = 1;
  std::vector<std::string> more_args = {};
};

struct FillOutcome {
  ReportFields fields{""};
  std::string failure;  // why there is no result; empty when there is
  bool Succeeded() const { return failure.empty(); }
};

using FillRunner = std::function<FillOutcome(const FillJob&)>;

// Starts the workload program. Not thread-safe.
class ProcessRunner {
 public:
  struct Limits {
    double timeout_s = 0;
    uint64_t max_rss_bytes = 0;
  };

  ProcessRunner(std::string program, const Limits& limits)
      : program_(std::move(program)), limits_(limits) {}

  FillOutcome operator()(const FillJob& job);

 private:
  std::vector<std::string> Arguments(const FillJob& job) const;
  FillOutcome Start(const FillJob& job, const std::vector<std::string>& argv) const;
  // What this process needs before its first block; 0 when that cannot be found out.
  uint64_t BareAddressSpace(const FillJob& job);

  const std::string program_;
  const Limits limits_;
  std::map<std::vector<std::string>, uint64_t> bare_bytes_;
};

// All runs of one job, with seeds of their own.
struct FillRow {
  FillJob job;
  std::vector<ReportFields> runs;
  std::vector<std::string> failures;

  // One field over the runs that have it, times `factor`.
  Summary Of(const std::string& key, double factor = 1) const;
};

// Called before (result empty) and after each run.
using FillProgress = std::function<void(const FillJob& job, const std::string& result)>;

// Runs every job `runs` times, interleaved; the seed of run i is the job's plus i.
std::vector<FillRow> RunAll(const std::vector<FillJob>& jobs, int runs, const FillRunner& runner,
                            const FillProgress& progress);

struct SmallestArena {
  uint64_t arena_mib = 0;      // 0: none up to the limit was enough
  double peak_live_bytes = 0;  // the most of the runs in that arena
  std::string failure;         // of the last run that could not be made at all
};

// The smallest arena, to kArenaStepMib, in which none of `runs` runs fails an allocation, found by
// bisection between the live target and `max_mib`: what is larger is taken to be enough.
inline constexpr uint64_t kArenaStepMib = 2;
SmallestArena FindSmallestArena(const FillJob& job, int runs, uint64_t max_mib,
                                const FillRunner& runner, const FillProgress& progress);

}  // namespace hz3::bench

#endif  // BENCH_ARENA_FILL_JOBS_H_
