// How much of a fixed arena can be live before an allocation fails, the smallest arena in which
// nothing fails, and what a nearly full arena costs in speed: for hz3, and for the other allocators
// of this machine as far as their memory can be limited.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "bench/arena_fill_jobs.h"
#include "bench/lib/allocators.h"
#include "bench/lib/comparison.h"
#include "bench/lib/json_writer.h"
#include "bench/lib/machine.h"
#include "bench/lib/process_usage.h"
#include "bench/lib/runfiles.h"
#include "bench/lib/stats.h"
#include "bench/lib/table.h"
#include "bench/lib/tool_flags.h"
#include "bench/workloads/catalog.h"

// A default of 0 stands for a value that depends on --quick; the help text says which.
ABSL_FLAG(std::string, mode, "share", "share, smallest, speed, or several with commas between");
ABSL_FLAG(std::string, workload, "", "only these, by name or as prefix*, with commas between");
ABSL_FLAG(bool, list, false, "print the names of the workloads");
ABSL_FLAG(std::string, arena_mib, "", "sizes with commas between; empty: 128,256, quick 128");
ABSL_FLAG(int32_t, runs, 3, "runs of each row, each with a seed of its own");
ABSL_FLAG(bool, quick, false, "one run, one arena, hz3 only: for a look and for gates");
ABSL_FLAG(std::string, allocators, "", "only these, by name, with commas between");
ABSL_FLAG(std::string, lanes, "", "of hz3: scale, fast or both; empty: both");
ABSL_FLAG(bool, touch, false, "write the first and last byte of each block");
ABSL_FLAG(uint64_t, ring_slots, 4096, "blocks that wait between two threads, at most");
ABSL_FLAG(std::string, on_full, "wait", "ring full: wait for room, or free here");
ABSL_FLAG(std::string, trace, "", "file for workload trace; empty: the one of this repository");
ABSL_FLAG(uint64_t, seed, 1, "of the random numbers of the first run");
ABSL_FLAG(uint64_t, failing_mallocs, 20000, "failures timed in a full arena; 0: none");
ABSL_FLAG(uint64_t, iters, 8000000, "timed iterations of all threads together, for speed");
ABSL_FLAG(uint32_t, live_pct, 85, "live share of the arena at which speed is measured");
ABSL_FLAG(double, run_timeout_s, 60, "kills a longer run");
ABSL_FLAG(double, min_share, 0, "exit with 1 when a run of hz3 is below this share, in %");
ABSL_FLAG(bool, check, false, "exit with 1 when hz3 misses what a workload is to reach");
ABSL_FLAG(std::string, json, "", "write all results to this file too");
ABSL_FLAG(bool, markdown, false, "print the tables as Markdown");

namespace hz3::bench {
namespace {

constexpr char kDescription[] =
    "Fills fixed arenas and says how much was live when the first allocation failed (share), the\n"
    "smallest arena in which nothing fails (smallest), and the speed at a high live share "
    "(speed).\n"
    "hz3 gets its arena by HZ3_ARENA_MIB; other allocators get a limit on their address space.\n";

constexpr uint64_t kMinArenaMib = 16;
constexpr uint64_t kMaxArenaMib = 16384;

[[noreturn]] void Refuse(const std::string& reason) {
  std::fprintf(stderr, "arena_fill: %s\n", reason.c_str());
  std::exit(2);
}

std::vector<std::string> Words(const std::string& text) {
  return absl::StrSplit(text, ',', absl::SkipEmpty());
}

struct Settings {
  std::vector<std::string> modes;
  std::vector<const CatalogEntry*> workloads;
  std::vector<Allocator> allocators;
  std::vector<uint64_t> arenas_mib;
  int runs = 1;
};

std::vector<const CatalogEntry*> ChosenWorkloads() {
  std::vector<const CatalogEntry*> chosen;
  std::vector<std::string> names = Words(absl::GetFlag(FLAGS_workload));
  if (names.empty()) names = {"*"};
  for (const std::string& name : names) {
    const size_t before = chosen.size();
    for (const CatalogEntry& entry : FillWorkloads()) {
      const bool prefix = name.ends_with('*') &&
                          entry.name.starts_with(std::string_view(name).substr(0, name.size() - 1));
      if (prefix || entry.name == name) chosen.push_back(&entry);
    }
    if (chosen.size() == before) Refuse("no workload '" + name + "' (see --list)");
  }
  return chosen;
}

std::vector<uint64_t> ChosenArenas(bool quick) {
  const std::string text = absl::GetFlag(FLAGS_arena_mib);
  std::vector<uint64_t> sizes;
  for (const std::string& word : Words(text.empty() ? (quick ? "128" : "128,256") : text)) {
    uint64_t mib = 0;
    if (!absl::SimpleAtoi(word, &mib) || mib < kMinArenaMib || mib > kMaxArenaMib || mib % 2 != 0) {
      Refuse(absl::StrCat("--arena_mib wants even numbers from ", kMinArenaMib, " to ",
                          kMaxArenaMib, ", not '", word, "'"));
    }
    sizes.push_back(mib);
  }
  if (sizes.empty()) Refuse("--arena_mib names no size");
  return sizes;
}

std::vector<Allocator> AllAllocators(std::string_view argv0) {
  std::vector<Allocator> all;
  const std::vector<std::string> lanes = Words(absl::GetFlag(FLAGS_lanes));
  for (const std::string& lane : lanes) {
    if (lane != "scale" && lane != "fast") Refuse("--lanes: no lane '" + lane + "'");
  }
  for (Allocator& ours : OurAllocators(argv0)) {
    const std::string lane = ours.name.substr(ours.name.rfind('-') + 1);
    const bool wanted = lanes.empty() || std::find(lanes.begin(), lanes.end(), lane) != lanes.end();
    if (wanted) all.push_back(std::move(ours));
  }
  // Without its own library the tool would pass as a gate without having measured anything.
  if (all.empty()) Refuse("hz3's libraries are not beside this program");
  for (Allocator& peer : PeerAllocators()) all.push_back(std::move(peer));
  return all;
}

std::vector<Allocator> ChosenAllocators(std::string_view argv0, bool quick) {
  const std::vector<Allocator> all = AllAllocators(argv0);
  const std::vector<std::string> names = Words(absl::GetFlag(FLAGS_allocators));
  std::vector<Allocator> chosen;
  if (names.empty()) {
    for (const Allocator& each : all) {
      if (each.is_ours || !quick) chosen.push_back(each);
    }
    return chosen;
  }
  for (const std::string& name : names) {
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const Allocator& each) { return each.name == name; });
    if (found == all.end()) {
      const std::string there = absl::StrJoin(
          all, " ", [](std::string* out, const Allocator& a) { absl::StrAppend(out, a.name); });
      Refuse("no allocator '" + name + "' here; there are " + there);
    }
    chosen.push_back(*found);
  }
  return chosen;
}

