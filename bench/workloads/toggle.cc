#include "bench/workloads/toggle.h"

#include <algorithm>
#include <atomic>
#include <deque>

#include "bench/lib/mapped_array.h"
#include "bench/lib/rng.h"
#include "bench/lib/spsc_ring.h"

namespace hz3::bench {
namespace {

constexpr int64_t kWaitNanos = 1'000'000;
// Iterations between two looks at how much is live.
constexpr uint64_t kLookEvery = 32;
// Each slot is visited about so often while the live set grows, and a thread iterates at least so
// often that threads which share a core take many turns.
constexpr uint64_t kVisitsPerSlot = 16;
constexpr uint64_t kMinIterations = 200'000;
constexpr uint64_t kMinRingSlots = 8;

// What all threads of one run have in common.
struct Plan {
  Plan(const ToggleShape& run_shape, const FillOptions& run_options)
      : shape(run_shape), options(run_options) {
    const uint64_t block = shape.sizes.MeanRounded();
    const uint64_t blocks = options.scale_bytes / block / shape.threads + 1;
    // Half of the slots are full: in the end there is room for twice the memory.
    slots = 4 * blocks;
    first_slots = blocks / 2 + 1;
    churn = std::max(kVisitsPerSlot, kMinIterations / slots);
    ring_slots = std::clamp(blocks / 4, kMinRingSlots, std::max(kMinRingSlots, options.ring_slots));
  }

  const ToggleShape shape;
  const FillOptions options;
  uint64_t slots;        // of a thread
  uint64_t first_slots;  // in use from the start
  uint64_t churn;        // iterations until another slot comes into use
  uint64_t ring_slots;
};

class alignas(kNoSharing) Worker {
 public:
  Worker(const Plan& plan, Ledger* ledger, size_t index)
      : plan_(plan),
        ledger_(*ledger),
        account_(ledger->account(index)),
        inbox_(plan.ring_slots, SpscRing::kNoByteLimit),
        rng_(plan.options.seed, index),
        slots_(plan.slots),
        in_use_(plan.first_slots) {}

  void set_next(Worker* next) { next_ = next; }

  // Ends without a failure when all slots have long been in use.
  void Grow() {
    Begin();
    const uint64_t iterations = 2 * plan_.slots * plan_.churn;
    for (uint64_t i = 1; i <= iterations && !ledger_.stopped() && !ledger_.reached(); ++i) {
      Iterate(i);
      if (i % plan_.churn == 0) in_use_ = std::min(in_use_ + 1, plan_.slots);
    }
    End();
  }

  void Work(uint64_t iterations) {
    Begin();
    for (uint64_t i = 1; i <= iterations && !ledger_.stopped(); ++i) Iterate(i);
    End();
  }

  void FreeAll() {
    inbox_.Drain(inbox_.Pending(), [this](Block block) { account_.Free(block); });
    for (Block& slot : slots_) {
      if (slot.pointer != nullptr) account_.Free(slot);
    }
  }

  uint64_t remote_pushes() const { return remote_pushes_; }
  uint64_t local_frees() const { return local_frees_; }
  uint64_t OwnTouchedBytes() const { return inbox_.TouchedBytes() + in_use_ * sizeof(Block); }

 private:
  void Begin() {
    may_allocate_ = true;
    through_.store(false, std::memory_order_relaxed);
  }

  // Release, with the acquire in NextIsThrough: nothing is pushed that nobody drains, which only
  // costs a wait; the blocks themselves are ordered by the ring.
  void End() { through_.store(true, std::memory_order_release); }
  bool NextIsThrough() const { return next_->through_.load(std::memory_order_acquire); }

  void Iterate(uint64_t i) {
    DrainInbox();
    if (i % kLookEvery == 0) may_allocate_ = ledger_.BelowTarget();
    const uint64_t draw = rng_.Next();
    Block& slot = slots_[ScaleTo(HighHalf(draw), static_cast<uint32_t>(in_use_))];
    if (slot.pointer != nullptr) {
      Empty(&slot, LowHalf(draw));
    } else if (may_allocate_) {
      slot = account_.Allocate(plan_.shape.sizes.From(LowHalf(draw)));
    }
  }

  void Empty(Block* slot, uint32_t bits) {
    const Block block = *slot;
    slot->pointer = nullptr;
    if (ScaleTo(bits, 100) < plan_.shape.remote_pct && PushRemote(block)) {
      ++remote_pushes_;
    } else {
      ++local_frees_;
      account_.Free(block);
    }
  }

  bool PushRemote(Block block) {
    while (!next_->inbox_.Push(block)) {
      const bool wait = plan_.options.on_full == OnFull::kWait;
      if (!wait || ledger_.stopped() || NextIsThrough()) return false;
      DrainInbox();
      next_->inbox_.WaitForRoom(block.size, kWaitNanos);
    }
    return true;
  }

  // Stops in the middle when an allocation has failed: what is left in the ring stays live.
  void DrainInbox() {
    for (uint64_t left = inbox_.Pending(); left > 0 && !ledger_.stopped(); --left) {
      inbox_.Drain(1, [this](Block block) { account_.Free(block); });
    }
    if (plan_.options.on_full == OnFull::kWait) inbox_.WakeProducer();
  }

  const Plan& plan_;
  Ledger& ledger_;
  Account& account_;
  SpscRing inbox_;
  Worker* next_ = nullptr;
  Rng rng_;
  MappedArray<Block> slots_;
  uint64_t in_use_;
  bool may_allocate_ = true;
  uint64_t remote_pushes_ = 0;
  uint64_t local_frees_ = 0;
  std::atomic<bool> through_{false};
};

class Toggle : public Workload {
 public:
  Toggle(const ToggleShape& shape, const FillOptions& options, Ledger* ledger)
      : plan_(shape, options) {
    const size_t count = shape.threads;
    for (size_t i = 0; i < count; ++i) workers_.emplace_back(plan_, ledger, i);
    for (size_t i = 0; i < count; ++i) workers_[i].set_next(&workers_[(i + 1) % count]);
  }

  size_t threads() const override { return workers_.size(); }
  void RunPhase(int /*phase*/, size_t thread) override { workers_[thread].Grow(); }
  void Work(size_t thread, uint64_t iterations) override { workers_[thread].Work(iterations); }
  bool CanWork() const override { return true; }
  void FreeAll(size_t thread) override { workers_[thread].FreeAll(); }

  void Describe(Report* report) const override {
    uint64_t remote = 0;
    uint64_t local = 0;
    for (const Worker& worker : workers_) {
      remote += worker.remote_pushes();
      local += worker.local_frees();
    }
    const uint64_t all = remote + local;
    report->Add("remote_share",
                all == 0 ? 0.0 : static_cast<double>(remote) / static_cast<double>(all));
    report->Add("ring_slots", plan_.ring_slots);
  }

  uint64_t OwnTouchedBytes() const override {
    uint64_t bytes = 0;
    for (const Worker& worker : workers_) bytes += worker.OwnTouchedBytes();
    return bytes;
  }

 private:
  const Plan plan_;
  std::deque<Worker> workers_;  // they neither move nor copy
};

}  // namespace

std::unique_ptr<Workload> MakeToggle(const ToggleShape& shape, const FillOptions& options,
                                     Ledger* ledger) {
  return std::make_unique<Toggle>(shape, options, ledger);
}

}  // namespace hz3::bench
