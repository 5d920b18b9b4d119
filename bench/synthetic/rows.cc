#include "bench/synthetic/rows.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hz3::bench {
namespace {

using Rows = std::vector<SyntheticRow>;

constexpr char kRandomMixed[] = "bench/bench_random_mixed_malloc";
constexpr char kMtRemote[] = "bench/bench_random_mixed_mt_remote_malloc";
constexpr uint64_t kMinSize = 16;

std::string Text(uint64_t number) { return std::to_string(number); }

void AddRandomMixed(Rows* rows) {
  for (const uint64_t max : {2048u, 32768u}) {
    rows->push_back({.name = "random_mixed_16_" + Text(max),
                     .help = "one thread, 4096 slots, 16.." + Text(max) + " bytes",
                     .program = kRandomMixed,
                     .args = {"6000000", "4096", Text(kMinSize), Text(max)}});
  }
}

struct RemoteShape {
  uint64_t threads;
  uint64_t remote_pct;
  uint64_t max_size;
  bool filled;
};

// Over all threads; what is written costs far more than the allocator.
uint64_t RemoteIterations(const RemoteShape& shape) { return shape.filled ? 400'000 : 3'000'000; }

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

Rows AllRows() {
  Rows rows;
  AddRandomMixed(&rows);
  AddMtRemote(&rows);
  return rows;
}

}  // namespace

const std::vector<SyntheticRow>& SyntheticRows() {
  static const Rows* const rows = new Rows(AllRows());
  return *rows;
}

}  // namespace hz3::bench
