#include "bench/gate/rows.h"

#include <algorithm>
#include <utility>

#include "bench/synthetic/rows.h"
#include "bench/workloads/catalog.h"

namespace hz3::gate {
namespace {

using Rows = std::vector<GateRow>;

constexpr char kSynthetic[] = "bench/synthetic/synthetic";
constexpr char kRandomMixed[] = "bench/bench_random_mixed_malloc";
constexpr char kMtRemote[] = "bench/bench_random_mixed_mt_remote_malloc";

void AddLibrary(Rows* rows) {
  rows->push_back(
      {"hot_path", "malloc, free, new, delete against their golden listings", HotPathRow{}, true});
  rows->push_back(
      {"library_size", "bytes that a process maps of the library", LibrarySizeRow{}, true});
  rows->push_back({"start_true", "instructions that the library adds to a start of /bin/true",
                   StartRow{"/bin/true"}, true});
  rows->push_back({"start_first_blocks",
                   "instructions inside the library of a program with a few blocks",
                   FirstBlocksRow{kSynthetic, {"--workload=batch_1000", "--ops=2000"}}, true});
}

void AddServed(Rows* rows) {
  rows->push_back({"repro", "the repro, 32 threads: no allocation fails",
                   ServedRow{kMtRemote,
                             {"32", "1000000", "400", "16", "32768", "50", "65536",
                              "--on_full=free", "--seed=1"}},
                   true});
  rows->push_back({"footprint", "bytes in caches of a fixed run; pages and slots all come back",
                   FootprintRow{}, true});
  const std::vector<std::string> quick = {"mt_remote_t8_r50", "class_shift_mid", "small"};
  for (const bench::CatalogEntry& entry : bench::FillWorkloads()) {
    rows->push_back({"fill_" + entry.name, "arena of 128 MiB: " + entry.help,
                     FillRow{entry.name, entry.wants_trace},
                     std::find(quick.begin(), quick.end(), entry.name) != quick.end()});
  }
}

void AddInstructions(Rows* rows) {
  const auto add = [rows](std::string name, std::string help, InstructionsRow row) {
    rows->push_back({"instructions_" + name, std::move(help), std::move(row), true});
  };
  const auto workload = [](std::string flags, uint64_t short_n, uint64_t long_n) {
    return InstructionsRow{kSynthetic, {"--workload=" + flags, "--ops={n}"}, short_n, long_n};
  };
  add("pair", "malloc and free of 64 bytes: the hot path alone",
      workload("pair_64", 10'000, 510'000));
  add("batch", "1000 mallocs of 64 bytes, then 1000 frees",
      workload("batch_1000", 20'000, 420'000));
  // Longer than a bin is deep: nearly all of it is refill and flush.
  add("refill", "4000 blocks live of 16 KiB to 32 KiB, random: refill and flush of runs",
      {kRandomMixed, {"{n}", "4000", "16384", "32768"}, 20'000, 220'000});
  add("mixed_small", "4096 blocks live of 16 to 2048 bytes, random",
      {kRandomMixed, {"{n}", "4096", "16", "2048"}, 50'000, 550'000});
  add("mixed", "4096 blocks live of 16 to 32768 bytes, random",
      {kRandomMixed, {"{n}", "4096", "16", "32768"}, 50'000, 550'000});
  add("wide", "512 blocks live of 32 KiB to 1 MiB, random",
      {kRandomMixed, {"{n}", "512", "32769", "1048576"}, 20'000, 220'000});
  add("new_delete", "strings that grow, by new and delete",
      {kSynthetic, {"--workload=strings", "--threads=1", "--ops={n}"}, 16'000, 256'000});
  add("realloc", "a block grows to 64 KiB in steps of 64 bytes",
      {kSynthetic, {"--workload=realloc_steps", "--ops={n}"}, 20'480, 122'880});
}

// Timed rows are rows of //bench:peers, under the names that they have there.
void AddTimed(Rows* rows) {
  struct Choice {
    const char* name;
    bool quick;
  };
  constexpr Choice kChoices[] = {
      {"pair_64", true},
      {"batch_1000", false},
      {"random_mixed_16_2048", true},
      {"random_mixed_16_32768", false},
      {"mt_remote_t4_r50_16_2048", true},
      {"mt_remote_t8_r90_16_32768", false},
      {"mt_remote_t8_r50_16_32768_filled", false},
      {"larson_8_1024", false},
      {"pipeline_1_1_16_4096", true},
      {"thread_churn", false},
      {"exchange", false},
      {"strings", false},
      {"large_filled", false},
      {"threads_1000", false},
      {"startup", true},
  };
  for (const Choice& choice : kChoices) {
    for (const bench::SyntheticRow& row : bench::SyntheticRows()) {
      if (row.name != choice.name) continue;
      rows->push_back(
          {"timed_" + row.name, row.help, TimedRow{row.program, row.args}, choice.quick});
    }
  }
}

Rows AllRows() {
  Rows rows;
  AddLibrary(&rows);
  AddServed(&rows);
  AddInstructions(&rows);
  AddTimed(&rows);
  return rows;
}

}  // namespace

const std::vector<GateRow>& GateRows() {
  static const Rows* const rows = new Rows(AllRows());
  return *rows;
}

}  // namespace hz3::gate
