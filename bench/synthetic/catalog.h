// Catalog: the synthetic workloads by name, with the options that each of them knows.
#ifndef BENCH_SYNTHETIC_CATALOG_H_
#define BENCH_SYNTHETIC_CATALOG_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/lib/report.h"
#include "bench/synthetic/workload.h"

namespace hz3::bench {

struct SyntheticEntry {
  // Options that the workload looks at, beside ops and seed.
  struct Uses {
    bool threads = false;
    bool min_size = false;
    bool max_size = false;
    bool remote_pct = false;
    bool fill = false;
  };

  std::string name;
  std::string help;
  Uses uses;
  SyntheticOptions defaults;
  std::function<SyntheticResult(const SyntheticOptions&)> run;
};

// All of them, always in the same order.
const std::vector<SyntheticEntry>& SyntheticWorkloads();

// Null when there is none of that name.
const SyntheticEntry* FindSyntheticWorkload(std::string_view name);

// What a command line may set; nothing for what it left alone.
struct SyntheticOverrides {
  std::optional<uint64_t> threads = {};
  std::optional<uint64_t> ops = {};
  std::optional<uint64_t> min_size = {};
  std::optional<uint64_t> max_size = {};
  std::optional<uint64_t> remote_pct = {};
  std::optional<uint64_t> seed = {};
  bool fill = false;
};

// The line that says why these cannot be: a flag that would have no effect, or sizes that
// contradict each other. Else *options are the defaults of the entry with the overrides.
std::optional<std::string> ApplyOverrides(const SyntheticEntry& entry,
                                          const SyntheticOverrides& overrides,
                                          SyntheticOptions* options);

Report MakeReport(const SyntheticEntry& entry, const SyntheticOptions& options,
                  const SyntheticResult& result);

}  // namespace hz3::bench

#endif  // BENCH_SYNTHETIC_CATALOG_H_