Settings ReadSettings(std::string_view argv0) {
  Settings settings;
  const bool quick = absl::GetFlag(FLAGS_quick);
  settings.modes = Words(absl::GetFlag(FLAGS_mode));
  for (const std::string& mode : settings.modes) {
    if (mode != "share" && mode != "smallest" && mode != "speed") {
      Refuse("--mode must be share, smallest or speed, not '" + mode + "'");
    }
  }
  if (settings.modes.empty()) Refuse("--mode names no mode");
  settings.workloads = ChosenWorkloads();
  settings.arenas_mib = ChosenArenas(quick);
  settings.allocators = ChosenAllocators(argv0, quick);
  settings.runs = quick ? 1 : absl::GetFlag(FLAGS_runs);
  if (settings.runs < 1) Refuse("--runs must be at least 1");
  const std::string on_full = absl::GetFlag(FLAGS_on_full);
  if (on_full != "wait" && on_full != "free") Refuse("--on_full must be wait or free");
  return settings;
}

std::vector<std::string> SharedArguments() {
  std::vector<std::string> args = {absl::StrCat("--ring_slots=", absl::GetFlag(FLAGS_ring_slots)),
                                   "--on_full=" + absl::GetFlag(FLAGS_on_full)};
  if (absl::GetFlag(FLAGS_touch)) args.push_back("--touch");
  return args;
}

// Of this program's runfiles; --trace may name another one.
std::string& TracePath() {
  static std::string path;
  return path;
}

FillJob JobFor(const CatalogEntry& workload, const Allocator& allocator, uint64_t arena_mib) {
  FillJob job;
  job.allocator = allocator;
  job.workload = workload.name;
  job.arena_mib = arena_mib;
  job.scale_mib = arena_mib;
  job.seed = absl::GetFlag(FLAGS_seed);
  job.more_args = SharedArguments();
  if (workload.wants_trace) job.more_args.push_back("--trace=" + TracePath());
  return job;
}

// One job for each workload, allocator and arena, in this order of rows.
std::vector<FillJob> AllJobs(const Settings& settings) {
  std::vector<FillJob> jobs;
  for (const uint64_t arena_mib : settings.arenas_mib) {
    for (const CatalogEntry* workload : settings.workloads) {
      for (const Allocator& allocator : settings.allocators) {
        jobs.push_back(JobFor(*workload, allocator, arena_mib));
      }
    }
  }
  return jobs;
}

// Counts the steps of one mode; `steps` may be a guess.
FillProgress Progress(int steps) {
  return [sink = StderrProgress(), step = 0, steps](const FillJob& job,
                                                    const std::string& result) mutable {
    if (result.empty()) ++step;
    sink({step, std::max(step, steps),
          absl::StrCat(job.workload, " ", job.allocator.name, " ", job.arena_mib, " MiB"), result});
  };
}

std::string Note(const FillRow& row) {
  if (row.failures.empty()) return "";
  return absl::StrCat(row.failures.size(), " of ", row.runs.size() + row.failures.size(),
                      " runs: ", row.failures.front());
}

