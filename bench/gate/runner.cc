#include "bench/gate/runner.h"

#include <cstdio>
#include <optional>
#include <utility>

#include "bench/gate/judge.h"
#include "bench/gate/sequential.h"
#include "bench/lib/bench_run.h"
#include "bench/lib/process_usage.h"
#include "bench/lib/runfiles.h"

namespace hz3::gate {
namespace {

using Clock = std::chrono::steady_clock;

// A run that takes so much longer than any should is hung.
constexpr double kRunTimeoutS = 60;
constexpr uint64_t kSeed = 1;  // of the orders
// Pairs that a committed ratio is made of.
constexpr int kBaselineRounds = static_cast<int>(kLooks[1]);

void Say(const std::string& text) { std::fprintf(stderr, "gate: %s\n", text.c_str()); }

TimedSample RunOnce(const std::string& program, const std::vector<std::string>& args,
                    const bench::Allocator& allocator) {
  bench::Command command;
  command.argv = {program};
  command.argv.insert(command.argv.end(), args.begin(), args.end());
  command.timeout_s = kRunTimeoutS;
  command.max_rss_bytes = bench::AvailableMemoryBytes() / 10 * 9;
  const bench::BenchRun run = bench::RunBench(allocator, command);
  TimedSample sample;
  sample.failure = run.failure;
  const auto number = [&run](const char* key) { return run.fields.Number(key).value_or(0); };
  // Without what the bench itself needs, which would hide a change of the allocator's.
  sample.rss_bytes = number("peak_rss_bytes") - number("own_rss_bytes");
  sample.cpu = number("cpu_ns_per_op");
  if (sample.failure.empty() && number("alloc_failed") > 0) sample.failure = "allocations failed";
  return sample;
}

}  // namespace

Runner::Runner(std::string argv0, GatePlan plan, const Baselines& baselines)
    : argv0_(std::move(argv0)),
      plan_(std::move(plan)),
      baselines_(baselines),
      counter_(plan_.counter),
      fixed_(argv0_, counter_),
      begin_(Clock::now()) {}

double Runner::Elapsed() const {
  return std::chrono::duration<double>(Clock::now() - begin_).count();
}

std::vector<Finding> Runner::Run() {
  for (const GateRow& row : plan_.rows) {
    if (row.is_timed()) continue;
    for (const Subject& subject : plan_.subjects) RunFixed(row, subject);
  }
  RunTimed();
  return std::move(findings_);
}

Measurement Runner::Measure(const GateRow& row, const Subject& subject) const {
  const auto* fill = std::get_if<FillRow>(&row.what);
  if (fill == nullptr) return fixed_.Measure(row, subject);
  if (plan_.for_baselines) return fixed_.MeasureForBaseline(*fill, subject);
  Measurement measurement = fixed_.Measure(row, subject);
  const std::optional<double> share = baselines_.Find({row.name, subject.lane, "live_pct", "-"});
  const bool too_low =
      share && !measurement.figures.empty() && measurement.figures[0].value < *share;
  if (too_low) measurement = fixed_.MeasureAgain(*fill, subject);
  return measurement;
}

void Runner::RunFixed(const GateRow& row, const Subject& subject) {
  Say(row.name + " " + subject.lane);
  const double before = Elapsed();
  const Measurement measurement = Measure(row, subject);
  const double seconds = Elapsed() - before;
  if (!measurement.failure.empty() || !measurement.skipped.empty()) {
    const bool failed = !measurement.failure.empty();
    findings_.push_back({.row = row.name,
                         .lane = subject.lane,
                         .figure = "run",
                         .outcome = failed ? Outcome::kFail : Outcome::kSkipped,
                         .note = failed ? measurement.failure : measurement.skipped,
                         .seconds = seconds});
    return;
  }
  for (const Figure& figure : measurement.figures) {
    AddFigure(row, subject, measurement, figure, seconds);
  }
  CompareInstructions(row, subject, measurement);
}

void Runner::AddFigure(const GateRow& row, const Subject& subject, const Measurement& measurement,
                       const Figure& figure, double seconds) {
  Finding finding{.row = row.name, .lane = subject.lane, .figure = figure.name};
  finding.value = figure.value;
  finding.made_with = measurement.made_with;
  finding.seconds = seconds / static_cast<double>(measurement.figures.size());
  Judge(RuleOf(figure.name),
        baselines_.Find({row.name, subject.lane, figure.name, measurement.made_with}), &finding);
  if (!figure.note.empty()) finding.note = figure.note;
  findings_.push_back(std::move(finding));
}

// The other build, counted by the same tool on the same machine, needs no committed figure.
void Runner::CompareInstructions(const GateRow& row, const Subject& subject,
                                 const Measurement& measurement) {
  const auto other = plan_.against.find(subject.lane);
  if (other == plan_.against.end() || !std::holds_alternative<InstructionsRow>(row.what)) return;
  const Measurement reference = fixed_.Measure(row, {subject.lane, other->second});
  if (reference.figures.empty()) return;
  Finding finding{.row = row.name, .lane = subject.lane, .figure = "instructions_to_against"};
  finding.value = measurement.figures[0].value / reference.figures[0].value;
  finding.made_with = measurement.made_with;
  Judge(RuleOf(finding.figure), 1, &finding);
  findings_.push_back(std::move(finding));
}

std::vector<Arm> Runner::ArmsOf(const TimedRow& row, const Subject& subject) const {
  const std::string program = bench::FindRunfile(argv0_, row.program);
  const auto arm = [&](const std::string& name, const std::string& library) {
    return Arm{name, [program, args = row.args,
                      allocator = bench::Allocator{name, library, !library.empty()}] {
                 return RunOnce(program, args, allocator);
               }};
  };
  std::vector<Arm> arms = {arm("hz3", subject.library), arm("libc", "")};
  const auto other = plan_.against.find(subject.lane);
  if (other != plan_.against.end()) arms.push_back(arm("against", other->second));
  return arms;
}

std::vector<TimedRun> Runner::TimedRuns() const {
  std::vector<TimedRun> runs;
  const Subject& subject = plan_.subjects.front();
  for (const GateRow& row : plan_.rows) {
    if (const auto* timed = std::get_if<TimedRow>(&row.what)) {
      runs.emplace_back(row.name, subject.lane, ArmsOf(*timed, subject), &baselines_,
                        kSeed + runs.size());
    }
  }
  return runs;
}

bool Runner::HasTimeFor(const TimedRun& run) const {
  return Elapsed() + run.longest_round_s() < plan_.time_limit_s;
}

bool Runner::IsDone(const TimedRun& run) const {
  if (!HasTimeFor(run)) return true;
  return plan_.for_baselines ? run.rounds() >= kBaselineRounds : run.IsDecided();
}

// All rows in turn: a machine that is disturbed for a minute disturbs one round of each.
void Runner::RunTimed() {
  std::vector<TimedRun> runs = TimedRuns();
  for (bool ran = true; ran;) {
    ran = false;
    size_t open = 0;
    for (TimedRun& run : runs) {
      if (IsDone(run)) continue;
      run.RunRound();
      ran = true;
      ++open;
    }
    if (ran) {
      char text[80];
      std::snprintf(text, sizeof(text), "a round of %zu timed rows, %.0f s of at most %.0f s", open,
                    Elapsed(), plan_.time_limit_s);
      Say(text);
    }
  }
  for (const TimedRun& run : runs) {
    for (Finding& finding : run.Findings()) findings_.push_back(std::move(finding));
  }
}

}  // namespace hz3::gate
