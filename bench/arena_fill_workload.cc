// One fill workload under whatever malloc this process has; //bench:arena_fill starts it once for
// each figure. bench/workloads says what the workloads do.
#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "bench/lib/machine.h"
#include "bench/lib/plain_args.h"
#include "bench/lib/process_usage.h"
#include "bench/lib/report.h"
#include "bench/trace.h"
#include "bench/workloads/address_space.h"
#include "bench/workloads/catalog.h"
#include "bench/workloads/fill_run.h"

namespace {

using hz3::bench::CatalogEntry;
using hz3::bench::FillOptions;
using hz3::bench::FillResult;
using hz3::bench::Ledger;
using hz3::bench::Range;
using hz3::bench::Report;

constexpr char kDescription[] =
    "Lets threads allocate until an allocation fails, or up to a target, and says what was live.\n"
    "Start it with LD_PRELOAD=<allocator>; HZ3_ARENA_MIB gives hz3 a fixed arena.\n";

struct CommandLine {
  FillOptions options;
  std::string workload;
  std::string trace;
  uint64_t scale_mib = 256;
  uint64_t target_pct = 0;
  uint64_t failing_mallocs = 0;
  std::string on_full = "wait";
  std::string on_failure = "stop";
  bool touch = false;
  bool fill = false;
  bool stats = false;
  bool list = false;
  bool bare = false;
  uint64_t limit_as_bytes = 0;
};

void Declare(hz3::bench::PlainArgs* args, CommandLine* line) {
  FillOptions& o = line->options;
  args->Text("workload", "by name, see --list", &line->workload);
  args->Number("scale_mib", "memory that the workload is sized for", {1, 1u << 20},
               &line->scale_mib);
  args->Number("target_pct", "live bytes to grow to, in % of scale_mib; 0: until a failure",
               {0, 1000}, &line->target_pct);
  args->Number("work", "timed iterations of each thread at the target", {0, uint64_t{1} << 40},
               &o.work);
  args->Number("failing_mallocs", "further failures to time after the first", {0, 1u << 30},
               &line->failing_mallocs);
  args->Choice("on_failure", "the first failure ends the run, or is counted", {"stop", "count"},
               &line->on_failure);
  args->Number("ring_slots", "blocks that wait between two threads, at most", {1, 1u << 26},
               &o.ring_slots);
  args->Choice("on_full", "ring full: free here, or wait for room", {"free", "wait"},
               &line->on_full);
  args->Text("trace", "what workload trace replays", &line->trace);
  args->Number("copies", "of the trace, live at a time; 0: as many as fit", {0, 1u << 20},
               &o.copies);
  args->Switch("touch", "write the first and last byte of each block", &line->touch);
  args->Switch("fill", "write all bytes of each block", &line->fill);
  args->Number("seed", "of the random numbers", {0, UINT64_MAX}, &o.seed);
  args->Switch("stats", "print hz3's statistics on stderr at the first failure", &line->stats);
  args->Number("limit_as_bytes", "limits the address space (RLIMIT_AS)", {1, UINT64_MAX},
               &line->limit_as_bytes);
  args->Switch("bare", "only say how much address space the threads need", &line->bare);
  args->Switch("list", "print the names of the workloads", &line->list);
}

// Everything on the stack: memory is exhausted when this is called.
void PrintStats() {
  using StatsText = size_t (*)(char*, size_t);
  const auto stats = reinterpret_cast<StatsText>(dlsym(RTLD_DEFAULT, "hz3_stats_text"));
  std::array<char, 16384> text;
  if (stats == nullptr) return;
  const size_t size = std::min(stats(text.data(), text.size()), text.size() - 1);
  if (write(STDERR_FILENO, text.data(), size) < 0) return;
}

Report MakeReport(const CommandLine& line, const hz3::bench::Workload& workload,
                  const FillResult& r, uint64_t bare_rss_bytes) {
  Report report;
  report.Line("run");
  report.Add("malloc", hz3::bench::MallocProvider());
  report.Add("workload", line.workload);
  report.Add("threads", uint64_t{workload.threads()});
  report.Add("scale_bytes", line.options.scale_bytes);
  report.Add("live_target", line.options.live_target);
  report.Add("seed", line.options.seed);
  workload.Describe(&report);
  report.Line("live");
  report.Add("live_at_first_failure", r.first_failure.live);
  report.Add("failed_size", r.first_failure.size);
  report.Add("planned_live", r.planned_live);
  report.Add("live_at_rest", r.live_at_rest);
  report.Add("strict_at_rest", r.strict_at_rest);
  report.Add("requested_at_rest", r.requested_at_rest);
  report.Add("still_had_bytes", r.still_had_bytes);
  report.Add("alloc_failed", r.failures);
  report.Add("peak_live_bytes", r.peak_live);
  report.Add("peak_rss_bytes", r.peak_rss_bytes);
  report.Add("own_rss_bytes", r.own_touched_bytes);
  report.Add("bare_rss_bytes", bare_rss_bytes);
  report.Line("speed");
  report.Add("ops", r.ops);
  report.Add("seconds", r.seconds);
  if (r.ops > 0) {
    report.Add("ops_per_s", static_cast<double>(r.ops) / r.seconds);
    report.Add("cpu_ns_per_op", r.cpu_seconds * 1e9 / static_cast<double>(r.ops));
  }
  if (r.failing_ns > 0) {
    report.Add("failing_ns", r.failing_ns);
    report.Add("failing_all_ns", r.failing_all_ns);
  }
  return report;
}

void PrintList() {
  for (const CatalogEntry& entry : hz3::bench::FillWorkloads()) {
    std::printf("%-24s %s\n", entry.name.c_str(), entry.help.c_str());
  }
}

Ledger::Limits LimitsFrom(const CommandLine& line) {
  Ledger::Limits limits;
  limits.on_failure =
      line.on_failure == "stop" ? hz3::bench::OnFailure::kStop : hz3::bench::OnFailure::kCount;
  limits.live_target = static_cast<int64_t>(line.options.live_target);
  limits.writes = hz3::bench::WritesFrom(line.touch, line.fill);
  if (line.stats) limits.at_first_failure = PrintStats;
  return limits;
}

void Finish(CommandLine* line) {
  FillOptions& o = line->options;
  o.scale_bytes = line->scale_mib * hz3::bench::kMib;
  o.live_target = o.scale_bytes / 100 * line->target_pct;
  o.on_full = line->on_full == "wait" ? hz3::bench::OnFull::kWait : hz3::bench::OnFull::kFree;
}

// Becomes the same program under the limit, so that the allocator starts under it too.
[[noreturn]] void RestartUnderLimit(uint64_t bytes, char** argv) {
  if (hz3::bench::LimitAddressSpace(bytes)) execv("/proc/self/exe", argv);
  std::fprintf(stderr, "arena_fill_workload: cannot limit the address space: %s\n",
               std::strerror(errno));
  std::exit(2);
}

std::unique_ptr<hz3::bench::Trace> LoadTraceOrExit(const std::string& path) {
  std::string error = "--workload=trace needs --trace=FILE";
  std::unique_ptr<hz3::bench::Trace> trace;
  if (!path.empty()) trace = hz3::bench::Trace::Load(path, &error);
  if (trace != nullptr) return trace;
  std::fprintf(stderr, "arena_fill_workload: %s%s%s\n", path.c_str(), path.empty() ? "" : ": ",
               error.c_str());
  std::exit(2);
}

int RunOne(const CatalogEntry& entry, const CommandLine& line) {
  const uint64_t bare_rss_bytes = hz3::bench::PeakRssBytes();
  Ledger ledger(entry.threads, LimitsFrom(line));
  const std::unique_ptr<hz3::bench::Workload> workload = entry.make(line.options, &ledger);
  if (line.bare) {
    const FillResult result = hz3::bench::RunBare(workload.get(), &ledger, line.options);
    std::printf("bare: malloc=%s bare_bytes=%llu\n", hz3::bench::MallocProvider().c_str(),
                static_cast<unsigned long long>(result.bare_bytes));
    return 0;
  }
  const FillResult result =
      hz3::bench::RunFill(workload.get(), &ledger, line.options, line.failing_mallocs);
  std::fputs(MakeReport(line, *workload, result, bare_rss_bytes).Text().c_str(), stdout);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CommandLine line;
  hz3::bench::PlainArgs args(kDescription);
  Declare(&args, &line);
  hz3::bench::ParseOrExit(&args, argc, argv);
  if (line.list) {
    PrintList();
    return 0;
  }
  const CatalogEntry* entry = hz3::bench::FindFillWorkload(line.workload);
  if (entry == nullptr) {
    std::fprintf(stderr, "arena_fill_workload: no workload '%s' (see --list)\n",
                 line.workload.c_str());
    return 2;
  }
  Finish(&line);
  if (line.limit_as_bytes != 0 && hz3::bench::AddressSpaceLimit() != line.limit_as_bytes) {
    RestartUnderLimit(line.limit_as_bytes, argv);
  }
  std::unique_ptr<hz3::bench::Trace> trace;
  if (entry->wants_trace) trace = LoadTraceOrExit(line.trace);
  line.options.trace = trace.get();
  return RunOne(*entry, line);
}
