#include "bench/synthetic/exchange.h"

#include <atomic>
#include <deque>

#include "bench/lib/mapped_array.h"
#include "bench/synthetic/short_thread.h"
#include "bench/synthetic/size_table.h"
#include "bench/workloads/crew.h"

namespace hz3::bench {
namespace {

constexpr uint32_t kSlots = 8192;
constexpr uint64_t kExchangesPerLife = 20'000;

// What the threads share.
struct Table {
  explicit Table(const SyntheticOptions& run_options)
      : options(run_options),
        sizes(SizeTable::Pareto(run_options.min_size, run_options.max_size)),
        slots(kSlots) {}

  const SyntheticOptions& options;
  const SizeTable sizes;
  MappedArray<std::atomic<void*>> slots;
};

class Lane {
 public:
  Lane(Table* table, uint64_t index) : table_(*table), rng_(table->options.seed, index) {}

  void FillSlots() {
    for (uint32_t i = 0; i < kSlots; ++i) Exchange(i, LowHalf(rng_.Next()));
  }

  void RunGenerations(uint64_t exchanges) {
    while (exchanges != 0) {
      const uint64_t part = std::min(exchanges, kExchangesPerLife);
      RunOnShortThread([this, part] { ExchangeSome(part); });
      exchanges -= part;
    }
  }

  void FreeSlots() {
    for (std::atomic<void*>& slot : table_.slots) tally_.Free(slot.exchange(nullptr));
  }

  const Tally& tally() const { return tally_; }

 private:
  void ExchangeSome(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t draw = rng_.Next();
      Exchange(ScaleTo(HighHalf(draw), kSlots), LowHalf(draw));
    }
  }

  // Acquire and release: who frees the block sees what its maker wrote into it.
  void Exchange(uint32_t slot, uint32_t bits) {
    void* fresh = tally_.Allocate(table_.sizes.From(bits), table_.options.writes);
    tally_.Free(table_.slots[slot].exchange(fresh, std::memory_order_acq_rel));
  }

  Table& table_;
  Rng rng_;
  Tally tally_;
};

}  // namespace

SyntheticResult RunExchange(const SyntheticOptions& options) {
  SyntheticResult result;
  Table table(options);
  std::deque<Lane> lanes;
  for (uint64_t i = 0; i < options.threads; ++i) lanes.emplace_back(&table, i);
  Crew crew(options.threads);
  lanes.front().FillSlots();
  const uint64_t exchanges = RoundsPerPart(options.ops, options.threads, 2);

  const Stopwatch watch;
  crew.Run([&](size_t lane) { lanes[lane].RunGenerations(exchanges); });
  watch.Stop(&result);

  result.ops = options.threads * exchanges * 2;
  lanes.front().FreeSlots();
  for (const Lane& lane : lanes) {
    lane.tally().AddTo(&result);
    result.checksum += lane.tally().asked_bytes();
  }
  result.own_rss_bytes = table.slots.Bytes() + table.sizes.OwnBytes();
  return result;
}

}  // namespace hz3::bench
