#include "bench/arena_fill_jobs.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "bench/lib/subprocess.h"

namespace hz3::bench {
namespace {

constexpr uint64_t kMib = uint64_t{1} << 20;
constexpr char kBare[] = "--bare";

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string WhyFailed(const RunResult& run) {
  const std::string line = run.err.substr(0, run.err.find('\n'));
  return line.empty() ? run.EndText() : run.EndText() + ": " + line;
}

// The loader only warns when it cannot preload a library; such a run measured another allocator.
bool RanUnder(const Allocator& allocator, const ReportFields& fields) {
  return allocator.preload.empty() || fields.Text("malloc") == BaseName(allocator.preload);
}

}  // namespace

FillOutcome ProcessRunner::operator()(const FillJob& job) {
  std::vector<std::string> argv = Arguments(job);
  if (!job.allocator.is_ours && job.arena_mib > 0) {
    const uint64_t bare = BareAddressSpace(job);
    if (bare == 0) return {ReportFields(""), "the bare process does not run"};
    argv.push_back("--limit_as_bytes=" + std::to_string(bare + job.arena_mib * kMib));
  }
  return Start(job, argv);
}

std::vector<std::string> ProcessRunner::Arguments(const FillJob& job) const {
  std::vector<std::string> argv = {program_, "--workload=" + job.workload,
                                   "--scale_mib=" + std::to_string(job.scale_mib)};
  const auto add = [&argv](const std::string& name, uint64_t value) {
    if (value > 0) argv.push_back("--" + name + "=" + std::to_string(value));
  };
  add("target_pct", job.target_pct);
  add("work", job.work);
  add("failing_mallocs", job.failing_mallocs);
  add("seed", job.seed);
  if (job.count_failures) argv.push_back("--on_failure=count");
  argv.insert(argv.end(), job.more_args.begin(), job.more_args.end());
  return argv;
}

FillOutcome ProcessRunner::Start(const FillJob& job, const std::vector<std::string>& argv) const {
  const bool bare = argv.back() == kBare;
  const bool arena = job.allocator.is_ours && job.arena_mib > 0;
  const RunResult run =
      RunCommand({.argv = argv,
                  .env = {{"LD_PRELOAD", job.allocator.preload},
                          {"HZ3_ARENA_MIB", arena ? std::to_string(job.arena_mib) : ""},
                          // The C library's arenas are no part of what a bare process needs.
                          {"MALLOC_ARENA_MAX", bare ? "1" : ""}},
                  .timeout_s = limits_.timeout_s,
                  .max_rss_bytes = limits_.max_rss_bytes});
  FillOutcome outcome;
  outcome.fields = ReportFields(run.out);
  if (!run.Succeeded()) {
    outcome.failure = WhyFailed(run);
  } else if (!RanUnder(job.allocator, outcome.fields)) {
    outcome.failure = "not preloaded: " + run.err.substr(0, run.err.find('\n'));
  }
  return outcome;
}

uint64_t ProcessRunner::BareAddressSpace(const FillJob& job) {
  FillJob bare = job;
  bare.allocator = {"glibc", "", false};
  bare.seed = 1;
  std::vector<std::string> argv = Arguments(bare);
  argv.push_back(kBare);
  const auto known = bare_bytes_.find(argv);
  if (known != bare_bytes_.end()) return known->second;
  const double bytes = Start(bare, argv).fields.Number("bare_bytes").value_or(0);
  return bare_bytes_[argv] = static_cast<uint64_t>(bytes);
}

Summary FillRow::Of(const std::string& key, double factor) const {
  std::vector<double> values;
  for (const ReportFields& run : runs) {
    if (const std::optional<double> value = run.Number(key)) values.push_back(*value * factor);
  }
  return Summarize(std::move(values));
}

std::vector<FillRow> RunAll(const std::vector<FillJob>& jobs, int runs, const FillRunner& runner,
                            const FillProgress& progress) {
  std::vector<FillRow> rows;
  for (const FillJob& job : jobs) rows.push_back({job, {}, {}});
  for (int round = 0; round < runs; ++round) {
    for (FillRow& row : rows) {
      FillJob job = row.job;
      job.seed += static_cast<uint64_t>(round);
      progress(job, "");
      FillOutcome outcome = runner(job);
      progress(job, outcome.Succeeded() ? "done" : outcome.failure);
      if (outcome.Succeeded()) {
        row.runs.push_back(std::move(outcome.fields));
      } else {
        row.failures.push_back(std::move(outcome.failure));
      }
    }
  }
  return rows;
}

namespace {

// One arena size: whether nothing failed in any run. Stops at the first failure.
class Trial {
 public:
  Trial(FillJob job, int runs, const FillRunner& runner, const FillProgress& progress)
      : job_(std::move(job)), runs_(runs), runner_(runner), progress_(progress) {}

  bool NothingFails(uint64_t arena_mib) {
    job_.arena_mib = arena_mib;
    double peak = 0;
    for (int i = 0; i < runs_; ++i) {
      FillJob job = job_;
      job.seed += static_cast<uint64_t>(i);
      if (!RunHolds(job, &peak)) return false;
    }
    peak_live_bytes_ = peak;
    return true;
  }

  double peak_live_bytes() const { return peak_live_bytes_; }
  const std::string& failure() const { return failure_; }

 private:
  bool RunHolds(const FillJob& job, double* peak) {
    progress_(job, "");
    const FillOutcome outcome = runner_(job);
    const std::optional<double> failed = outcome.fields.Number("alloc_failed");
    const bool holds = outcome.Succeeded() && failed == 0.0;
    if (!outcome.Succeeded()) failure_ = outcome.failure;
    progress_(job, holds ? "enough" : (outcome.Succeeded() ? "too small" : outcome.failure));
    *peak = std::max(*peak, outcome.fields.Number("peak_live_bytes").value_or(0));
    return holds;
  }

  FillJob job_;
  const int runs_;
  const FillRunner& runner_;
  const FillProgress& progress_;
  double peak_live_bytes_ = 0;
  std::string failure_;
};

}  // namespace

SmallestArena FindSmallestArena(const FillJob& job, int runs, uint64_t max_mib,
                                const FillRunner& runner, const FillProgress& progress) {
  Trial trial(job, runs, runner, progress);
  // Steps: too_small is known to fail (no arena is smaller than one step), enough to hold.
  uint64_t too_small = 0;
  uint64_t enough = (max_mib + kArenaStepMib - 1) / kArenaStepMib;
  if (!trial.NothingFails(enough * kArenaStepMib)) return {0, 0, trial.failure()};
  double peak = trial.peak_live_bytes();
  // What is live at the target cannot fit into less: no need to try.
  too_small = std::min(enough - 1, job.scale_mib * job.target_pct / 100 / kArenaStepMib / 2);
  while (enough - too_small > 1) {
    const uint64_t middle = too_small + (enough - too_small) / 2;
    if (trial.NothingFails(middle * kArenaStepMib)) {
      enough = middle;
      peak = trial.peak_live_bytes();
    } else {
      too_small = middle;
    }
  }
  return {enough * kArenaStepMib, peak, trial.failure()};
}

}  // namespace hz3::bench
