#include "bench/synthetic/larson.h"

#include <deque>

#include "bench/lib/mapped_array.h"
#include "bench/synthetic/short_thread.h"
#include "bench/workloads/crew.h"

namespace hz3::bench {
namespace {

constexpr uint32_t kSlots = 1000;
constexpr uint64_t kReplacementsPerLife = 10'000;

class Lane {
 public:
  Lane(const SyntheticOptions& options, uint64_t index)
      : options_(options), rng_(options.seed, index), slots_(kSlots) {}

  void FillSlots() {
    for (void*& slot : slots_) slot = tally_.Allocate(DrawSize(rng_.Next()), options_.writes);
  }

  void RunGenerations(uint64_t replacements) {
    while (replacements != 0) {
      const uint64_t part = std::min(replacements, kReplacementsPerLife);
      RunOnShortThread([this, part] { ReplaceSome(part); });
      replacements -= part;
    }
  }

  void FreeSlots() {
    for (void* slot : slots_) tally_.Free(slot);
  }

  const Tally& tally() const { return tally_; }
  uint64_t OwnBytes() const { return slots_.Bytes(); }

 private:
  uint64_t DrawSize(uint64_t draw) const { return UniformSize(options_, LowHalf(draw)); }

  void ReplaceSome(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t draw = rng_.Next();
      void*& slot = slots_[ScaleTo(HighHalf(draw), kSlots)];
      tally_.Free(slot);
      slot = tally_.Allocate(DrawSize(draw), options_.writes);
    }
  }

  const SyntheticOptions& options_;
  Rng rng_;
  MappedArray<void*> slots_;
  Tally tally_;
};

}  // namespace

SyntheticResult RunLarson(const SyntheticOptions& options) {
  SyntheticResult result;
  std::deque<Lane> lanes;
  for (uint64_t i = 0; i < options.threads; ++i) lanes.emplace_back(options, i);
  Crew crew(options.threads);
  crew.Run([&](size_t lane) { lanes[lane].FillSlots(); });
  const uint64_t replacements = RoundsPerPart(options.ops, options.threads, 2);

  const Stopwatch watch;
  crew.Run([&](size_t lane) { lanes[lane].RunGenerations(replacements); });
  watch.Stop(&result);

  result.ops = options.threads * replacements * 2;
  for (Lane& lane : lanes) {
    lane.FreeSlots();
    lane.tally().AddTo(&result);
    result.checksum += lane.tally().asked_bytes();
    result.own_rss_bytes += lane.OwnBytes();
  }
  return result;
}

}  // namespace hz3::bench
