// The matrix: every synthetic load and every real program under hz3 and the other allocators of
// this machine, with a verdict for each row against the best of them. docs/benchmarks.md says how
// to read it.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_split.h"
#include "bench/lib/allocator_flags.h"
#include "bench/lib/allocators.h"
#include "bench/lib/comparison.h"
#include "bench/lib/json_writer.h"
#include "bench/lib/machine.h"
#include "bench/lib/matches.h"
#include "bench/lib/process_usage.h"
#include "bench/lib/temp_dir.h"
#include "bench/lib/tool_flags.h"
#include "bench/matrix/report.h"
#include "bench/matrix/results.h"
#include "bench/matrix/rows.h"
#include "bench/matrix/runner.h"
#include "bench/matrix/summary.h"
#include "bench/matrix/verdict.h"

// A default of 0 stands for a value that depends on --quick; the help text says which.
ABSL_FLAG(std::string, rows, "", "only these: names, prefix*, *part*, with commas between");
ABSL_FLAG(bool, list, false, "print the rows that would run, and what each of them is");
ABSL_FLAG(std::string, group, "all", "synthetic, real or all");
ABSL_FLAG(std::string, lanes, "", "of hz3: scale, fast or scale,fast; empty: both");
ABSL_FLAG(int32_t, runs, 0, "runs of each row and allocator; 0: 5, quick 3; verdicts need 5");
ABSL_FLAG(bool, quick, false, "3 runs, without --rows of a few rows only: a look, no verdicts");
ABSL_FLAG(double, min_pct, 2, "a smaller difference from the best peer, in %, is even");
ABSL_FLAG(double, run_timeout_s, 60, "kills a longer run, which then counts as failed; 0: none");
ABSL_FLAG(uint64_t, seed, 1, "of the random order of the allocators in each round");
ABSL_FLAG(bool, check, false, "exit with 1 when hz3 is behind in any row");
ABSL_FLAG(std::string, json, "", "write every run, the verdicts and the noise to this file too");
ABSL_FLAG(bool, markdown, false, "print the tables as Markdown");

