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
  bool can_work = false;
  // The share at the first failure that hz3 is to reach; 0: none is wanted.
  double wanted_share = 0.9;
  std::function<std::unique_ptr<Workload>(const FillOptions&, Ledger*)> make;
};

// All of them, always in the same order.
const std::vector<CatalogEntry>& FillWorkloads();

// Null when there is none of that name.
const CatalogEntry* FindFillWorkload(std::string_view name);

}  // namespace hz3::bench

#endif  // BENCH_WORKLOADS_CATALOG_H_
