#include "bench/gate/fixed_rows.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "bench/arena_fill_jobs.h"
#include "bench/gate/shared_object.h"
#include "bench/lib/bench_run.h"
#include "bench/lib/process_usage.h"
#include "bench/lib/runfiles.h"
#include "bench/lib/stats.h"
#include "testing/hot_path/golden.h"
#include "testing/hot_path/listing.h"

namespace hz3::gate {
namespace {

constexpr double kTimeoutS = 60;
constexpr uint64_t kArenaMib = 128;
constexpr double kArenaBytes = kArenaMib << 20;
// Threads meet differently in every run, so a share is made of several: a new baseline is so far
// below the worst of many, and one that was too low is judged by the median of some. Few runs for
// a baseline miss the low ones that the median of an unchanged tree then falls below.
constexpr uint64_t kBaselineSeeds = 20;
constexpr uint64_t kJudgeSeeds = 9;
constexpr double kShareMargin = 0.5;

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Measurement Skipped(std::string why) { return {.skipped = std::move(why)}; }
Measurement Failed(std::string why) { return {.failure = std::move(why)}; }

bench::Allocator AllocatorOf(const Subject& subject) {
  return {"hz3-" + subject.lane, subject.library, true};
}

// The arguments with the run's length in the place of "{n}".
std::vector<std::string> WithLength(std::vector<std::string> args, uint64_t n) {
  constexpr std::string_view kPlace = "{n}";
  for (std::string& arg : args) {
    const size_t at = arg.find(kPlace);
    if (at != std::string::npos) arg.replace(at, kPlace.size(), std::to_string(n));
  }
  return args;
}

// The first line in which the two differ.
std::string FirstDifference(const std::vector<std::string>& is,
                            const std::vector<std::string>& was) {
  const size_t common = std::min(is.size(), was.size());
  for (size_t i = 0; i < common; ++i) {
    if (is[i] != was[i]) return "'" + is[i] + "' for '" + was[i] + "'";
  }
  return std::to_string(is.size()) + " instructions for " + std::to_string(was.size());
}

}  // namespace

Measurement FixedRows::Measure(const GateRow& row, const Subject& subject) const {
  return std::visit([&](const auto& what) { return MeasureRow(what, subject); }, row.what);
}

std::string FixedRows::Program(const std::string& path) const {
  return path.starts_with('/') ? path : bench::FindRunfile(argv0_, path);
}

std::string FixedRows::MadeWith(const Subject& subject, bool counted) const {
  std::string compiler = CompilerOf(Contents(subject.library));
  if (compiler.empty()) compiler = "unknown-compiler";
  return counted ? compiler + "/" + counter_.tool_name() : compiler;
}

Measurement FixedRows::MeasureRow(const HotPathRow&, const Subject& subject) const {
  const std::string name = GoldenFile(Contents(subject.library));
  if (name.empty()) return Skipped("no golden listings for " + MadeWith(subject, false));
  if (!HasObjdump()) return Skipped("there is no objdump");
  const std::string golden =
      Contents(bench::FindRunfile(argv0_, "testing/hot_path/golden/" + name));
  Figure differs{"differs", 0};
  for (const std::string function : kHotFunctions) {
    std::string failure;
    const std::vector<std::string> is = HitPath(Disassembly(subject.library, function, &failure));
    if (!failure.empty()) return Failed(failure);
    const std::vector<std::string> was = GoldenLines(golden, function);
    if (is == was) continue;
    ++differs.value;
    if (differs.note.empty()) differs.note = function + ": " + FirstDifference(is, was);
  }
  return {.figures = {differs}};
}

Measurement FixedRows::MeasureRow(const LibrarySizeRow&, const Subject& subject) const {
  const std::optional<uint64_t> bytes = LoadedBytes(Contents(subject.library));
  if (!bytes) return Failed(subject.library + " is no library");
  return {.figures = {{"loaded_bytes", static_cast<double>(*bytes)}},
          .made_with = MadeWith(subject, false)};
}

Measurement FixedRows::MeasureRow(const StartRow& row, const Subject& subject) const {
  if (!counter_.works()) return Skipped(InstructionCounter::kNoTool);
  std::vector<std::string> argv = {Program(row.program)};
  argv.insert(argv.end(), row.args.begin(), row.args.end());
  const InstructionCount without = counter_.Count(argv, "");
  if (!without.failure.empty()) return Skipped(row.program + ": " + without.failure);
  const InstructionCount with = counter_.Count(argv, subject.library);
  if (!with.failure.empty()) return Failed(with.failure);
  return {.figures = {{"start_instructions",
                       static_cast<double>(with.all) - static_cast<double>(without.all)}},
          .made_with = MadeWith(subject, true)};
}

Measurement FixedRows::MeasureRow(const FirstBlocksRow& row, const Subject& subject) const {
  if (counter_.tool() != InstructionCounter::Tool::kCallgrind) {
    return Skipped("only callgrind can tell what runs inside the library");
  }
  std::vector<std::string> argv = {Program(row.program)};
  argv.insert(argv.end(), row.args.begin(), row.args.end());
  const InstructionCount count = counter_.Count(argv, subject.library);
  if (!count.failure.empty()) return Failed(count.failure);
  return {.figures = {{"start_instructions", static_cast<double>(count.inside)}},
          .made_with = MadeWith(subject, true)};
}

Measurement FixedRows::RunProgram(const std::string& program, const std::vector<std::string>& args,
                                  const Subject& subject,
                                  const std::vector<std::string>& fields) const {
  bench::Command command;
  command.argv = {Program(program)};
  command.argv.insert(command.argv.end(), args.begin(), args.end());
  command.env = {{"HZ3_DECAY_MS", "never"}};
  command.timeout_s = kTimeoutS;
  command.max_rss_bytes = bench::AvailableMemoryBytes() / 10 * 9;
  const bench::BenchRun run = bench::RunBench(AllocatorOf(subject), command);
  if (!run.failure.empty()) return Failed(run.failure);
  Measurement measurement;
  for (const std::string& field : fields) {
    const std::optional<double> value = run.fields.Number(field);
    if (!value) return Failed("the report has no " + field);
    measurement.figures.push_back({field, *value});
  }
  return measurement;
}

Measurement FixedRows::MeasureRow(const ServedRow& row, const Subject& subject) const {
  return RunProgram(row.program, row.args, subject, {"alloc_failed"});
}

Measurement FixedRows::MeasureRow(const FootprintRow&, const Subject& subject) const {
  return RunProgram(
      "bench/gate/footprint", {}, subject,
      {"alloc_failed", "lost_bytes", "lost_slots", "cached_small_bytes", "cached_medium_bytes",
       "cached_wide_bytes", "metadata_bytes", "peak_committed_bytes"});
}

Measurement FixedRows::MeasureRow(const InstructionsRow& row, const Subject& subject) const {
  if (!counter_.works()) return Skipped(InstructionCounter::kNoTool);
  uint64_t inside[2];
  const uint64_t lengths[] = {row.short_n, row.long_n};
  for (size_t i = 0; i < 2; ++i) {
    std::vector<std::string> argv = WithLength(row.args, lengths[i]);
    argv.insert(argv.begin(), Program(row.program));
    const InstructionCount count = counter_.Count(argv, subject.library);
    if (!count.failure.empty()) return Failed(count.failure);
    inside[i] = count.inside;
  }
  const double ops = static_cast<double>(row.long_n - row.short_n);
  const double more = static_cast<double>(inside[1]) - static_cast<double>(inside[0]);
  return {.figures = {{"instructions", more / ops}}, .made_with = MadeWith(subject, true)};
}

Measurement FixedRows::MeasureRow(const TimedRow&, const Subject&) const {
  return Skipped("a timed row is not measured once");
}

// What was live at the first failure: up to there nothing failed.
Measurement FixedRows::RunFill(const FillRow& row, const Subject& subject, uint64_t seed) const {
  bench::FillJob job;
  job.allocator = AllocatorOf(subject);
  job.workload = row.workload;
  job.arena_mib = kArenaMib;
  job.scale_mib = kArenaMib;
  job.seed = seed;
  if (row.wants_trace) job.more_args = {"--trace=" + Program("testing/data/python_json.trace")};
  bench::ProcessRunner runner(Program("bench/arena_fill_workload"),
                              {kTimeoutS, bench::AvailableMemoryBytes() / 10 * 9});
  const bench::FillOutcome outcome = runner(job);
  if (!outcome.Succeeded()) return Failed(outcome.failure);
  const std::optional<double> live = outcome.fields.Number("live_at_first_failure");
  if (!live) return Failed("the report has no live_at_first_failure");
  return {.figures = {{"live_pct", *live / kArenaBytes * 100}}};
}

Measurement FixedRows::MeasureRow(const FillRow& row, const Subject& subject) const {
  return RunFill(row, subject, 1);
}

Measurement FixedRows::RunFills(const FillRow& row, const Subject& subject, uint64_t seeds,
                                bench::Summary* shares) const {
  std::vector<double> values;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    const Measurement run = RunFill(row, subject, seed);
    if (!run.failure.empty()) return run;
    values.push_back(run.figures[0].value);
  }
  *shares = bench::Summarize(values);
  return {};
}

Measurement FixedRows::MeasureAgain(const FillRow& row, const Subject& subject) const {
  bench::Summary shares;
  Measurement again = RunFills(row, subject, kJudgeSeeds, &shares);
  if (!again.failure.empty()) return again;
  again.figures = {
      {"live_pct", shares.median,
       "median of " + std::to_string(kJudgeSeeds) + ": " + bench::WithRange(shares, 1)}};
  return again;
}

Measurement FixedRows::MeasureForBaseline(const FillRow& row, const Subject& subject) const {
  bench::Summary shares;
  Measurement worst = RunFills(row, subject, kBaselineSeeds, &shares);
  if (!worst.failure.empty()) return worst;
  worst.figures = {{"live_pct", std::floor(std::min(100.0, shares.min) - kShareMargin)}};
  return worst;
}

}  // namespace hz3::gate
