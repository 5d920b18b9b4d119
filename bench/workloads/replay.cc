#include "bench/workloads/replay.h"

#include <algorithm>
#include <cstdlib>
#include <deque>

#include "bench/lib/mapped_array.h"
#include "bench/lib/rng.h"

namespace hz3::bench {
namespace {

// One copy of so many is played to its end.
constexpr uint64_t kOneEndsOf = 4;
// Events between two looks at how much is live.
constexpr size_t kLookEvery = 32;

// Plays events of one copy on a table of its blocks.
class Player {
 public:
  Player(const Trace& trace, Ledger* ledger, Account* account)
      : trace_(trace), ledger_(*ledger), account_(*account) {}

  // Events from `begin` to before `end`; ends early when memory is exhausted or the target reached.
  void Play(Block* table, size_t begin, size_t end) {
    for (size_t i = begin; i < end && !ledger_.stopped(); ++i) {
      if (i % kLookEvery == 0 && !ledger_.BelowTarget()) return;
      PlayEvent(trace_[i], &table[trace_[i].place]);
    }
  }

  void FreeAll(Block* table) {
    for (uint32_t place = 0; place < trace_.places(); ++place) FreePlace(&table[place]);
  }

 private:
  // An event whose block could not be had earlier does what still makes sense.
  void PlayEvent(const TraceEvent& event, Block* block) {
    if (event.op == TraceOp::kFree) return FreePlace(block);
    if (event.op == TraceOp::kRealloc && block->pointer != nullptr)
      return Resize(event.size, block);
    const Block made = {Make(event), event.size};
    if (made.pointer == nullptr) return account_.NoteFailure(event.size);
    account_.Charge(event.size);
    Write(made);
    *block = made;
  }

  static void* Make(const TraceEvent& event) {
    if (event.op == TraceOp::kCalloc) return std::calloc(1, event.size);
    if (event.op != TraceOp::kAligned) return std::malloc(event.size);
    const size_t alignment = std::max(sizeof(void*), size_t{1} << event.align_log2);
    void* pointer = nullptr;
    return posix_memalign(&pointer, alignment, event.size) == 0 ? pointer : nullptr;
  }

  void Resize(uint64_t size, Block* block) {
    account_.Uncharge(block->size);
    void* pointer = std::realloc(block->pointer, size);
    if (pointer == nullptr) {
      account_.Charge(block->size);
      return account_.NoteFailure(size);
    }
    *block = {pointer, size};
    account_.Charge(size);
    Write(*block);
  }

  void Write(Block block) {
    if (block.size > 0) WriteBlock(block, ledger_.limits().writes);
  }

  void FreePlace(Block* block) {
    if (block->pointer == nullptr) return;
    account_.Free(*block);
    block->pointer = nullptr;
  }

  const Trace& trace_;
  Ledger& ledger_;
  Account& account_;
};

// The copies of one thread: tables in one array, those in use at its front.
class Copies {
 public:
  Copies(const Trace& trace, const FillOptions& options, uint64_t threads, Ledger* ledger,
         size_t index)
      : trace_(trace),
        ledger_(*ledger),
        player_(trace, ledger, &ledger->account(index)),
        rng_(options.seed, index),
        most_(Most(trace, options, threads)),
        blocks_(most_ * trace.places()) {}

  void Grow() {
    for (uint64_t i = 1; GoesOn() && resting_ < most_; ++i) {
      player_.Play(Table(resting_++), 0, trace_.peak_events());
      if (i % kOneEndsOf == 0) EndOne();
    }
  }

  void FreeAll() {
    while (resting_ > 0) player_.FreeAll(Table(--resting_));
  }

  uint64_t TouchedBytes() const { return resting_ * trace_.places() * sizeof(Block); }

 private:
  static uint64_t Most(const Trace& trace, const FillOptions& options, uint64_t threads) {
    if (options.copies > 0) return (options.copies + threads - 1) / threads;
    // One thread may get all of the memory.
    return options.scale_bytes / std::max<uint64_t>(trace.peak_bytes(), 1) + 2;
  }

  bool GoesOn() const { return !ledger_.stopped() && !ledger_.reached(); }
  Block* Table(uint64_t copy) { return &blocks_[copy * trace_.places()]; }

  void EndOne() {
    if (!GoesOn()) return;
    Block* const table = Table(ScaleTo(LowHalf(rng_.Next()), static_cast<uint32_t>(resting_)));
    player_.Play(table, trace_.peak_events(), trace_.size());
    if (!GoesOn()) return;
    player_.FreeAll(table);
    // The last one takes its place.
    Block* const last = Table(--resting_);
    if (last != table) std::swap_ranges(last, last + trace_.places(), table);
  }

  const Trace& trace_;
  Ledger& ledger_;
  Player player_;
  Rng rng_;
  const uint64_t most_;
  MappedArray<Block> blocks_;
  uint64_t resting_ = 0;
};

class Replay : public Workload {
 public:
  Replay(const ReplayShape& shape, const FillOptions& options, Ledger* ledger)
      : trace_(*options.trace) {
    for (uint64_t i = 0; i < shape.threads; ++i) {
      copies_.emplace_back(trace_, options, shape.threads, ledger, i);
    }
  }

  size_t threads() const override { return copies_.size(); }
  void RunPhase(int /*phase*/, size_t thread) override { copies_[thread].Grow(); }
  void FreeAll(size_t thread) override { copies_[thread].FreeAll(); }

  void Describe(Report* report) const override {
    report->Add("trace_events", uint64_t{trace_.size()});
    report->Add("trace_peak_bytes", trace_.peak_bytes());
  }

  uint64_t OwnTouchedBytes() const override {
    uint64_t bytes = trace_.size() * sizeof(TraceEvent);
    for (const Copies& copies : copies_) bytes += copies.TouchedBytes();
    return bytes;
  }

 private:
  const Trace& trace_;
  std::deque<Copies> copies_;
};

}  // namespace

std::unique_ptr<Workload> MakeReplay(const ReplayShape& shape, const FillOptions& options,
                                     Ledger* ledger) {
  return std::make_unique<Replay>(shape, options, ledger);
}

}  // namespace hz3::bench
