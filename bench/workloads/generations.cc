#include "bench/workloads/generations.h"

#include <pthread.h>

#include <algorithm>
#include <deque>

#include "bench/lib/mapped_array.h"
#include "bench/lib/rng.h"

namespace hz3::bench {
namespace {

constexpr uint64_t kLookEvery = 32;
constexpr uint64_t kIterationsOfALife = 4000;
constexpr uint64_t kVisitsPerSlot = 16;
// Small, so that the threads that come and go need little address space.
constexpr size_t kStackBytes = 128 << 10;

class alignas(kNoSharing) Lane {
 public:
  Lane(const GenerationsShape& shape, const FillOptions& options, Ledger* ledger, size_t index)
      : sizes_(shape.sizes),
        ledger_(*ledger),
        account_(ledger->account(index)),
        rng_(options.seed, index),
        slots_(4 * (options.scale_bytes / shape.sizes.MeanRounded() / shape.lanes + 1)),
        in_use_(slots_.size() / 8 + 1) {
    pthread_attr_init(&attributes_);
    pthread_attr_setstacksize(&attributes_, kStackBytes);
  }

  // One generation after the other. Ends without a failure when all slots have long been in use.
  void Grow() {
    const uint64_t generations = 2 * slots_.size() * kVisitsPerSlot / kIterationsOfALife + 1;
    for (uint64_t i = 0; i < generations && GoesOn(); ++i) {
      pthread_t thread;
      if (pthread_create(&thread, &attributes_, Live, this) != 0) {
        account_.NoteFailure(kStackBytes);
        return;
      }
      pthread_join(thread, nullptr);
      ++generations_;
    }
  }

  void FreeAll() {
    for (Block& slot : slots_) {
      if (slot.pointer != nullptr) account_.Free(slot);
    }
  }

  uint64_t generations() const { return generations_; }
  uint64_t OwnTouchedBytes() const { return in_use_ * sizeof(Block); }

 private:
  bool GoesOn() const { return !ledger_.stopped() && !ledger_.reached(); }

  static void* Live(void* lane) {
    static_cast<Lane*>(lane)->LiveOnce();
    return nullptr;
  }

  void LiveOnce() {
    for (uint64_t i = 1; i <= kIterationsOfALife && GoesOn(); ++i) {
      if (i % kLookEvery == 0 && !ledger_.BelowTarget()) return;
      if (i % kVisitsPerSlot == 0) in_use_ = std::min<uint64_t>(in_use_ + 1, slots_.size());
      Toggle();
    }
  }

  void Toggle() {
    const uint64_t draw = rng_.Next();
    Block& slot = slots_[ScaleTo(HighHalf(draw), static_cast<uint32_t>(in_use_))];
    if (slot.pointer == nullptr) {
      slot = account_.Allocate(sizes_.From(LowHalf(draw)));
    } else {
      account_.Free(slot);
      slot.pointer = nullptr;
    }
  }

  const SizeRange sizes_;
  Ledger& ledger_;
  Account& account_;
  Rng rng_;
  MappedArray<Block> slots_;
  uint64_t in_use_;
  uint64_t generations_ = 0;
  pthread_attr_t attributes_;
};

class Generations : public Workload {
 public:
  Generations(const GenerationsShape& shape, const FillOptions& options, Ledger* ledger) {
    for (uint64_t i = 0; i < shape.lanes; ++i) lanes_.emplace_back(shape, options, ledger, i);
  }

  size_t threads() const override { return lanes_.size(); }
  void RunPhase(int /*phase*/, size_t thread) override { lanes_[thread].Grow(); }
  void FreeAll(size_t thread) override { lanes_[thread].FreeAll(); }

  void Describe(Report* report) const override {
    uint64_t generations = 0;
    for (const Lane& lane : lanes_) generations += lane.generations();
    report->Add("generations", generations);
  }

  uint64_t OwnTouchedBytes() const override {
    uint64_t bytes = 0;
    for (const Lane& lane : lanes_) bytes += lane.OwnTouchedBytes();
    return bytes;
  }

 private:
  std::deque<Lane> lanes_;
};

}  // namespace

std::unique_ptr<Workload> MakeGenerations(const GenerationsShape& shape, const FillOptions& options,
                                          Ledger* ledger) {
  return std::make_unique<Generations>(shape, options, ledger);
}

}  // namespace hz3::bench
