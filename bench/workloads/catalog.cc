#include "bench/workloads/catalog.h"

#include <utility>

#include "bench/workloads/toggle.h"

namespace hz3::bench {
namespace {

constexpr double kMtRemoteShare = 0.97;

CatalogEntry ToggleEntry(std::string name, std::string help, double wanted_share,
                         const ToggleShape& shape) {
  return {std::move(name),
          std::move(help),
          shape.threads,
          true,
          wanted_share,
          [shape](const FillOptions& options, Ledger* ledger) {
            return MakeToggle(shape, options, ledger);
          }};
}

// mt_remote_t8_r50: the seed benchmark's sizes; mt_remote_t8_r50_runs: runs of 2 to 8 pages only.
void AddMtRemote(std::vector<CatalogEntry>* all) {
  for (const uint64_t min_size : {16u, 4097u}) {
    for (const uint64_t threads : {8u, 32u}) {
      for (const uint64_t remote_pct : {0u, 50u, 90u}) {
        const std::string t = std::to_string(threads);
        const std::string r = std::to_string(remote_pct);
        const std::string name = "mt_remote_t" + t + "_r" + r + (min_size > kPage ? "_runs" : "");
        const std::string help = t + " threads, " + r + " % of frees by the neighbour, " +
                                 std::to_string(min_size) + "..32768 B";
        all->push_back(
            ToggleEntry(name, help, kMtRemoteShare, {threads, remote_pct, min_size, 32768}));
      }
    }
  }
}

std::vector<CatalogEntry> MakeCatalog() {
  std::vector<CatalogEntry> all;
  AddMtRemote(&all);
  all.push_back(ToggleEntry("small", "8 threads, half of the frees remote, 16..2048 B", 0.9,
                            {8, 50, 16, 2048}));
  return all;
}

}  // namespace

const std::vector<CatalogEntry>& FillWorkloads() {
  static const std::vector<CatalogEntry> all = MakeCatalog();
  return all;
}

const CatalogEntry* FindFillWorkload(std::string_view name) {
  for (const CatalogEntry& entry : FillWorkloads()) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

}  // namespace hz3::bench
