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
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "bench/arena_fill_jobs.h"
#include "bench/arena_fill_report.h"
#include "bench/lib/allocators.h"
#include "bench/lib/comparison.h"
#include "bench/lib/json_writer.h"
#include "bench/lib/machine.h"
#include "bench/lib/process_usage.h"
#include "bench/lib/runfiles.h"
#include "bench/lib/table.h"
#include "bench/lib/tool_flags.h"
#include "bench/workloads/catalog.h"

// A default of 0 stands for a value that depends on --quick; the help text says which.
ABSL_FLAG(std::string, mode, "share", "share, smallest, speed, or several with commas between");
ABSL_FLAG(std::string, workload, "", "only these, by name or as prefix*, with commas between");
ABSL_FLAG(bool, list, false, "print the names of the workloads");
ABSL_FLAG(std::string, arena_mib, "",
          "sizes with commas between, of the arena, in mode smallest of the "
          "live set; empty: 128,256, quick 128");
ABSL_FLAG(int32_t, runs, 3, "runs of each row, each with a seed of its own");
ABSL_FLAG(bool, quick, false, "one run, one arena, hz3 only: for a look and for gates");
ABSL_FLAG(std::string, allocators, "", "only these, by name, with commas between");
ABSL_FLAG(std::string, lanes, "", "of hz3: scale, fast or scale,fast; empty: both");
ABSL_FLAG(bool, touch, false, "write the first and last byte of each block");
ABSL_FLAG(uint64_t, ring_slots, 4096, "blocks that wait between two threads, at most");
ABSL_FLAG(std::string, on_full, "wait", "ring full: wait for room, or free here");
ABSL_FLAG(std::string, trace, "", "file for workload trace; empty: the one of this repository");
ABSL_FLAG(uint64_t, seed, 1, "of the random numbers of the first run");
ABSL_FLAG(uint64_t, failing_mallocs, 20000, "failures timed in a full arena; 0: none");
ABSL_FLAG(uint64_t, iters, 8000000, "timed iterations of all threads together, for speed");
ABSL_FLAG(std::string, live_pct, "85,100", "live shares of the arena at which speed is measured");
ABSL_FLAG(bool, rss, true, "also measure live bytes against the peak RSS (not with --quick)");
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
// The search for the smallest arena begins at so many times the live set.
constexpr uint64_t kMostTimesLive = 4;

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
  std::vector<uint64_t> live_pcts;
  int runs = 1;
  bool measure_rss = false;
  std::string trace_path;
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

std::vector<uint64_t> Numbers(const std::string& text, const std::string& flag, uint64_t min,
                              uint64_t max, uint64_t step) {
  std::vector<uint64_t> numbers;
  for (const std::string& word : Words(text)) {
    uint64_t number = 0;
    if (!absl::SimpleAtoi(word, &number) || number < min || number > max || number % step != 0) {
      Refuse(absl::StrCat(flag, " wants ", step == 1 ? "" : "even ", "numbers from ", min, " to ",
                          max, ", not '", word, "'"));
    }
    numbers.push_back(number);
  }
  if (numbers.empty()) Refuse(flag + " names no number");
  return numbers;
}

