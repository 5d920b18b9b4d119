#include "bench/workloads/catalog.h"

#include <utility>

#include "bench/workloads/class_shift.h"
#include "bench/workloads/generations.h"
#include "bench/workloads/producer_consumer.h"
#include "bench/workloads/sawtooth.h"
#include "bench/workloads/sleepers.h"
#include "bench/workloads/toggle.h"

namespace hz3::bench {
namespace {

constexpr double kMtRemoteShare = 0.97;
constexpr double kOtherShare = 0.9;

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
            ToggleEntry(name, help, kMtRemoteShare, {threads, remote_pct, {min_size, 32768}}));
      }
    }
  }
}

CatalogEntry ClassShiftEntry(std::string name, std::string help, const ClassShiftShape& shape) {
  return {std::move(name),
          std::move(help),
          shape.threads,
          false,
          kOtherShare,
          [shape](const FillOptions& options, Ledger* ledger) {
            return MakeClassShift(shape, options, ledger);
          }};
}

void AddClassShifts(std::vector<CatalogEntry>* all) {
  all->push_back(ClassShiftEntry("class_shift_up", "64 B, all but every 640th freed, then 32768 B",
                                 {4, 64, 32768, 640}));
  all->push_back(ClassShiftEntry(
      "class_shift_mid", "1024 B, all but every 640th freed, then 8192 B", {4, 1024, 8192, 640}));
  all->push_back(ClassShiftEntry("class_shift_down", "32768 B, all but every 10th freed, then 64 B",
                                 {4, 32768, 64, 10}));
}

CatalogEntry ProducerConsumerEntry() {
  const ProducerConsumerShape shape = {4, {16, 32768}};
  return {"producer_consumer",
          "4 pairs, consumers never allocate, 16..32768 B",
          2 * shape.pairs,
          false,
          kOtherShare,
          [shape](const FillOptions& options, Ledger* ledger) {
            return MakeProducerConsumer(shape, options, ledger);
          }};
}

CatalogEntry SleepersEntry() {
  const SleepersShape shape = {8, {4, 50, {16, 32768}}};
  return {"sleepers",
          "8 threads fill their caches and block, 4 others allocate, 16..32768 B",
          shape.others.threads,
          true,
          kOtherShare,
          [shape](const FillOptions& options, Ledger* ledger) {
            return MakeSleepers(shape, options, ledger);
          }};
}

CatalogEntry GenerationsEntry() {
  const GenerationsShape shape = {8, {16, 32768}};
  return {"generations",
          "8 lanes of threads that come and go, 16..32768 B",
          shape.lanes,
          false,
          kOtherShare,
          [shape](const FillOptions& options, Ledger* ledger) {
            return MakeGenerations(shape, options, ledger);
          }};
}

CatalogEntry SawtoothEntry(std::string name, std::string help, double wanted_share,
                           const SawtoothCycle& fourth) {
  const SawtoothShape shape = {8,
                               {{{16, 1024}, false},
                                {{4097, 32768}, true},
                                {{256, 4096}, false},
                                fourth,
                                {{16, 32768}, true}},
                               85,
                               10};
  return {std::move(name),
          std::move(help),
          shape.threads,
          false,
          wanted_share,
          [shape](const FillOptions& options, Ledger* ledger) {
            return MakeSawtooth(shape, options, ledger);
          }};
}

void AddSawteeth(std::vector<CatalogEntry>* all) {
  all->push_back(SawtoothEntry("sawtooth", "8 threads, live set grows and shrinks, five size mixes",
                               kOtherShare, {{8193, 32768}, true}));
  all->push_back(SawtoothEntry("sawtooth_large", "the same with a mix of 8193..65536 B", kOtherShare,
                               {{8193, 65536}, true}));
}

std::vector<CatalogEntry> MakeCatalog() {
  std::vector<CatalogEntry> all;
  AddMtRemote(&all);
  AddClassShifts(&all);
  all.push_back(ProducerConsumerEntry());
  all.push_back(SleepersEntry());
  all.push_back(GenerationsEntry());
  AddSawteeth(&all);
  all.push_back(ToggleEntry("small", "8 threads, half of the frees remote, 16..2048 B", kOtherShare,
                            {8, 50, {16, 2048}}));
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
