#include "bench/synthetic/rows.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hz3::bench {
namespace {

using Rows = std::vector<SyntheticRow>;

constexpr char kRandomMixed[] = "bench/bench_random_mixed_malloc";
constexpr char kMtRemote[] = "bench/bench_random_mixed_mt_remote_malloc";
constexpr char kSynthetic[] = "bench/synthetic/synthetic";
constexpr uint64_t kMinSize = 16;

std::string Text(uint64_t number) { return std::to_string(number); }

void AddRandomMixed(Rows* rows) {
  for (const uint64_t max : {2048u, 32768u}) {
    rows->push_back(
        {.name = "random_mixed_16_" + Text(max),
         .help = "one thread, 4096 slots, 16.." + Text(max) + " bytes",
         .program = kRandomMixed,
         .args = {max == 2048 ? "12000000" : "6000000", "4096", Text(kMinSize), Text(max)}});
  }
}

struct RemoteShape {
  uint64_t threads;
  uint64_t remote_pct;
  uint64_t max_size;
  bool filled;
};

// Over all threads. What is written costs more than the allocator; what comes back from another
// thread costs some allocators ten times what stays at home.
uint64_t RemoteIterations(const RemoteShape& shape) {
  if (shape.filled) return 500'000;
  if (shape.remote_pct == 0) return shape.max_size <= 2048 ? 6'000'000 : 3'000'000;
  return shape.max_size <= 2048 ? 3'000'000 : 800'000;
}

SyntheticRow RemoteRow(const RemoteShape& shape) {
  const std::string threads = Text(shape.threads);
  const std::string percent = Text(shape.remote_pct);
  SyntheticRow row;
  row.name = "mt_remote_t" + threads + "_r" + percent + "_16_" + Text(shape.max_size) +
             (shape.filled ? "_filled" : "");
  row.help = threads + " threads, " + percent + " % freed by the next one, 16.." +
             Text(shape.max_size) + " bytes" + (shape.filled ? ", all written" : ", not written");
  row.program = kMtRemote;
  row.args = {threads,
              Text(RemoteIterations(shape) / shape.threads),
              "400",
              Text(kMinSize),
              Text(shape.max_size),
              percent};
  // Written blocks in rings that nobody drains could need more memory than the machine has.
  if (shape.filled) row.args.insert(row.args.end(), {"--fill", "--max_live_mib=1024"});
  row.remote_unwritten = shape.remote_pct > 0 && !shape.filled;
  row.filled = shape.filled;
  return row;
}

void AddMtRemote(Rows* rows) {
  constexpr uint64_t kPercents[] = {0, 50, 90};
  for (const uint64_t max_size : {2048u, 32768u, 131072u}) {
    for (const uint64_t threads : {2u, 4u, 8u, 32u}) {
      for (const uint64_t percent : kPercents) {
        rows->push_back(RemoteRow({threads, percent, max_size, false}));
      }
    }
  }
  for (const uint64_t threads : {2u, 8u}) {
    for (const uint64_t percent : kPercents) {
      rows->push_back(RemoteRow({threads, percent, 32768, true}));
    }
  }
}

// With the defaults of the workload where `flags` say nothing else.
void AddWorkload(std::string name, std::string help, const std::string& workload,
                 std::vector<std::string> flags, Rows* rows) {
  SyntheticRow row;
  row.name = std::move(name);
  row.help = std::move(help);
  row.program = kSynthetic;
  row.args = std::move(flags);
  row.filled = std::find(row.args.begin(), row.args.end(), "--fill") != row.args.end();
  row.args.insert(row.args.begin(), "--workload=" + workload);
  rows->push_back(std::move(row));
}

void AddHandOvers(Rows* rows) {
  AddWorkload("larson_8_1024", "slots pass from thread to thread, 8..1024 bytes", "larson", {},
              rows);
  AddWorkload("larson_4096_32768", "slots pass from thread to thread, 4..32 KiB", "larson",
              {"--min=4096", "--max=32768", "--ops=6000000"}, rows);
  AddWorkload("thread_churn", "short-lived threads leave half of their blocks to the next",
              "thread_churn", {}, rows);
  AddWorkload("exchange", "16 B..1 MiB, heavy-tailed, generations of threads, a shared table",
              "exchange", {}, rows);
}

void AddPipelines(Rows* rows) {
  for (const std::string shape : {"1_1", "1_n", "n_1"}) {
    const std::string name = "pipeline_" + shape;
    const std::string help = "producers to consumers, " + shape;
    AddWorkload(name + "_64", help + ", 64 bytes", name, {}, rows);
    AddWorkload(name + "_16_4096", help + ", 16..4096 bytes", name,
                {"--min=16", "--max=4096", "--ops=3000000"}, rows);
    AddWorkload(name + "_batch", help + ", 64 bytes in batches of 64", name + "_batch", {}, rows);
  }
}

void AddCaches(Rows* rows) {
  AddWorkload("cache_thrash", "active false sharing, ns per write to a block", "cache_thrash", {},
              rows);
  AddWorkload("cache_scratch", "passive false sharing, ns per write to a block", "cache_scratch",
              {}, rows);
}

void AddPrograms(Rows* rows) {
  AddWorkload("strings", "lists of growing strings, ns per append", "strings", {}, rows);
  AddWorkload("trees", "binary trees of depth 4..16 by new and delete", "trees", {}, rows);
  AddWorkload("realloc_growth", "16 B doubles to 256 MiB and is written, ns per realloc",
              "realloc_growth", {}, rows);
  AddWorkload("realloc_steps", "64 B grows to 64 KiB in steps of 64 B, ns per realloc",
              "realloc_steps", {}, rows);
  AddWorkload("calloc", "calloc of 1 KiB..64 MiB, log-uniform", "calloc", {}, rows);
  AddWorkload("large", "32 KiB..4 MiB, log-uniform, not written", "large", {}, rows);
  AddWorkload("large_filled", "32 KiB..4 MiB, log-uniform, all written", "large",
              {"--fill", "--ops=4000"}, rows);
}

void AddProcesses(Rows* rows) {
  AddWorkload("threads_1000", "1000 threads that allocate a little, then sleep", "threads_1000", {},
              rows);
  AddWorkload("startup", "starts of /bin/true, ns per start", "startup", {}, rows);
}

void AddOneSize(Rows* rows) {
  AddWorkload("pair_64", "malloc and free of 64 bytes", "pair_64", {}, rows);
  AddWorkload("batch_1000", "1000 mallocs of 64 bytes, then 1000 frees", "batch_1000", {}, rows);
  AddWorkload("floor_64", "the loop of pair_64 without an allocator", "floor_64", {}, rows);
}

Rows AllRows() {
  Rows rows;
  AddRandomMixed(&rows);
  AddMtRemote(&rows);
  AddHandOvers(&rows);
  AddPipelines(&rows);
  AddCaches(&rows);
  AddPrograms(&rows);
  AddProcesses(&rows);
  AddOneSize(&rows);
  return rows;
}

}  // namespace

const std::vector<SyntheticRow>& SyntheticRows() {
  static const Rows* const rows = new Rows(AllRows());
  return *rows;
}

}  // namespace hz3::bench
