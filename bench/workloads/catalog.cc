#include "bench/workloads/catalog.h"

#include <utility>

#include "bench/workloads/class_shift.h"
#include "bench/workloads/generations.h"
#include "bench/workloads/producer_consumer.h"
#include "bench/workloads/replay.h"
#include "bench/workloads/sawtooth.h"
#include "bench/workloads/sleepers.h"
#include "bench/workloads/toggle.h"

namespace hz3::bench {
namespace {

constexpr double kMtRemoteShare = 0.97;
constexpr SizeRange kAllSizes = {16, 32768};

// An entry whose workload Make(shape, ...) makes.
template <auto Make, typename Shape>
CatalogEntry Entry(std::string name, std::string help, size_t threads, Shape shape) {
  CatalogEntry entry;
  entry.name = std::move(name);
  entry.help = std::move(help);
  entry.threads = threads;
  entry.make = [shape = std::move(shape)](const FillOptions& options, Ledger* ledger) {
    return Make(shape, options, ledger);
  };
  return entry;
}

CatalogEntry ToggleEntry(std::string name, std::string help, const ToggleShape& shape) {
  CatalogEntry entry = Entry<MakeToggle>(std::move(name), std::move(help), shape.threads, shape);
  entry.can_work = true;
  return entry;
}

// mt_remote_t8_r50: the seed benchmark's sizes; mt_remote_t8_r50_runs: runs of 2 to 8 pages only.
CatalogEntry MtRemote(uint64_t threads, uint64_t remote_pct, bool runs) {
  const std::string t = std::to_string(threads);
  const std::string r = std::to_string(remote_pct);
  const SizeRange sizes = {runs ? kPage + 1 : kAllSizes.min, kAllSizes.max};
  CatalogEntry entry =
      ToggleEntry("mt_remote_t" + t + "_r" + r + (runs ? "_runs" : ""),
                  t + " threads, " + r + " % of frees by the neighbour, " +
                      std::to_string(sizes.min) + ".." + std::to_string(sizes.max) + " B",
                  {threads, remote_pct, sizes});
  entry.wanted_share = kMtRemoteShare;
  return entry;
}

CatalogEntry Shift(std::string name, std::string help, const ClassShiftShape& shape) {
  return Entry<MakeClassShift>(std::move(name), std::move(help), shape.threads, shape);
}

CatalogEntry Sleeping() {
  const SleepersShape shape = {8, {4, 50, kAllSizes}};
  CatalogEntry entry = Entry<MakeSleepers>(
      "sleepers", "8 threads fill their caches and block, 4 others allocate, 16..32768 B",
      shape.others.threads, shape);
  entry.can_work = true;
  return entry;
}

CatalogEntry Tooth(std::string name, std::string help, const SawtoothCycle& fourth) {
  SawtoothShape shape;
  shape.cycles = {
      {{16, 1024}, false}, {{4097, 32768}, true}, {{256, 4096}, false}, fourth, {kAllSizes, true}};
  return Entry<MakeSawtooth>(std::move(name), std::move(help), shape.threads, shape);
}

CatalogEntry TraceEntry() {
  const ReplayShape shape;
  CatalogEntry entry =
      Entry<MakeReplay>("trace", "8 threads replay copies of a recorded trace of a real program",
                        shape.threads, shape);
  entry.wants_trace = true;
  return entry;
}

std::vector<CatalogEntry> MakeCatalog() {
  std::vector<CatalogEntry> all;
  for (const bool runs : {false, true}) {
    for (const uint64_t threads : {8u, 32u}) {
      for (const uint64_t remote_pct : {0u, 50u, 90u}) {
        all.push_back(MtRemote(threads, remote_pct, runs));
      }
    }
  }
  all.push_back(Shift("class_shift_up", "64 B, all but every 640th freed, then 32768 B",
                      {4, 64, 32768, 640}));
  all.push_back(Shift("class_shift_mid", "1024 B, all but every 640th freed, then 8192 B",
                      {4, 1024, 8192, 640}));
  all.push_back(Shift("class_shift_down", "32768 B, all but every 10th freed, then 64 B",
                      {4, 32768, 64, 10}));
  const ProducerConsumerShape pairs;
  all.push_back(Entry<MakeProducerConsumer>("producer_consumer",
                                            "4 pairs, consumers never allocate, 16..32768 B",
                                            2 * pairs.pairs, pairs));
  all.push_back(Sleeping());
  const GenerationsShape lanes;
  all.push_back(Entry<MakeGenerations>(
      "generations", "8 lanes of threads that come and go, 16..32768 B", lanes.lanes, lanes));
  all.push_back(Tooth("sawtooth", "8 threads, live set grows and shrinks, five mixes of sizes",
                      {{8193, 32768}, true}));
  all.push_back(
      Tooth("sawtooth_large", "the same with one mix of 8193..65536 B", {{8193, 65536}, true}));
  all.push_back(
      ToggleEntry("small", "8 threads, half of the frees remote, 16..2048 B", {8, 50, {16, 2048}}));
  all.push_back(TraceEntry());
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
