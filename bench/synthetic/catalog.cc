#include "bench/synthetic/catalog.h"

#include "bench/lib/machine.h"
#include "bench/synthetic/exchange.h"
#include "bench/synthetic/false_sharing.h"
#include "bench/synthetic/growing.h"
#include "bench/synthetic/large_blocks.h"
#include "bench/synthetic/larson.h"
#include "bench/synthetic/many_threads.h"
#include "bench/synthetic/one_size.h"
#include "bench/synthetic/pipeline.h"
#include "bench/synthetic/startup.h"
#include "bench/synthetic/strings.h"
#include "bench/synthetic/thread_churn.h"
#include "bench/synthetic/trees.h"

namespace hz3::bench {
namespace {

using Entries = std::vector<SyntheticEntry>;

constexpr uint64_t kKib = 1024;
constexpr uint64_t kMib = 1024 * kKib;
constexpr uint64_t kBatch = 64;

constexpr SyntheticEntry::Uses kThreadsAndSizes = {
    .threads = true, .min_size = true, .max_size = true, .fill = true};

void AddHandOvers(Entries* entries) {
  entries->push_back({"larson",
                      "slots full of blocks that pass from thread to thread",
                      kThreadsAndSizes,
                      {.threads = 2, .ops = 32'000'000, .min_size = 8, .max_size = 1024},
                      RunLarson});
  entries->push_back(
      {"thread_churn",
       "short-lived threads that leave blocks to the next",
       {.threads = true, .min_size = true, .max_size = true, .remote_pct = true, .fill = true},
       {.threads = 2, .ops = 6'000'000, .min_size = 16, .max_size = 1024, .remote_pct = 50},
       RunThreadChurn});
  entries->push_back({"exchange",
                      "heavy-tailed sizes, generations of threads, one shared table",
                      kThreadsAndSizes,
                      {.threads = 4, .ops = 10'000'000, .min_size = 16, .max_size = kMib},
                      RunExchange});
}

void AddPipeline(std::string name, std::string help, uint64_t threads, PipelineShape shape,
                 Entries* entries) {
  const SyntheticOptions defaults = {
      .threads = threads, .ops = 16'000'000, .min_size = 64, .max_size = 64};
  entries->push_back({name, help, kThreadsAndSizes, defaults,
                      [shape](const auto& options) { return RunPipeline(options, shape, 1); }});
  entries->push_back(
      {name + "_batch", help + ", in batches of 64", kThreadsAndSizes, defaults,
       [shape](const auto& options) { return RunPipeline(options, shape, kBatch); }});
}

void AddPipelines(Entries* entries) {
  AddPipeline("pipeline_1_1", "one producer, one consumer", 2, PipelineShape::kOneToOne, entries);
  AddPipeline("pipeline_1_n", "one producer, many consumers", 4, PipelineShape::kOneToMany,
              entries);
  AddPipeline("pipeline_n_1", "many producers, one consumer", 4, PipelineShape::kManyToOne,
              entries);
}

void AddFalseSharing(Entries* entries) {
  const SyntheticEntry::Uses uses = {.threads = true, .min_size = true};
  const SyntheticOptions defaults = {.threads = 2, .ops = 60'000'000, .min_size = 8};
  entries->push_back(
      {"cache_thrash", "active false sharing: op is one write to a block", uses, defaults,
       [](const auto& options) { return RunFalseSharing(options, FalseSharing::kActive); }});
  entries->push_back(
      {"cache_scratch", "passive false sharing: op is one write to a block", uses, defaults,
       [](const auto& options) { return RunFalseSharing(options, FalseSharing::kPassive); }});
}

void AddPrograms(Entries* entries) {
  entries->push_back({"strings",
                      "lists of strings: op is one append",
                      {.threads = true, .min_size = true, .max_size = true},
                      {.threads = 2, .ops = 16'000'000, .min_size = 1, .max_size = 48},
                      RunStrings});
  entries->push_back({"trees",
                      "binary trees by new and delete",
                      {.threads = true},
                      {.threads = 2, .ops = 22'000'000},
                      RunTrees});
}

void AddLarge(Entries* entries) {
  entries->push_back({"realloc_growth",
                      "a block doubles: op is one realloc",
                      {.threads = true, .min_size = true, .max_size = true},
                      {.threads = 1, .ops = 52, .min_size = 16, .max_size = 256 * kMib},
                      [](const auto& options) { return RunGrowing(options, Growth::kDoubling); }});
  entries->push_back({"realloc_steps",
                      "a block grows in steps of --min: op is one realloc",
                      {.threads = true, .min_size = true, .max_size = true},
                      {.threads = 1, .ops = 30'000'000, .min_size = 64, .max_size = 64 * kKib},
                      [](const auto& options) { return RunGrowing(options, Growth::kSteps); }});
  entries->push_back(
      {"calloc",
       "log-uniform sizes by calloc; the ends are checked",
       kThreadsAndSizes,
       {.threads = 1, .ops = 2'000, .min_size = kKib, .max_size = 64 * kMib},
       [](const auto& options) { return RunLargeBlocks(options, Zeroing::kCalloc); }});
  entries->push_back(
      {"large",
       "log-uniform sizes, not written without --fill",
       kThreadsAndSizes,
       {.threads = 1,
        .ops = 400'000,
        .min_size = 32 * kKib,
        .max_size = 4 * kMib,
        .writes = Writes::kNothing},
       [](const auto& options) { return RunLargeBlocks(options, Zeroing::kMalloc); }});
}

void AddProcesses(Entries* entries) {
  entries->push_back({"threads_1000",
                      "threads that allocate a little, then sleep: op is one malloc",
                      kThreadsAndSizes,
                      {.threads = 1'000, .ops = 20'000, .min_size = 16, .max_size = 1024},
                      RunManyThreads});
  entries->push_back(
      {"startup", "/bin/true: op is one start", {}, {.threads = 1, .ops = 300}, RunStartup});
}

void AddOneSize(Entries* entries) {
  const SyntheticEntry::Uses uses = {.min_size = true};
  entries->push_back({"pair_64",
                      "malloc and free of one block, one thread",
                      uses,
                      {.threads = 1, .ops = 100'000'000, .min_size = 64},
                      RunPair});
  entries->push_back({"batch_1000",
                      "1000 mallocs, then 1000 frees, one thread",
                      uses,
                      {.threads = 1, .ops = 40'000'000, .min_size = 64},
                      RunBatch});
  entries->push_back({"floor_64",
                      "the loop of pair_64 on an array of pointers",
                      {},
                      {.threads = 1, .ops = 200'000'000, .min_size = 64},
                      RunFloor});
}

Entries AllEntries() {
  Entries entries;
  AddHandOvers(&entries);
  AddPipelines(&entries);
  AddFalseSharing(&entries);
  AddPrograms(&entries);
  AddLarge(&entries);
  AddProcesses(&entries);
  AddOneSize(&entries);
  return entries;
}

// The flag that was given although the workload does not look at it.
std::optional<std::string> FlagWithoutEffect(const SyntheticEntry::Uses& uses,
                                             const SyntheticOverrides& overrides) {
  if (overrides.threads && !uses.threads) return "--threads";
  if (overrides.min_size && !uses.min_size) return "--min";
  if (overrides.max_size && !uses.max_size) return "--max";
  if (overrides.remote_pct && !uses.remote_pct) return "--remote_pct";
  if (overrides.fill && !uses.fill) return "--fill";
  return std::nullopt;
}

void AddOptions(const SyntheticEntry& entry, const SyntheticOptions& options, Report* report) {
  report->Add("workload", entry.name);
  report->Add("threads", options.threads);
  if (entry.uses.min_size) report->Add("min", options.min_size);
  if (entry.uses.max_size) report->Add("max", options.max_size);
  if (entry.uses.remote_pct) report->Add("remote_pct", options.remote_pct);
  if (entry.uses.fill) report->Add("writes", std::string(WritesName(options.writes)));
  report->Add("seed", options.seed);
}

}  // namespace

const std::vector<SyntheticEntry>& SyntheticWorkloads() {
  static const Entries* const entries = new Entries(AllEntries());
  return *entries;
}

const SyntheticEntry* FindSyntheticWorkload(std::string_view name) {
  for (const SyntheticEntry& entry : SyntheticWorkloads()) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

std::optional<std::string> ApplyOverrides(const SyntheticEntry& entry,
                                          const SyntheticOverrides& overrides,
                                          SyntheticOptions* options) {
  if (const auto flag = FlagWithoutEffect(entry.uses, overrides)) {
    return *flag + " has no effect on " + entry.name;
  }
  const SyntheticOptions& defaults = entry.defaults;
  options->threads = overrides.threads.value_or(defaults.threads);
  options->ops = overrides.ops.value_or(defaults.ops);
  options->min_size = overrides.min_size.value_or(defaults.min_size);
  options->max_size = overrides.max_size.value_or(defaults.max_size);
  options->remote_pct = overrides.remote_pct.value_or(defaults.remote_pct);
  options->seed = overrides.seed.value_or(defaults.seed);
  options->writes = overrides.fill ? Writes::kAll : defaults.writes;
  if (!entry.uses.max_size || options->min_size <= options->max_size) return std::nullopt;
  return "min (" + std::to_string(options->min_size) + ") must not be greater than max (" +
         std::to_string(options->max_size) + ")";
}

Report MakeReport(const SyntheticEntry& entry, const SyntheticOptions& options,
                  const SyntheticResult& result) {
  const double ops = static_cast<double>(result.ops);
  Report report;
  report.Line("run");
  report.Add("malloc", MallocProvider());
  AddOptions(entry, options, &report);
  report.Line("speed");
  report.Add("ops", result.ops);
  report.Add("seconds", result.seconds);
  report.Add("ops_per_s", ops / result.seconds);
  report.Add("cpu_ns_per_op", result.cpu_s * 1e9 / ops);
  report.Line("memory");
  report.Add("alloc_failed", result.alloc_failed);
  report.Add("peak_rss_bytes", result.peak_rss_bytes);
  report.Add("own_rss_bytes", result.own_rss_bytes);
  report.Add("live_after_cleanup", static_cast<int64_t>(result.allocs - result.frees));
  report.Line("blocks");
  report.Add("allocs", result.allocs);
  report.Add("frees", result.frees);
  report.Add("checksum", result.checksum);
  for (const auto& [key, value] : result.extra) report.Add(key, value);
  return report;
}

}  // namespace hz3::bench
