#include "bench/workloads/sawtooth.h"

#include <algorithm>
#include <deque>

#include "bench/lib/rng.h"
#include "bench/workloads/block_list.h"

namespace hz3::bench {
namespace {

constexpr uint64_t kLookEvery = 32;

class Sawtooth : public Workload {
 public:
  Sawtooth(const SawtoothShape& shape, const FillOptions& options, Ledger* ledger)
      : shape_(shape), options_(options), ledger_(*ledger) {
    uint64_t smallest = UINT64_MAX;
    for (const SawtoothCycle& c : shape.cycles)
      smallest = std::min(smallest, c.sizes.MeanRounded());
    for (uint64_t i = 0; i < shape.threads; ++i) {
      // One thread may get all of the memory.
      lists_.emplace_back(2 * options.scale_bytes / smallest);
      cycle_starts_.push_back(0);
      rngs_.emplace_back(options.seed, i);
    }
    SetTargetOf(0);
  }

  size_t threads() const override { return lists_.size(); }
  // Up, down, up, down, ... up.
  int phases() const override { return static_cast<int>(2 * shape_.cycles.size()) - 1; }

  void RunPhase(int phase, size_t thread) override {
    const SawtoothCycle& cycle = shape_.cycles[static_cast<size_t>(phase) / 2];
    if (phase % 2 == 0) return Grow(cycle.sizes, thread);
    const bool remote = phase % 4 == 3;
    Shrink(cycle.scattered, remote ? (thread + 1) % threads() : thread, thread);
  }

  void AfterPhase(int phase) override { SetTargetOf(phase + 1); }
  void FreeAll(size_t thread) override { lists_[thread].FreeAll(&ledger_.account(thread)); }

  uint64_t OwnTouchedBytes() const override {
    uint64_t bytes = 0;
    for (const BlockList& list : lists_) bytes += list.TouchedBytes();
    return bytes;
  }

 private:
  void SetTargetOf(int phase) {
    if (phase >= phases() - 1) return ledger_.set_live_target(Target());
    const uint64_t whole = Target() > 0 ? options_.live_target : options_.scale_bytes;
    ledger_.set_live_target(static_cast<int64_t>(whole / 100 * shape_.high_pct));
  }
  int64_t Target() const { return static_cast<int64_t>(options_.live_target); }

  void Grow(const SizeRange& sizes, size_t thread) {
    BlockList& list = lists_[thread];
    Account& account = ledger_.account(thread);
    for (uint64_t i = 1; !ledger_.stopped() && !ledger_.reached() && !list.full(); ++i) {
      if (i % kLookEvery == 0 && !ledger_.BelowTarget()) return;
      const Block block = account.Allocate(sizes.From(LowHalf(rngs_[thread].Next())));
      if (block.pointer != nullptr) list.Add(block);
    }
  }

  // Frees blocks of this cycle only: those before it are in front of them.
  void Shrink(bool scattered, size_t from, size_t thread) {
    BlockList& list = lists_[from];
    size_t& first = cycle_starts_[from];
    const size_t rest = first + (list.size() - first) * shape_.keep_pct / 100;
    while (list.size() > rest) {
      const auto count = static_cast<uint32_t>(list.size() - first);
      const uint32_t bits = scattered ? LowHalf(rngs_[thread].Next()) : UINT32_MAX;
      ledger_.account(thread).Free(list.TakeAt(first + ScaleTo(bits, count)));
    }
    first = rest;
  }

  const SawtoothShape shape_;
  const FillOptions options_;
  Ledger& ledger_;
  std::deque<BlockList> lists_;
  std::deque<size_t> cycle_starts_;
  std::deque<Rng> rngs_;
};

}  // namespace

std::unique_ptr<Workload> MakeSawtooth(const SawtoothShape& shape, const FillOptions& options,
                                       Ledger* ledger) {
  return std::make_unique<Sawtooth>(shape, options, ledger);
}

}  // namespace hz3::bench