double PerArena(const FillRow& row) { return 100.0 / static_cast<double>(row.job.arena_mib << 20); }

void Print(const Table& table, std::string_view legend) {
  const bool markdown = absl::GetFlag(FLAGS_markdown);
  std::printf("%s\n%s\n", (markdown ? table.Markdown() : table.Text()).c_str(),
              std::string(legend).c_str());
}

// --- share -------------------------------------------------------------------------------------

Summary Share(const FillRow& row) { return row.Of("live_at_first_failure", PerArena(row)); }

// Where survivors of an earlier phase pin pages, what they pin counts as if it were live: the share
// of what could be had at all.
std::vector<double> PossibleShares(const FillRow& row) {
  std::vector<double> shares;
  for (const ReportFields& run : row.runs) {
    const double live = run.Number("live_at_first_failure").value_or(0);
    const double survivors = run.Number("survivor_bytes").value_or(0);
    const double pinned = run.Number("pinned_bytes").value_or(0);
    shares.push_back((live - survivors + pinned) * PerArena(row));
  }
  return shares;
}

std::vector<FillRow> MeasureShare(const Settings& settings, const FillRunner& runner) {
  std::vector<FillJob> jobs = AllJobs(settings);
  for (FillJob& job : jobs) job.failing_mallocs = absl::GetFlag(FLAGS_failing_mallocs);
  const int steps = static_cast<int>(jobs.size()) * settings.runs;
  return RunAll(jobs, settings.runs, runner, Progress(steps));
}

void PrintShare(const std::vector<FillRow>& rows) {
  Table table({"workload", "allocator", "arena MiB", "runs", "live share %", "of possible %",
               "strict %", "still had %", "failed size", "failing ns", "all threads ns", "remote %",
               ""});
  for (const FillRow& row : rows) {
    table.AddRow({row.job.workload, row.job.allocator.name, std::to_string(row.job.arena_mib),
                  std::to_string(row.runs.size()), WithRange(Share(row), 1),
                  WithRange(Summarize(PossibleShares(row)), 1),
                  Fixed(row.Of("strict_at_rest", PerArena(row)).median, 1),
                  Fixed(row.Of("still_had_bytes", PerArena(row)).median, 1),
                  Fixed(row.Of("failed_size").median, 0), WithRange(row.Of("failing_ns"), 0),
                  WithRange(row.Of("failing_all_ns"), 0),
                  Fixed(row.Of("remote_share", 100).median, 0), Note(row)});
  }
  Print(table, "live share: rounded live bytes at the first failed malloc over the arena\n");
}

// --- the tool ----------------------------------------------------------------------------------

double WantedShare(const FillRow& row) {
  const double flag = absl::GetFlag(FLAGS_min_share);
  if (!absl::GetFlag(FLAGS_check)) return flag;
  return std::max(flag, FindFillWorkload(row.job.workload)->wanted_share * 100);
}

bool Hz3Held(const std::vector<FillRow>& rows) {
  bool held = true;
  for (const FillRow& row : rows) {
    if (!row.job.allocator.is_ours) continue;
    const double wanted = WantedShare(row);
    const Summary share = Share(row);
    if (row.failures.empty() && share.min >= wanted) continue;
    std::fprintf(stderr, "arena_fill: FAILED: %s %s %llu MiB: %s\n", row.job.workload.c_str(),
                 row.job.allocator.name.c_str(), static_cast<unsigned long long>(row.job.arena_mib),
                 row.failures.empty()
                     ? (Fixed(share.min, 1) + " % live, wanted " + Fixed(wanted, 1)).c_str()
                     : Note(row).c_str());
    held = false;
  }
  return held;
}

int Main(int argc, char** argv) {
  ParseToolFlagsOrExit(argc, argv, kDescription);
  if (absl::GetFlag(FLAGS_list)) {
    for (const CatalogEntry& entry : FillWorkloads()) {
      std::printf("%-24s %s\n", entry.name.c_str(), entry.help.c_str());
    }
    return 0;
  }
  const Settings settings = ReadSettings(argv[0]);
  TracePath() = absl::GetFlag(FLAGS_trace);
  if (TracePath().empty()) TracePath() = FindRunfile(argv[0], "testing/data/python_json.trace");
  const std::string program = FindRunfile(argv[0], "bench/arena_fill_workload");
  if (program.empty()) Refuse("arena_fill_workload is not beside this program");
  ProcessRunner runner(program,
                       {absl::GetFlag(FLAGS_run_timeout_s), AvailableMemoryBytes() / 10 * 9});
  const auto run = [&runner](const FillJob& job) { return runner(job); };
  std::printf("%s\n\n", ToString(ThisMachine()).c_str());
  const std::vector<FillRow> rows = MeasureShare(settings, run);
  PrintShare(rows);
  return Hz3Held(rows) ? 0 : 1;
}

}  // namespace
}  // namespace hz3::bench

int main(int argc, char** argv) { return hz3::bench::Main(argc, argv); }
