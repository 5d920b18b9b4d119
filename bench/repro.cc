// The main job: the seed benchmark under hz3 and under the other allocators of this machine, in one
// table. Exits with 1 when hz3 failed an allocation or a run.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "bench/lib/allocator_flags.h"
#include "bench/lib/allocators.h"
#include "bench/lib/comparison.h"
#include "bench/lib/json_writer.h"
#include "bench/lib/machine.h"
#include "bench/lib/process_usage.h"
#include "bench/lib/runfiles.h"
#include "bench/lib/stats.h"
#include "bench/lib/subprocess.h"
#include "bench/lib/table.h"
#include "bench/lib/tool_flags.h"

// A default of 0 stands for a value that depends on --quick; the help text says which.
ABSL_FLAG(bool, quick, false, "1,000,000 iterations, one run of each peer, at most 75 s of peers");
ABSL_FLAG(uint32_t, threads, 32, "threads");
ABSL_FLAG(uint64_t, iters, 0, "iterations per thread; 0: 5,000,000, quick 1,000,000");
ABSL_FLAG(uint64_t, ws, 400, "slots per thread");
ABSL_FLAG(uint64_t, min, 16, "smallest block in bytes");
ABSL_FLAG(uint64_t, max, 32768, "largest block in bytes");
ABSL_FLAG(uint32_t, remote_pct, 50, "blocks freed by the next thread, in %");
ABSL_FLAG(uint64_t, ring_slots, 65536, "blocks that wait between two threads");
ABSL_FLAG(std::string, on_full, "free", "ring full: free here, or wait for room");
ABSL_FLAG(bool, touch, false, "write the first and last byte of each block");
ABSL_FLAG(bool, fill, false, "write all bytes of each block");
ABSL_FLAG(uint64_t, max_live_mib, 0, "cap on the live bytes; 0: none");
ABSL_FLAG(uint64_t, seed, 1, "of the random numbers");
ABSL_FLAG(int32_t, runs, 3, "runs of each allocator");
ABSL_FLAG(double, run_timeout_s, 0, "kills a longer run; 0: 300, quick 30");
ABSL_FLAG(double, budget_s, 0, "starts no peer's run after so long; 0: 1800, quick 75");
ABSL_FLAG(std::string, json, "", "write all results to this file too");
ABSL_FLAG(bool, markdown, false, "print the table as Markdown");

