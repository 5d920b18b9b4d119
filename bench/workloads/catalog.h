// Catalog: the fill workloads by name.
#ifndef BENCH_WORKLOADS_CATALOG_H_
#define BENCH_WORKLOADS_CATALOG_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/workloads/workload.h"

namespace hz3::bench {

struct CatalogEntry {
  std::string name;
  std::string help;
  size_t threads = 1;  // accounts that its ledger must have
  std::function<std::unique_ptr<Workload>(const FillOptions&, Ledger*)> make;
  double wanted_share = 0.9;  // that hz3 is to have live at the first failure
  bool can_work = false;      // it has a timed part
  bool wants_trace = false;
};

// All of them, always in the same order.
const std::vector<CatalogEntry>& FillWorkloads();

// Null when there is none of that name.
const CatalogEntry* FindFillWorkload(std::string_view name);

}  // namespace hz3::bench

#endif  // BENCH_WORKLOADS_CATALOG_H_
