#include "bench/synthetic/growing.h"

#include <bit>
#include <cstring>
#include <deque>

#include "bench/workloads/crew.h"

namespace hz3::bench {
namespace {

class Grower {
 public:
  Grower(const SyntheticOptions& options, Growth growth) : options_(options), growth_(growth) {}

  void Pass() {
    char* block = nullptr;
    uint64_t size = 0;
    while (size < options_.max_size) {
      const uint64_t wanted = Next(size);
      char* grown = static_cast<char*>(std::realloc(block, wanted));
      if (grown == nullptr) {
        tally_.CountFailure();
        break;
      }
      if (block == nullptr) tally_.CountAlloc();
      if (block != nullptr) moves_ += grown != block;
      ++reallocs_;
      std::memset(grown + size, 1, wanted - size);
      block = grown;
      size = wanted;
    }
    End(block, size);
  }

  uint64_t ops() const { return reallocs_ + frees_; }
  uint64_t moves() const { return moves_; }
  uint64_t checksum() const { return checksum_; }
  const Tally& tally() const { return tally_; }

 private:
  uint64_t Next(uint64_t size) const {
    if (size == 0) return options_.min_size;
    const uint64_t next = growth_ == Growth::kDoubling ? 2 * size : size + options_.min_size;
    return std::min(next, options_.max_size);
  }

  // The first and the last byte must have come along on all moves.
  void End(char* block, uint64_t size) {
    if (block == nullptr) return;
    checksum_ += static_cast<uint64_t>(block[0]) + static_cast<uint64_t>(block[size - 1]);
    tally_.Free(block);
    ++frees_;
  }

  const SyntheticOptions& options_;
  const Growth growth_;
  uint64_t reallocs_ = 0;
  uint64_t frees_ = 0;
  uint64_t moves_ = 0;
  uint64_t checksum_ = 0;
  Tally tally_;
};

uint64_t OpsPerPass(const SyntheticOptions& options, Growth growth) {
  const uint64_t ratio = std::max<uint64_t>(options.max_size / options.min_size, 1);
  return growth == Growth::kDoubling ? static_cast<uint64_t>(std::bit_width(ratio)) + 1 : ratio + 1;
}

}  // namespace

SyntheticResult RunGrowing(const SyntheticOptions& options, Growth growth) {
  SyntheticResult result;
  std::deque<Grower> growers;
  for (uint64_t i = 0; i < options.threads; ++i) growers.emplace_back(options, growth);
  Crew crew(options.threads);
  const uint64_t passes = RoundsPerPart(options.ops, options.threads, OpsPerPass(options, growth));

  const Stopwatch watch;
  crew.Run([&](size_t thread) {
    for (uint64_t i = 0; i < passes; ++i) growers[thread].Pass();
  });
  watch.Stop(&result);

  uint64_t moves = 0;
  for (const Grower& grower : growers) {
    result.ops += grower.ops();
    result.checksum += grower.checksum();
    grower.tally().AddTo(&result);
    moves += grower.moves();
  }
  result.extra.emplace_back("moves", static_cast<double>(moves));
  return result;
}

}  // namespace hz3::bench
