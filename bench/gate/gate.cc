// The merge gate: decides whether a tree may be merged, by exit code, table, JSON and JUnit XML.
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_split.h"
#include "bench/gate/baselines.h"
#include "bench/gate/junit.h"
#include "bench/gate/reference.h"
#include "bench/gate/report.h"
#include "bench/gate/rows.h"
#include "bench/gate/runner.h"
#include "bench/lib/json_writer.h"
#include "bench/lib/machine.h"
#include "bench/lib/matches.h"
#include "bench/lib/runfiles.h"
#include "bench/lib/temp_dir.h"
#include "bench/lib/tool_flags.h"

ABSL_FLAG(bool, quick, false, "a few rows of each kind; --minutes is 3 then");
ABSL_FLAG(std::string, rows, "", "only these, by name or shell pattern, with commas between");
ABSL_FLAG(std::string, lanes, "scale,fast", "of hz3; timed rows measure the first one only");
ABSL_FLAG(std::string, library, "", "judge this library instead of this tree's, as the first lane");
ABSL_FLAG(std::string, against, "",
          "another build to measure against: a library, a directory with them, or a git revision, "
          "which is built");
ABSL_FLAG(double, minutes, 0, "starts no timed round that may end later; 0: 9, quick 3");
ABSL_FLAG(std::string, counter, "auto", "of instructions: callgrind, perf, or auto, what works");
ABSL_FLAG(std::string, baselines, "", "committed figures; empty: those of this repository");
ABSL_FLAG(bool, update, false, "measure, write the baselines anew and print what changed");
ABSL_FLAG(std::string, json, "", "write all findings to this file");
ABSL_FLAG(std::string, junit, "", "write them there as JUnit XML; empty: $XML_OUTPUT_FILE, if set");
ABSL_FLAG(bool, list, false, "print the rows");

namespace hz3::gate {
namespace {

constexpr char kDescription[] =
    "The merge gate: runs hz3's rows, holds them against committed baselines, and exits with 0\n"
    "when none of them fails, 1 when one does, 2 when it could not run. docs/gate.md says how.\n";
constexpr char kBaselinesPath[] = "bench/gate/baselines.txt";
constexpr int kCpus = 2;

[[noreturn]] void Refuse(const std::string& reason) {
  std::fprintf(stderr, "gate: %s\n", reason.c_str());
  std::exit(2);
}

std::vector<std::string> Words(const std::string& text) {
  return absl::StrSplit(text, ',', absl::SkipEmpty());
}

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Where `bazel run` was called; below it, what a user's relative path means.
std::string WorkingDirectory() { return Environment("BUILD_WORKING_DIRECTORY"); }

std::string UserPath(const std::string& path) {
  if (path.empty() || path.starts_with('/') || WorkingDirectory().empty()) return path;
  return WorkingDirectory() + "/" + path;
}

std::vector<GateRow> ChosenRows() {
  const std::vector<std::string> patterns = Words(absl::GetFlag(FLAGS_rows));
  std::vector<GateRow> chosen;
  for (const GateRow& row : GateRows()) {
    const bool wanted = patterns.empty() ? row.quick || !absl::GetFlag(FLAGS_quick)
                                         : bench::MatchesAny(row.name, patterns);
    if (wanted) chosen.push_back(row);
  }
  for (const std::string& pattern : patterns) {
    const bool known = std::any_of(chosen.begin(), chosen.end(), [&](const GateRow& row) {
      return bench::MatchesAny(row.name, {pattern});
    });
    if (!known) Refuse("no row '" + pattern + "' (see --list)");
  }
  return chosen;
}

std::vector<std::string> ChosenLanes() {
  const std::vector<std::string> lanes = Words(absl::GetFlag(FLAGS_lanes));
  for (const std::string& lane : lanes) {
    if (lane != "scale" && lane != "fast") Refuse("--lanes: no lane '" + lane + "'");
  }
  if (lanes.empty()) Refuse("--lanes names no lane");
  return lanes;
}

std::vector<Subject> Subjects(const std::vector<std::string>& lanes, const std::string& argv0) {
  const std::string library = UserPath(absl::GetFlag(FLAGS_library));
  if (!library.empty()) {
    if (!std::ifstream(library).is_open()) Refuse("cannot read " + library);
    return {{lanes.front(), library}};
  }
  std::vector<Subject> subjects;
  for (const std::string& lane : lanes) {
    const std::string name = "libhakozuna_hz3_" + lane + ".so";
    const std::string path = bench::FindRunfile(argv0, "hz3/" + name);
    if (path.empty()) Refuse(name + " is not beside this program");
    subjects.push_back({lane, path});
  }
  return subjects;
}

double TimeLimitS() {
  const double minutes = absl::GetFlag(FLAGS_minutes);
  if (minutes < 0) Refuse("--minutes must not be negative");
  if (minutes > 0) return minutes * 60;
  return absl::GetFlag(FLAGS_quick) ? 180 : 540;
}

// Shards, caches and speed depend on the number of processors, so everything runs on two of them.
void StayOnTwoCpus() {
  cpu_set_t all;
  if (sched_getaffinity(0, sizeof(all), &all) != 0) return;
  cpu_set_t two;
  CPU_ZERO(&two);
  for (size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&two) < kCpus; ++cpu) {
    if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &two);
  }
  sched_setaffinity(0, sizeof(two), &two);
  if (CPU_COUNT(&two) < kCpus) {
    std::fprintf(stderr, "gate: fewer than two processors: some baselines do not fit\n");
  }
}