namespace hz3::bench {
namespace {

constexpr char kDescription[] =
    "Runs every row, made-up loads and real programs, under hz3 and the other allocators of this\n"
    "machine, interleaved, and says for CPU time and peak RSS where hz3 is ahead of the best peer\n"
    "of the row, even with it, or behind. Measures for minutes: see --list, --rows and --quick.\n"
    "Ctrl-C ends it with a report of the rows that were complete.\n"
    "Exits with 1 when a run of hz3 failed, with --check also when hz3 is behind in a row.\n";

constexpr int kMaxRuns = 100;
constexpr int kInterrupted = 128 + SIGINT;

[[noreturn]] void Refuse(const std::string& reason) {
  std::fprintf(stderr, "peers: %s\n", reason.c_str());
  std::exit(2);
}

std::atomic<bool> is_cancelled = false;

void Cancel(int) { is_cancelled = true; }

// Any number of signals is one wish to stop: some senders send to the process and to its group.
void CancelOnSignals() {
  struct sigaction action = {};
  action.sa_handler = Cancel;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

std::vector<std::string> Words(const std::string& text) {
  return absl::StrSplit(text, ',', absl::SkipEmpty());
}

bool Holds(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

int RunsFromFlags() {
  const int runs = absl::GetFlag(FLAGS_runs);
  if (runs < 0 || runs > kMaxRuns) Refuse("--runs must be 1.." + std::to_string(kMaxRuns));
  if (runs > 0) return runs;
  return absl::GetFlag(FLAGS_quick) ? 3 : 5;
}

VerdictRules RulesFromFlags() {
  VerdictRules rules;
  const double min_pct = absl::GetFlag(FLAGS_min_pct);
  // Written so that NaN is refused too.
  if (!(min_pct >= 0 && min_pct <= 100)) Refuse("--min_pct must be 0..100");
  rules.min_share = min_pct / 100;
  return rules;
}

RowLimits LimitsFromFlags() {
  const double timeout_s = absl::GetFlag(FLAGS_run_timeout_s);
  if (!(timeout_s >= 0)) Refuse("--run_timeout_s must not be negative");
  // The machine has to stay usable, whatever an allocator does.
  return {timeout_s, AvailableMemoryBytes() / 10 * 9, &is_cancelled};
}

std::vector<Allocator> AllocatorsFromFlags(std::string_view argv0) {
  const std::vector<std::string> lanes = Words(absl::GetFlag(FLAGS_lanes));
  for (const std::string& lane : lanes) {
    if (lane != "scale" && lane != "fast")
      Refuse("--lanes takes scale and fast, not '" + lane + "'");
  }
  const AllocatorChoice choice = ChosenAllocators(argv0);
  if (!choice.error.empty()) Refuse(choice.error);
  std::vector<Allocator> allocators;
  for (const Allocator& allocator : choice.allocators) {
    const bool is_other_lane = allocator.is_ours && !lanes.empty() &&
                               !Holds(lanes, allocator.name.substr(std::strlen("hz3-")));
    if (!is_other_lane) allocators.push_back(allocator);
  }
  return allocators;
}

// A pattern that names no row is a mistake, not a wish for less.
void CheckPatterns(const std::vector<MatrixRow>& rows, const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) {
    const bool is_used = std::any_of(rows.begin(), rows.end(), [&](const MatrixRow& row) {
      return MatchesAny(row.info.name, {pattern});
    });
    if (!is_used) Refuse("no row '" + pattern + "'; --list prints them");
  }
}

std::vector<MatrixRow> RowsFromFlags(std::vector<MatrixRow> rows) {
  const std::string group = absl::GetFlag(FLAGS_group);
  if (group != "all" && group != "synthetic" && group != "real") {
    Refuse("--group is synthetic, real or all, not '" + group + "'");
  }
  const std::vector<std::string> patterns = Words(absl::GetFlag(FLAGS_rows));
  CheckPatterns(rows, patterns);
  std::erase_if(rows, [&](const MatrixRow& row) {
    if (group != "all" && Name(row.info.group) != group) return true;
    if (!patterns.empty()) return !MatchesAny(row.info.name, patterns);
    return absl::GetFlag(FLAGS_quick) && !row.info.quick;
  });
  if (rows.empty()) Refuse("no row is in --group=" + group + " and in --rows");
  return rows;
}

void PrintList(const std::vector<MatrixRow>& rows) {
  for (const MatrixRow& row : rows) {
    std::printf("%-36s %-9s  %s%s\n", row.info.name.c_str(), Name(row.info.group).c_str(),
                row.info.help.c_str(), row.info.quick ? " [quick]" : "");
  }
}

void SaveJson(const RowResults& results, const ReportOptions& options) {
  const std::string path = absl::GetFlag(FLAGS_json);
  if (path.empty()) return;
  JsonWriter json;
  WriteReport(results, options, &json);
  if (!WriteFile(path, json.Text())) Refuse("cannot write " + path);
}

// 1, with a line on stderr for each reason, when hz3 did not do what it is for.
int ExitCode(const RowResults& results, const VerdictRules& rules) {
  const auto lines = Shortcomings(results, rules, absl::GetFlag(FLAGS_check));
  for (const std::string& line : lines) std::fprintf(stderr, "peers: FAILED: %s\n", line.c_str());
  return lines.empty() ? 0 : 1;
}

// A check without verdicts, or without hz3, would pass without having compared anything.
void RefuseEmptyCheck(const RunPlan& plan, const VerdictRules& rules) {
  if (!absl::GetFlag(FLAGS_check)) return;
  const auto is_ours = [](const Allocator& allocator) { return allocator.is_ours; };
  const auto ours = std::count_if(plan.allocators.begin(), plan.allocators.end(), is_ours);
  if (static_cast<size_t>(plan.runs) < rules.min_runs) {
    Refuse("--check needs at least " + std::to_string(rules.min_runs) + " runs");
  }
  if (ours == 0 || ours == std::ssize(plan.allocators)) {
    Refuse("--check needs hz3 and at least one peer");
  }
}

int Main(int argc, char** argv) {
  ParseToolFlagsOrExit(argc, argv, kDescription);
  const VerdictRules rules = RulesFromFlags();
  // Before there is a directory that a signal could leave behind.
  CancelOnSignals();
  // Static, so that Refuse, which ends the process, removes it too.
  static const TempDir directory;
  if (directory.path().empty()) {
    Refuse(std::string("cannot make a temporary directory: ") + std::strerror(errno));
  }
  RunPlan plan = {RowsFromFlags(AllRows(argv[0], directory.path(), LimitsFromFlags())),
                  {},
                  RunsFromFlags(),
                  absl::GetFlag(FLAGS_seed),
                  &is_cancelled};
  if (absl::GetFlag(FLAGS_list)) {
    PrintList(plan.rows);
    return 0;
  }
  plan.allocators = AllocatorsFromFlags(argv[0]);
  RefuseEmptyCheck(plan, rules);
  const RowResults results = RunMatrix(plan, StderrProgress());
  if (is_cancelled) std::fprintf(stderr, "\npeers: interrupted; %zu rows\n", results.size());
  if (results.empty()) return kInterrupted;
  const ReportOptions options = {ToString(ThisMachine()), plan.runs, rules,
                                 absl::GetFlag(FLAGS_markdown)};
  std::printf("%s", ReportText(results, options).c_str());
  SaveJson(results, options);
  if (is_cancelled) return kInterrupted;
  return ExitCode(results, rules);
}

}  // namespace
}  // namespace hz3::bench

int main(int argc, char** argv) { return hz3::bench::Main(argc, argv); }
