// The command line of the synthetic workloads; bench/synthetic/catalog.h lists them.
#include <cstdio>
#include <limits>
#include <string>

#include "bench/lib/machine.h"
#include "bench/lib/plain_args.h"
#include "bench/lib/report.h"
#include "bench/synthetic/catalog.h"

namespace hz3::bench {
namespace {

constexpr char kDescription[] =
    "Runs one made-up load. Start it with LD_PRELOAD=<allocator> to measure that allocator.\n"
    "Flags that are not given have the defaults of the workload (see --list).\n";

// Outside every range, thus "not given".
constexpr uint64_t kNotGiven = std::numeric_limits<uint64_t>::max();

struct CommandLine {
  std::string workload;
  uint64_t threads = kNotGiven;
  uint64_t ops = kNotGiven;
  uint64_t min_size = kNotGiven;
  uint64_t max_size = kNotGiven;
  uint64_t remote_pct = kNotGiven;
  uint64_t seed = kNotGiven;
  bool fill = false;
  bool list = false;
  std::string json;
};

void Declare(PlainArgs* args, CommandLine* line) {
  constexpr Range kSizes = {1, (uint64_t{1} << 32) - 1};
  args->Text("workload", "by name, see --list", &line->workload);
  args->Number("threads", "that work at the same time", {1, 4096}, &line->threads);
  args->Number("ops", "of all threads together; rounded to whole rounds", {1, uint64_t{1} << 40},
               &line->ops);
  args->Number("min", "smallest block in bytes", kSizes, &line->min_size);
  args->Number("max", "largest block in bytes", kSizes, &line->max_size);
  args->Number("remote_pct", "blocks freed by another thread, in %", {0, 100}, &line->remote_pct);
  args->Switch("fill", "write all bytes of each block", &line->fill);
  args->Number("seed", "of the random numbers", {0, kNotGiven - 1}, &line->seed);
  args->Text("json", "write the result there too", &line->json);
  args->Switch("list", "print the workloads", &line->list);
}

std::optional<uint64_t> IfGiven(uint64_t value) {
  return value == kNotGiven ? std::nullopt : std::optional<uint64_t>(value);
}

SyntheticOverrides OverridesOf(const CommandLine& line) {
  return {.threads = IfGiven(line.threads),
          .ops = IfGiven(line.ops),
          .min_size = IfGiven(line.min_size),
          .max_size = IfGiven(line.max_size),
          .remote_pct = IfGiven(line.remote_pct),
          .seed = IfGiven(line.seed),
          .fill = line.fill};
}

void PrintList() {
  for (const SyntheticEntry& entry : SyntheticWorkloads()) {
    const SyntheticOptions& defaults = entry.defaults;
    std::printf("%-20s%s\n%20s--ops=%llu --threads=%llu", entry.name.c_str(), entry.help.c_str(),
                "", static_cast<unsigned long long>(defaults.ops),
                static_cast<unsigned long long>(defaults.threads));
    if (entry.uses.min_size) {
      std::printf(" --min=%llu", static_cast<unsigned long long>(defaults.min_size));
    }
    if (entry.uses.max_size) {
      std::printf(" --max=%llu", static_cast<unsigned long long>(defaults.max_size));
    }
    std::printf("\n");
  }
}

int Fail(const std::string& reason) {
  std::fprintf(stderr, "synthetic: %s\n", reason.c_str());
  return 2;
}

int Run(const CommandLine& line) {
  const SyntheticEntry* entry = FindSyntheticWorkload(line.workload);
  if (line.workload.empty()) return Fail("--workload is missing (see --list)");
  if (entry == nullptr) return Fail("unknown workload '" + line.workload + "' (see --list)");
  SyntheticOptions options;
  if (const auto reason = ApplyOverrides(*entry, OverridesOf(line), &options)) {
    return Fail(*reason);
  }
  const Report report = MakeReport(*entry, options, entry->run(options));
  std::printf("machine: %s\n%s", ToString(ThisMachine()).c_str(), report.Text().c_str());
  return WriteJsonReport(report, line.json) ? 0 : 2;
}

int Main(int argc, char** argv) {
  CommandLine line;
  PlainArgs args(kDescription);
  Declare(&args, &line);
  ParseOrExit(&args, argc, argv);
  if (!line.list) return Run(line);
  PrintList();
  return 0;
}

}  // namespace
}  // namespace hz3::bench

int main(int argc, char** argv) { return hz3::bench::Main(argc, argv); }