// The checkout of this repository that the gate was started in; empty when that is a project that
// only depends on it.
std::string OwnWorkspace(const std::string& argv0) {
  const std::string started_in = Environment("BUILD_WORKSPACE_DIRECTORY");
  const std::string workspace = started_in.empty() ? "." : started_in;
  std::error_code error;
  const bool own = std::filesystem::equivalent(workspace + "/" + kBaselinesPath,
                                               bench::FindRunfile(argv0, kBaselinesPath), error);
  return own ? workspace : "";
}

// What is read: the copy beside this program, or --baselines.
std::string BaselinesToRead(const std::string& argv0) {
  const std::string given = UserPath(absl::GetFlag(FLAGS_baselines));
  return given.empty() ? bench::FindRunfile(argv0, kBaselinesPath) : given;
}

// What --update writes: the file in the tree, or --baselines.
std::string BaselinesToWrite(const std::string& argv0) {
  const std::string given = UserPath(absl::GetFlag(FLAGS_baselines));
  if (!given.empty()) return given;
  const std::string workspace = OwnWorkspace(argv0);
  if (workspace.empty() || Environment("BUILD_WORKSPACE_DIRECTORY").empty()) {
    Refuse("--update needs `bazel run` in a checkout of hakozuna, or --baselines=FILE");
  }
  return workspace + "/" + kBaselinesPath;
}

Baselines ReadBaselines(const std::string& path) {
  std::ifstream file(path);
  if (!file.is_open()) Refuse("cannot read the baselines " + path);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::string error;
  std::optional<Baselines> baselines = Baselines::Parse(text, &error);
  if (!baselines) Refuse(path + ": " + error);
  return *baselines;
}

void Write(const std::string& path, const std::string& text) {
  if (!bench::WriteFile(path, text)) Refuse("cannot write " + path);
}

void WriteReports(const std::vector<Finding>& findings, double seconds) {
  const std::string json = UserPath(absl::GetFlag(FLAGS_json));
  if (!json.empty()) Write(json, Json(findings, ToString(bench::ThisMachine()), seconds));
  std::string junit = UserPath(absl::GetFlag(FLAGS_junit));
  if (junit.empty()) junit = Environment("XML_OUTPUT_FILE");
  if (!junit.empty()) Write(junit, JunitXml(findings));
}

// Whether a figure is committed: what must be 0 needs no baseline.
bool HasBaseline(const Finding& finding) {
  return finding.value.has_value() && !(finding.limit == 0.0 && !finding.baseline) &&
         !finding.figure.ends_with("_to_against");
}

// Figures that could not be measured stay as they are.
int Update(const std::string& path, const Baselines& before, const std::vector<Finding>& findings) {
  Baselines after = before;
  for (const Finding& finding : findings) {
    if (!HasBaseline(finding)) continue;
    after.Set({finding.row, finding.lane, finding.figure, finding.made_with}, *finding.value);
  }
  Write(path, after.Text());
  const std::vector<std::string> changes = Changes(before, after);
  std::printf("%s: %zu figures changed; say why in the commit:\n", path.c_str(), changes.size());
  for (const std::string& change : changes) std::printf("  %s\n", change.c_str());
  for (const Finding& finding : findings) {
    if (finding.value) continue;
    std::printf("not measured: %s %s: %s\n", finding.row.c_str(), finding.lane.c_str(),
                finding.note.c_str());
  }
  return 0;
}

int PrintList() {
  for (const GateRow& row : GateRows()) {
    std::printf("%-40s %s%s\n", row.name.c_str(), row.help.c_str(), row.quick ? " [quick]" : "");
  }
  return 0;
}

// A path of the user's is preferred to a revision of the same name.
std::string AgainstPath(const std::string& against) {
  const std::string path = UserPath(against);
  return std::ifstream(path).is_open() ? path : against;
}

int Main(int argc, char** argv) {
  bench::ParseToolFlagsOrExit(argc, argv, kDescription);
  if (absl::GetFlag(FLAGS_list)) return PrintList();
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<std::string> lanes = ChosenLanes();
  GatePlan plan;
  plan.rows = ChosenRows();
  plan.subjects = Subjects(lanes, argv[0]);
  plan.time_limit_s = TimeLimitS();
  plan.for_baselines = absl::GetFlag(FLAGS_update);
  plan.counter = absl::GetFlag(FLAGS_counter);
  if (plan.counter != "auto" && plan.counter != "callgrind" && plan.counter != "perf") {
    Refuse("--counter must be auto, callgrind or perf");
  }
  const std::string updated = plan.for_baselines ? BaselinesToWrite(argv[0]) : "";
  const Baselines baselines = ReadBaselines(BaselinesToRead(argv[0]));
  const bench::TempDir directory;
  if (const std::string against = absl::GetFlag(FLAGS_against); !against.empty()) {
    Reference reference =
        ResolveReference(AgainstPath(against), lanes, OwnWorkspace(argv[0]), directory.path());
    if (!reference.error.empty()) Refuse("--against: " + reference.error);
    plan.against = std::move(reference.libraries);
  }
  StayOnTwoCpus();
  const std::vector<Finding> findings = Runner(argv[0], std::move(plan), baselines).Run();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (absl::GetFlag(FLAGS_update)) return Update(updated, baselines, findings);
  std::printf("%s\n\n%s\n%s\n", ToString(bench::ThisMachine()).c_str(), TableText(findings).c_str(),
              SummaryText(findings, seconds).c_str());
  WriteReports(findings, seconds);
  return Count(findings).failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace hz3::gate

int main(int argc, char** argv) { return hz3::gate::Main(argc, argv); }
