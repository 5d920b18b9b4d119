#include "bench/synthetic/false_sharing.h"

#include <deque>

#include "bench/workloads/crew.h"

namespace hz3::bench {
namespace {

constexpr uint64_t kRoundsPerBlock = 5'000;

class Writer {
 public:
  explicit Writer(const SyntheticOptions& options) : options_(options) {}

  // By the thread that hands the blocks out.
  void Give() { given_ = tally_.Allocate(options_.min_size, options_.writes); }

  void Run(uint64_t blocks) {
    tally_.Free(given_);
    for (uint64_t i = 0; i < blocks; ++i) {
      void* block = tally_.Allocate(options_.min_size, options_.writes);
      if (block != nullptr) WriteRounds(block);
      tally_.Free(block);
    }
  }

  const Tally& tally() const { return tally_; }

 private:
  // Read and written, as a counter is: a write alone could wait in the store buffer.
  void WriteRounds(void* block) const {
    volatile unsigned char* bytes = static_cast<unsigned char*>(block);
    for (uint64_t round = 0; round < kRoundsPerBlock; ++round) {
      for (uint64_t i = 0; i < options_.min_size; ++i) {
        bytes[i] = static_cast<unsigned char>(bytes[i] + 1);
      }
    }
  }

  const SyntheticOptions& options_;
  void* given_ = nullptr;
  Tally tally_;
};

}  // namespace

SyntheticResult RunFalseSharing(const SyntheticOptions& options, FalseSharing kind) {
  SyntheticResult result;
  std::deque<Writer> writers;
  for (uint64_t i = 0; i < options.threads; ++i) writers.emplace_back(options);
  Crew crew(options.threads);
  if (kind == FalseSharing::kPassive) {
    for (Writer& writer : writers) writer.Give();
  }
  const uint64_t blocks = RoundsPerPart(options.ops, options.threads, kRoundsPerBlock);

  const Stopwatch watch;
  crew.Run([&](size_t thread) { writers[thread].Run(blocks); });
  watch.Stop(&result);

  const uint64_t rounds_of_one = blocks * kRoundsPerBlock;
  result.ops = options.threads * rounds_of_one;
  for (const Writer& writer : writers) {
    writer.tally().AddTo(&result);
    result.checksum += writer.tally().asked_bytes();
  }
  result.extra.emplace_back("ns_per_round",
                            result.seconds * 1e9 / static_cast<double>(rounds_of_one));
  return result;
}

}  // namespace hz3::bench
