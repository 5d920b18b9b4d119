// What //bench:arena_fill says about its runs: tables, JSON, and whether hz3 reached what it is to
// reach. Pure functions of the runs.
#ifndef BENCH_ARENA_FILL_REPORT_H_
#define BENCH_ARENA_FILL_REPORT_H_

#include <string>
#include <vector>

#include "bench/arena_fill_jobs.h"
#include "bench/lib/json_writer.h"
#include "bench/lib/stats.h"
#include "bench/lib/table.h"

namespace hz3::bench {

// --- share: live bytes at the first failure over the arena ---

struct ShareRow {
  FillRow fill;
  // The same live set without a limit, all bytes written; no runs: not measured.
  FillRow unlimited = {};
};

// In %. `possible`: what survivors of an earlier phase pin counts as if it were live.
Summary LiveShare(const FillRow& row);
Summary PossibleShare(const FillRow& row);
// Live bytes over the peak RSS without what the bench itself takes, in %.
Summary LiveOfRss(const FillRow& unlimited);

Table ShareTable(const std::vector<ShareRow>& rows);
extern const char kShareLegend[];

// --- smallest: the smallest arena in which nothing fails ---

struct SmallestRow {
  FillJob job;
  SmallestArena found;
};

Table SmallestTable(const std::vector<SmallestRow>& rows);
extern const char kSmallestLegend[];

// --- speed: the same run in the arena and without one ---

struct SpeedRow {
  FillRow fixed;
  FillRow unlimited;

  // CPU time of an operation in the arena over that without; 0 when one of them is not there.
  double CpuRatio() const;
  double WallRatio() const;
};

Table SpeedTable(const std::vector<SpeedRow>& rows);
extern const char kSpeedLegend[];

// --- what is to be reached ---

struct Wanted {
  double min_share = 0;  // in %, of every run of hz3
  bool check = false;    // hold hz3 against the following, too
  double max_failing_ns = 1000;
  double max_slowdown = 1.5;  // of CPU time, where nothing needs to fail
};

// One line for each row of hz3 that misses it. `workload_share` in % is what that workload is to
// reach.
using WorkloadShare = double (*)(const std::string& workload);
std::vector<std::string> MissedShares(const std::vector<ShareRow>& rows, const Wanted& wanted,
                                      WorkloadShare workload_share);
std::vector<std::string> MissedSpeeds(const std::vector<SpeedRow>& rows, const Wanted& wanted);
std::vector<std::string> MissedSmallest(const std::vector<SmallestRow>& rows);

// --- JSON ---

void WriteFillRow(const FillRow& row, JsonWriter* json);
void WriteSmallestRow(const SmallestRow& row, JsonWriter* json);

}  // namespace hz3::bench

#endif  // BENCH_ARENA_FILL_REPORT_H_