namespace hz3::bench {
namespace {

constexpr char kDescription[] =
    "Runs the seed benchmark (threads iters ws min max remote_pct) under hz3 and the other\n"
    "allocators of this machine, interleaved, and prints one table.\n"
    "Exits with 1 when hz3 failed an allocation or a run.\n";

[[noreturn]] void Refuse(const std::string& reason) {
  std::fprintf(stderr, "repro: %s\n", reason.c_str());
  std::exit(2);
}

struct Settings {
  bool quick = absl::GetFlag(FLAGS_quick);
  uint64_t iters = absl::GetFlag(FLAGS_iters);
  int runs = absl::GetFlag(FLAGS_runs);
  ComparisonLimits limits;
};

template <typename T>
T OrDefault(T value, bool quick, T quick_default, T full_default) {
  if (value != 0) return value;
  return quick ? quick_default : full_default;
}

Settings ReadSettings() {
  Settings settings;
  const bool quick = settings.quick;
  settings.iters = OrDefault<uint64_t>(settings.iters, quick, 1'000'000, 5'000'000);
  settings.limits.run_timeout_s =
      OrDefault<double>(absl::GetFlag(FLAGS_run_timeout_s), quick, 30, 300);
  settings.limits.budget_s = OrDefault<double>(absl::GetFlag(FLAGS_budget_s), quick, 75, 1800);
  // Some peers write into blocks that were freed and so become resident; the machine stays usable.
  settings.limits.max_rss_bytes = AvailableMemoryBytes() / 10 * 9;
  if (settings.runs < 1) Refuse("--runs must be at least 1");
  return settings;
}

// In the quick mode peers run once: they are there for scale, the gate is about hz3.
std::vector<Contestant> Contestants(const Settings& settings, std::string_view argv0) {
  const AllocatorChoice choice = ChosenAllocators(argv0);
  if (!choice.error.empty()) Refuse(choice.error);
  std::vector<Contestant> contestants;
  for (const Allocator& allocator : choice.allocators) {
    const bool once = settings.quick && !allocator.is_ours;
    contestants.push_back({allocator, once ? 1 : settings.runs});
  }
  return contestants;
}

std::vector<std::string> BenchCommand(const Settings& settings, std::string_view argv0) {
  const std::string bench = FindRunfile(argv0, "bench/bench_random_mixed_mt_remote_malloc");
  if (bench.empty()) Refuse("bench_random_mixed_mt_remote_malloc is not beside this program");
  std::vector<std::string> argv = {bench};
  for (const uint64_t number :
       {uint64_t{absl::GetFlag(FLAGS_threads)}, settings.iters, absl::GetFlag(FLAGS_ws),
        absl::GetFlag(FLAGS_min), absl::GetFlag(FLAGS_max),
        uint64_t{absl::GetFlag(FLAGS_remote_pct)}, absl::GetFlag(FLAGS_ring_slots)}) {
    argv.push_back(std::to_string(number));
  }
  argv.push_back("--on_full=" + absl::GetFlag(FLAGS_on_full));
  argv.push_back("--seed=" + std::to_string(absl::GetFlag(FLAGS_seed)));
  if (absl::GetFlag(FLAGS_touch)) argv.push_back("--touch");
  if (absl::GetFlag(FLAGS_fill)) argv.push_back("--fill");
  if (const uint64_t cap = absl::GetFlag(FLAGS_max_live_mib); cap != 0) {
    argv.push_back("--max_live_mib=" + std::to_string(cap));
  }
  return argv;
}

// The command as somebody would type it, without the path of this machine.
std::string CommandText(const std::vector<std::string>& argv) {
  std::string text = argv[0].substr(argv[0].rfind('/') + 1);
  for (size_t i = 1; i < argv.size(); ++i) text += " " + argv[i];
  return text;
}

Summary Scaled(Summary summary, double factor) {
  return {summary.median * factor, summary.min * factor, summary.max * factor, summary.count};
}

std::string Percent(const Summary& share) {
  return share.count == 0 ? "-" : Fixed(share.median * 100, 1) + " %";
}

std::string Bytes(const Summary& bytes) {
  return bytes.count == 0 ? "-" : HumanBytes(bytes.median);
}

// The most that any run failed: one failure in three runs must not vanish in a median.
std::string AllocFailed(const ComparisonRow& row) {
  const Summary failed = row.Of("alloc_failed");
  return failed.count == 0 ? "-" : Fixed(failed.max, 0);
}

std::string Note(const ComparisonRow& row) {
  if (row.failures.empty()) return "";
  const size_t all = row.runs.size() + row.failures.size();
  return std::to_string(row.failures.size()) + " of " + std::to_string(all) +
         " runs: " + row.failures.front();
}

Table MakeTable(const std::vector<ComparisonRow>& rows) {
  Table table({"allocator", "runs", "M ops/s", "CPU ns/op", "alloc failed", "peak live", "peak RSS",
               "fallback", "remote share", "on full", ""});
  for (const ComparisonRow& row : rows) {
    table.AddRow({row.allocator.name, std::to_string(row.runs.size()),
                  WithRange(Scaled(row.Of("ops_per_s"), 1e-6), 2),
                  WithRange(row.Of("cpu_ns_per_op"), 1), AllocFailed(row),
                  Bytes(row.Of("peak_live_bytes")), Bytes(row.Of("peak_rss_bytes")),
                  Percent(row.Of("fallback_rate")), Percent(row.Of("remote_share")),
                  absl::GetFlag(FLAGS_on_full), Note(row)});
  }
  return table;
}

// What the bench itself adds to each peak RSS: the most of all runs.
double OwnRssBytes(const std::vector<ComparisonRow>& rows) {
  double most = 0;
  for (const ComparisonRow& row : rows) most = std::max(most, row.Of("own_rss_bytes").max);
  return most;
}

void PrintResult(const std::vector<std::string>& argv, const std::vector<ComparisonRow>& rows) {
  const Table table = MakeTable(rows);
  const bool markdown = absl::GetFlag(FLAGS_markdown);
  std::printf("%s%s\n%s\n\n%s\n", markdown ? "" : "\n", ToString(ThisMachine()).c_str(),
              CommandText(argv).c_str(), (markdown ? table.Markdown() : table.Text()).c_str());
  std::printf(
      "Medians, speeds with (min..max); alloc failed is the most of any run. One op is one malloc\n"
      "or one free. Peak live counts requested bytes; peak RSS includes %s of the bench itself.\n",
      HumanBytes(OwnRssBytes(rows)).c_str());
}

bool SaveJson(const std::vector<std::string>& argv, const std::vector<ComparisonRow>& rows) {
  const std::string path = absl::GetFlag(FLAGS_json);
  if (path.empty()) return true;
  JsonWriter json;
  json.BeginObject();
  json.Key("machine");
  json.String(ToString(ThisMachine()));
  json.Key("command");
  json.String(CommandText(argv));
  json.Key("rows");
  WriteRows(rows, &json);
  json.EndObject();
  if (WriteFile(path, json.Text())) return true;
  std::fprintf(stderr, "repro: cannot write %s\n", path.c_str());
  return false;
}

// False, with a line on stderr for each reason, when hz3 did not do what it is for.
bool Hz3Held(const std::vector<ComparisonRow>& rows) {
  bool held = true;
  for (const ComparisonRow& row : rows) {
    if (!row.allocator.is_ours) continue;
    const bool all_served = row.Of("alloc_failed").max == 0;
    if (all_served && row.failures.empty()) continue;
    std::fprintf(stderr, "repro: FAILED: %s: %s\n", row.allocator.name.c_str(),
                 all_served ? Note(row).c_str() : ("alloc failed " + AllocFailed(row)).c_str());
    held = false;
  }
  return held;
}

// The bench knows best which arguments it takes: a short run tells before the long ones start.
void CheckArguments(std::vector<std::string> argv) {
  argv[2] = "1";
  const RunResult run = RunCommand({.argv = argv, .env = {{"LD_PRELOAD", ""}}, .timeout_s = 60});
  if (run.Succeeded()) return;
  Refuse(run.err.empty() ? run.EndText() : run.err.substr(0, run.err.find('\n')));
}

int Main(int argc, char** argv) {
  ParseToolFlagsOrExit(argc, argv, kDescription);
  const Settings settings = ReadSettings();
  const std::vector<Contestant> contestants = Contestants(settings, argv[0]);
  const std::vector<std::string> command = BenchCommand(settings, argv[0]);
  CheckArguments(command);
  const std::vector<ComparisonRow> rows =
      Compare(contestants, command, settings.limits, StderrProgress());
  PrintResult(command, rows);
  if (!SaveJson(command, rows)) return 2;
  return Hz3Held(rows) ? 0 : 1;
}

}  // namespace
}  // namespace hz3::bench

int main(int argc, char** argv) { return hz3::bench::Main(argc, argv); }
