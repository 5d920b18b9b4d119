#include "bench/synthetic/thread_churn.h"

#include <deque>

#include "bench/lib/mapped_array.h"
#include "bench/synthetic/short_thread.h"
#include "bench/workloads/crew.h"

namespace hz3::bench {
namespace {

constexpr uint64_t kBlocksPerLife = 500;

class Lane {
 public:
  Lane(const SyntheticOptions& options, uint64_t index)
      : options_(options), rng_(options.seed, index), blocks_(kBlocksPerLife) {}

  void RunGenerations(uint64_t generations) {
    for (uint64_t i = 0; i < generations; ++i) {
      RunOnShortThread([this] { LiveOnce(); });
    }
  }

  void FreeLeft() {
    for (void*& block : blocks_) Take(&block);
  }

  const Tally& tally() const { return tally_; }
  uint64_t OwnBytes() const { return blocks_.Bytes(); }

 private:
  void LiveOnce() {
    FreeLeft();
    for (void*& block : blocks_) {
      block = tally_.Allocate(UniformSize(options_, LowHalf(rng_.Next())), options_.writes);
    }
    for (void*& block : blocks_) {
      if (ScaleTo(HighHalf(rng_.Next()), 100) >= options_.remote_pct) Take(&block);
    }
  }

  void Take(void** block) {
    tally_.Free(*block);
    *block = nullptr;
  }

  const SyntheticOptions& options_;
  Rng rng_;
  MappedArray<void*> blocks_;
  Tally tally_;
};

}  // namespace

SyntheticResult RunThreadChurn(const SyntheticOptions& options) {
  SyntheticResult result;
  std::deque<Lane> lanes;
  for (uint64_t i = 0; i < options.threads; ++i) lanes.emplace_back(options, i);
  Crew crew(options.threads);
  const uint64_t generations = RoundsPerPart(options.ops, options.threads, 2 * kBlocksPerLife);

  const Stopwatch watch;
  crew.Run([&](size_t lane) { lanes[lane].RunGenerations(generations); });
  watch.Stop(&result);

  for (Lane& lane : lanes) {
    result.ops += lane.tally().Ops();
    lane.FreeLeft();
    lane.tally().AddTo(&result);
    result.checksum += lane.tally().asked_bytes();
    result.own_rss_bytes += lane.OwnBytes();
  }
  const uint64_t started = options.threads * generations;
  result.extra.emplace_back("threads_started", static_cast<double>(started));
  return result;
}

}  // namespace hz3::bench
