#include "bench/matrix/rows.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "bench/lib/bench_run.h"
#include "bench/lib/runfiles.h"
#include "bench/real/rows.h"
#include "bench/synthetic/rows.h"

namespace hz3::bench {
namespace {

bool IsQuick(const std::string& name) {
  const std::vector<std::string>& names = QuickRowNames();
  return std::find(names.begin(), names.end(), name) != names.end();
}

// A page at least: a peak that lies within what the bench itself uses is no reason for ratios of 0.
double OwnShareOff(double peak, double own) { return std::max(peak - own, 4096.0); }

Sample FromReport(const BenchRun& run) {
  if (!run.failure.empty()) return {.failure = run.failure};
  const double failed = run.fields.Number("alloc_failed").value_or(0);
  if (failed > 0) return {.failure = "alloc failed " + Fixed(failed, 0)};
  const auto cpu = run.fields.Number("cpu_ns_per_op");
  const auto peak = run.fields.Number("peak_rss_bytes");
  if (!cpu || !peak) return {.failure = "no cpu_ns_per_op or no peak_rss_bytes in its report"};
  const double own = run.fields.Number("own_rss_bytes").value_or(0);
  return {.cpu = *cpu, .rss_bytes = OwnShareOff(*peak, own), .wall_s = run.wall_s};
}

MatrixRow FromSynthetic(const SyntheticRow& row, std::string_view argv0, const RowLimits& limits) {
  Command command = {.argv = row.args,
                     .timeout_s = limits.timeout_s,
                     .max_rss_bytes = limits.max_rss_bytes,
                     .cancel = limits.cancel};
  const std::string program = FindRunfile(argv0, row.program);
  command.argv.insert(command.argv.begin(), program);
  return {
      .info = {.name = row.name,
               .help = row.help,
               .group = Group::kSynthetic,
               .quick = IsQuick(row.name),
               .is_floor = row.name == kFloorRow,
               .remote_unwritten = row.remote_unwritten,
               .filled = row.filled},
      .prepare = [name = row.program, is_there = !program.empty()]() -> std::string {
        return is_there ? "" : name + " is not beside this program";
      },
      .run = [command](
                 const Allocator& allocator) { return FromReport(RunBench(allocator, command)); }};
}

std::string PrepareReal(const RealRow& row, const RealPlace& place) {
  const std::string missing = MissingProgram(row);
  if (!missing.empty()) return missing + " is not installed";
  if (mkdir(place.directory.c_str(), 0700) != 0 && errno != EEXIST)
    return "cannot make a directory";
  return row.prepare(place);
}

Sample RunReal(const RealRow& row, const RealPlace& place, const Allocator& allocator) {
  const RealResult result = row.run(place, allocator.preload);
  return {result.cpu_s, static_cast<double>(result.peak_rss_bytes), result.wall_s, result.failure};
}

MatrixRow FromReal(const RealRow& row, const std::string& directory, const RowLimits& limits) {
  const RealPlace place = {.directory = directory + "/" + row.name,
                           .timeout_s = limits.timeout_s,
                           .max_rss_bytes = limits.max_rss_bytes,
                           .cancel = limits.cancel};
  return {
      .info = {.name = row.name,
               .help = row.help,
               .group = Group::kReal,
               .quick = IsQuick(row.name)},
      .prepare = [&row, place] { return PrepareReal(row, place); },
      .run = [&row, place](const Allocator& allocator) { return RunReal(row, place, allocator); }};
}

}  // namespace

std::vector<MatrixRow> AllRows(std::string_view argv0, const std::string& directory,
                               const RowLimits& limits) {
  std::vector<MatrixRow> rows;
  for (const SyntheticRow& row : SyntheticRows()) rows.push_back(FromSynthetic(row, argv0, limits));
  for (const RealRow& row : RealRows()) rows.push_back(FromReal(row, directory, limits));
  return rows;
}

const std::vector<std::string>& QuickRowNames() {
  static const std::vector<std::string> names = {"floor_64",
                                                 "pair_64",
                                                 "random_mixed_16_2048",
                                                 "mt_remote_t2_r50_16_2048",
                                                 "mt_remote_t8_r90_16_32768",
                                                 "mt_remote_t8_r50_16_32768_filled",
                                                 "larson_8_1024",
                                                 "pipeline_1_1_16_4096",
                                                 "strings",
                                                 "redis",
                                                 "sqlite",
                                                 "python_malloc",
                                                 "gxx_syntax"};
  return names;
}

}  // namespace hz3::bench