std::vector<uint64_t> ChosenArenas(bool quick) {
  std::string text = absl::GetFlag(FLAGS_arena_mib);
  if (text.empty()) text = quick ? "128" : "128,256";
  return Numbers(text, "--arena_mib", kMinArenaMib, kMaxArenaMib, kArenaStepMib);
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
  settings.live_pcts = Numbers(absl::GetFlag(FLAGS_live_pct), "--live_pct", 1, 100, 1);
  settings.runs = quick ? 1 : absl::GetFlag(FLAGS_runs);
  settings.measure_rss = absl::GetFlag(FLAGS_rss) && !quick;
  settings.trace_path = absl::GetFlag(FLAGS_trace);
  if (settings.trace_path.empty()) {
    settings.trace_path = FindRunfile(argv0, "testing/data/python_json.trace");
  }
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

FillJob JobFor(const Settings& settings, const CatalogEntry& workload, const Allocator& allocator,
               uint64_t arena_mib) {
  FillJob job;
  job.allocator = allocator;
  job.workload = workload.name;
  job.arena_mib = arena_mib;
  job.scale_mib = arena_mib;
  job.seed = absl::GetFlag(FLAGS_seed);
  job.more_args = SharedArguments();
  if (workload.wants_trace) job.more_args.push_back("--trace=" + settings.trace_path);
  return job;
}

// One job for each workload, allocator and arena, in this order of rows.
std::vector<FillJob> AllJobs(const Settings& settings) {
  std::vector<FillJob> jobs;
  for (const uint64_t arena_mib : settings.arenas_mib) {
    for (const CatalogEntry* workload : settings.workloads) {
      for (const Allocator& allocator : settings.allocators) {
        jobs.push_back(JobFor(settings, *workload, allocator, arena_mib));
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

void Print(std::string_view title, const Table& table, const char* legend) {
  const bool markdown = absl::GetFlag(FLAGS_markdown);
  std::printf("%s\n\n%s\n%s\n", std::string(title).c_str(),
              (markdown ? table.Markdown() : table.Text()).c_str(), legend);
  std::fflush(stdout);
}

// What one mode leaves: its rows as JSON, and where hz3 missed what it is to reach.
struct ModeResult {
  std::string json;
  std::vector<std::string> missed;
};

Wanted WantedFromFlags() {
  Wanted wanted;
  wanted.min_share = absl::GetFlag(FLAGS_min_share);
  wanted.check = absl::GetFlag(FLAGS_check);
  return wanted;
}

template <typename Row, typename Write>
std::string JsonOf(const std::vector<Row>& rows, const Write& write) {
  JsonWriter json;
  json.BeginArray();
  for (const Row& row : rows) write(row, &json);
  json.EndArray();
  return json.Text();
}

// The live set of a job as large as its arena, with nothing to limit it, all bytes written.
FillJob UnlimitedTwin(FillJob job) {
  job.arena_mib = 0;
  job.target_pct = 100;
  job.failing_mallocs = 0;
  job.more_args.push_back("--fill");
  return job;
}

ModeResult Share(const Settings& settings, const FillRunner& runner) {
  std::vector<FillJob> jobs = AllJobs(settings);
  for (FillJob& job : jobs) job.failing_mallocs = absl::GetFlag(FLAGS_failing_mallocs);
  const int count = static_cast<int>(jobs.size());
  std::vector<ShareRow> rows;
  for (FillRow& row : RunAll(jobs, settings.runs, runner, Progress(count * settings.runs))) {
    rows.push_back({std::move(row), {}});
  }
  if (settings.measure_rss) {
    for (FillJob& job : jobs) job = UnlimitedTwin(std::move(job));
    std::vector<FillRow> twins = RunAll(jobs, 1, runner, Progress(count));
    for (size_t i = 0; i < rows.size(); ++i) rows[i].unlimited = std::move(twins[i]);
  }
  Print("Live share at the first failure", ShareTable(rows), kShareLegend);
  const auto write = [](const ShareRow& row, JsonWriter* json) {
    WriteFillRow(row.fill, json);
    if (!row.unlimited.runs.empty()) WriteFillRow(row.unlimited, json);
  };
  const auto workload_share = [](const std::string& workload) {
    return FindFillWorkload(workload)->wanted_share * 100;
  };
  return {JsonOf(rows, write), MissedShares(rows, WantedFromFlags(), workload_share)};
}

uint64_t WorkOfEachThread(const CatalogEntry& workload) {
  return workload.can_work ? absl::GetFlag(FLAGS_iters) / workload.threads : 0;
}

// Here the sizes are those of the live set.
ModeResult Smallest(const Settings& settings, const FillRunner& runner) {
  std::vector<SmallestRow> rows;
  const FillProgress progress = Progress(0);
  for (FillJob job : AllJobs(settings)) {
    job.target_pct = 100;
    job.work = WorkOfEachThread(*FindFillWorkload(job.workload));
    const uint64_t most_mib = job.scale_mib * kMostTimesLive;
    rows.push_back({job, FindSmallestArena(job, settings.runs, most_mib, runner, progress)});
  }
  Print("Smallest arena", SmallestTable(rows), kSmallestLegend);
  return {JsonOf(rows, WriteSmallestRow), MissedSmallest(rows)};
}

// Each job in its arena, and right after it without one.
std::vector<FillJob> SpeedJobs(const Settings& settings) {
  std::vector<FillJob> jobs;
  for (const uint64_t live_pct : settings.live_pcts) {
    for (FillJob job : AllJobs(settings)) {
      const CatalogEntry& workload = *FindFillWorkload(job.workload);
      if (!workload.can_work) continue;
      job.target_pct = live_pct;
      job.work = WorkOfEachThread(workload);
      job.count_failures = true;
      jobs.push_back(job);
      job.arena_mib = 0;
      jobs.push_back(job);
    }
  }
  return jobs;
}

ModeResult Speed(const Settings& settings, const FillRunner& runner) {
  const std::vector<FillJob> jobs = SpeedJobs(settings);
  if (jobs.empty()) Refuse("none of these workloads has a timed part");
  const int steps = static_cast<int>(jobs.size()) * settings.runs;
  std::vector<FillRow> runs = RunAll(jobs, settings.runs, runner, Progress(steps));
  std::vector<SpeedRow> rows;
  for (size_t i = 0; i < runs.size(); i += 2) {
    rows.push_back({std::move(runs[i]), std::move(runs[i + 1])});
  }
  Print("Speed at a high live share", SpeedTable(rows), kSpeedLegend);
  const auto write = [](const SpeedRow& row, JsonWriter* json) {
    WriteFillRow(row.fixed, json);
    WriteFillRow(row.unlimited, json);
  };
  return {JsonOf(rows, write), MissedSpeeds(rows, WantedFromFlags())};
}

ModeResult RunMode(const std::string& mode, const Settings& settings, const FillRunner& runner) {
  if (mode == "share") return Share(settings, runner);
  return mode == "smallest" ? Smallest(settings, runner) : Speed(settings, runner);
}

bool SaveJson(const std::vector<std::pair<std::string, ModeResult>>& results) {
  const std::string path = absl::GetFlag(FLAGS_json);
  if (path.empty()) return true;
  JsonWriter json;
  json.BeginObject();
  json.Key("machine");
  json.String(ToString(ThisMachine()));
  for (const auto& [mode, result] : results) {
    json.Key(mode);
    json.Raw(absl::StripTrailingAsciiWhitespace(result.json));
  }
  json.EndObject();
  if (WriteFile(path, json.Text())) return true;
  std::fprintf(stderr, "arena_fill: cannot write %s\n", path.c_str());
  return false;
}

void PrintList() {
  for (const CatalogEntry& entry : FillWorkloads()) {
    std::printf("%-24s %s\n", entry.name.c_str(), entry.help.c_str());
  }
}

int Main(int argc, char** argv) {
  ParseToolFlagsOrExit(argc, argv, kDescription);
  if (absl::GetFlag(FLAGS_list)) {
    PrintList();
    return 0;
  }
  const Settings settings = ReadSettings(argv[0]);
  const std::string program = FindRunfile(argv[0], "bench/arena_fill_workload");
  if (program.empty()) Refuse("arena_fill_workload is not beside this program");
  ProcessRunner process(program,
                        {absl::GetFlag(FLAGS_run_timeout_s), AvailableMemoryBytes() / 10 * 9});
  const FillRunner runner = [&process](const FillJob& job) { return process(job); };

  std::printf("%s\n\n", ToString(ThisMachine()).c_str());
  std::vector<std::pair<std::string, ModeResult>> results;
  bool held = true;
  for (const std::string& mode : settings.modes) {
    results.emplace_back(mode, RunMode(mode, settings, runner));
    for (const std::string& missed : results.back().second.missed) {
      std::fprintf(stderr, "arena_fill: FAILED: %s\n", missed.c_str());
      held = false;
    }
  }
  if (!SaveJson(results)) return 2;
  return held ? 0 : 1;
}

}  // namespace
}  // namespace hz3::bench

int main(int argc, char** argv) { return hz3::bench::Main(argc, argv); }
