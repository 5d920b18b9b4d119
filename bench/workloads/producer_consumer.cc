#include "bench/workloads/producer_consumer.h"

#include <time.h>

#include <algorithm>
#include <atomic>
#include <deque>

#include "bench/lib/mapped_array.h"
#include "bench/lib/rng.h"
#include "bench/lib/spsc_ring.h"

namespace hz3::bench {
namespace {

constexpr int64_t kWaitNanos = 1'000'000;
constexpr int64_t kIdleNanos = 50'000;
constexpr uint64_t kLookEvery = 32;
// Blocks that a pair passes on for each slot that comes into use.
constexpr uint64_t kBlocksPerSlot = 8;
constexpr uint64_t kMinRingSlots = 8;

class Pair {
 public:
  Pair(const ProducerConsumerShape& shape, const FillOptions& options, Ledger* ledger, size_t index)
      : sizes_(shape.sizes),
        ledger_(*ledger),
        producer_(ledger->account(2 * index)),
        consumer_(ledger->account(2 * index + 1)),
        sizes_rng_(options.seed, 2 * index),
        slots_rng_(options.seed, 2 * index + 1),
        share_(options.scale_bytes / shape.sizes.MeanRounded() / shape.pairs + 1),
        ring_(std::clamp(share_ / 4, kMinRingSlots, std::max(kMinRingSlots, options.ring_slots)),
              SpscRing::kNoByteLimit),
        slots_(share_ * shape.pairs * 2),
        in_use_(share_ / 4 + 1) {}

  void Produce() {
    for (uint64_t i = 1; GoesOn(); ++i) {
      if (i % kLookEvery == 0 && !ledger_.BelowTarget()) break;
      const Block block = producer_.Allocate(sizes_.From(LowHalf(sizes_rng_.Next())));
      if (block.pointer != nullptr) Push(block);
    }
    through_.store(true);
  }

  void Consume() {
    // What is pushed before the producer is through stays in the ring: it is live, too.
    while (GoesOn() && !through_.load()) {
      const uint64_t pending = ring_.Pending();
      if (pending == 0) {
        Nap();
        continue;
      }
      for (uint64_t i = 0; i < pending && !ledger_.stopped(); ++i) {
        ring_.Drain(1, [this](Block block) { Take(block); });
      }
      ring_.WakeProducer();
    }
  }

  void FreeAll() {
    for (Block& slot : slots_) {
      if (slot.pointer != nullptr) consumer_.Free(slot);
    }
    ring_.Drain(ring_.Pending(), [this](Block block) { consumer_.Free(block); });
    if (left_over_.pointer != nullptr) consumer_.Free(left_over_);
  }

  uint64_t OwnTouchedBytes() const { return ring_.TouchedBytes() + in_use_ * sizeof(Block); }

 private:
  bool GoesOn() const {
    return !ledger_.stopped() && !ledger_.reached() && in_use_ < slots_.size();
  }

  static void Nap() {
    const timespec time = {0, kIdleNanos};
    nanosleep(&time, nullptr);
  }

  void Push(Block block) {
    while (!ring_.Push(block)) {
      if (!GoesOn()) {
        left_over_ = block;  // live until the end
        return;
      }
      ring_.WaitForRoom(block.size, kWaitNanos);
    }
  }

  void Take(Block block) {
    Block& slot = slots_[ScaleTo(LowHalf(slots_rng_.Next()), static_cast<uint32_t>(in_use_))];
    if (slot.pointer != nullptr) consumer_.Free(slot);
    slot = block;
    if (++taken_ % kBlocksPerSlot == 0) in_use_ = std::min<uint64_t>(in_use_ + 1, slots_.size());
  }

  const SizeRange sizes_;
  Ledger& ledger_;
  Account& producer_;
  Account& consumer_;
  Rng sizes_rng_;
  Rng slots_rng_;
  const uint64_t share_;  // blocks of a pair when all pairs fill the memory alike
  SpscRing ring_;
  MappedArray<Block> slots_;
  // Only the consumer writes it; the producer reads it to see the end.
  std::atomic<uint64_t> in_use_;
  uint64_t taken_ = 0;
  Block left_over_ = {nullptr, 0};
  // Ends the consumer's loop; blocks are ordered by the ring.
  std::atomic<bool> through_{false};
};

class ProducerConsumer : public Workload {
 public:
  ProducerConsumer(const ProducerConsumerShape& shape, const FillOptions& options, Ledger* ledger) {
    for (uint64_t i = 0; i < shape.pairs; ++i) pairs_.emplace_back(shape, options, ledger, i);
  }

  size_t threads() const override { return 2 * pairs_.size(); }

  void RunPhase(int /*phase*/, size_t thread) override {
    Pair& pair = pairs_[thread / 2];
    if (thread % 2 == 0) {
      pair.Produce();
    } else {
      pair.Consume();
    }
  }

  void FreeAll(size_t thread) override {
    if (thread % 2 == 1) pairs_[thread / 2].FreeAll();
  }

  uint64_t OwnTouchedBytes() const override {
    uint64_t bytes = 0;
    for (const Pair& pair : pairs_) bytes += pair.OwnTouchedBytes();
    return bytes;
  }

 private:
  std::deque<Pair> pairs_;
};

}  // namespace

std::unique_ptr<Workload> MakeProducerConsumer(const ProducerConsumerShape& shape,
                                               const FillOptions& options, Ledger* ledger) {
  return std::make_unique<ProducerConsumer>(shape, options, ledger);
}

}  // namespace hz3::bench
