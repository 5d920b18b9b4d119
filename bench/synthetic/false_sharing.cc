#include "bench/synthetic/false_sharing.h"

#include <sched.h>

#include <array>
#include <atomic>
#include <deque>

#include "bench/workloads/crew.h"

namespace hz3::bench {
namespace {

constexpr size_t kBlocks = 8;
constexpr uint64_t kVisitsPerBlock = 2'000;
constexpr uint64_t kOpsPerRound = kBlocks * kVisitsPerBlock;

// Threads that take turns on one CPU share its cache, and no line bounces. Without the permission
// to pin, or with a single CPU, the thread stays where it is.
void PinToOwnCpu(size_t thread) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
  const size_t wanted = thread % static_cast<size_t>(CPU_COUNT(&allowed));
  size_t seen = 0;
  for (size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || seen++ != wanted) continue;
    cpu_set_t own;
    CPU_ZERO(&own);
    CPU_SET(cpu, &own);
    (void)sched_setaffinity(0, sizeof(own), &own);
    return;
  }
}

class Writer {
 public:
  explicit Writer(const SyntheticOptions& options)
      : size_(std::max<uint64_t>(options.min_size, sizeof(uint64_t))) {}

  // By the thread that deals the blocks out.
  void GetBlock(size_t index) { blocks_[index] = tally_.Allocate(size_, Writes::kAll); }

  // The blocks that were dealt out go first, so that they can come back.
  void Run(uint64_t rounds) {
    FreeBlocks();
    for (uint64_t i = 0; i < rounds; ++i) {
      for (size_t block = 0; block < kBlocks; ++block) GetBlock(block);
      for (uint64_t visit = 0; visit < kVisitsPerBlock; ++visit) VisitBlocks();
      FreeBlocks();
    }
  }

  const Tally& tally() const { return tally_; }

 private:
  void VisitBlocks() const {
    for (void* block : blocks_) {
      if (block != nullptr) AddToWords(static_cast<uint64_t*>(block));
    }
  }

  // Atomically, as counters are: the store buffer hides much of what plain writes would cost.
  void AddToWords(uint64_t* words) const {
    for (uint64_t i = 0; i < size_ / sizeof(uint64_t); ++i) {
      std::atomic_ref<uint64_t>(words[i]).fetch_add(1, std::memory_order_relaxed);
    }
  }

  void FreeBlocks() {
    for (void*& block : blocks_) {
      tally_.Free(block);
      block = nullptr;
    }
  }

  const uint64_t size_;
  std::array<void*, kBlocks> blocks_ = {};
  Tally tally_;
};

void DealOut(std::deque<Writer>* writers) {
  for (size_t block = 0; block < kBlocks; ++block) {
    for (Writer& writer : *writers) writer.GetBlock(block);
  }
}

}  // namespace

SyntheticResult RunFalseSharing(const SyntheticOptions& options, FalseSharing kind) {
  SyntheticResult result;
  std::deque<Writer> writers;
  for (uint64_t i = 0; i < options.threads; ++i) writers.emplace_back(options);
  Crew crew(options.threads);
  crew.Run([](size_t thread) { PinToOwnCpu(thread); });
  if (kind == FalseSharing::kPassive) DealOut(&writers);
  const uint64_t rounds = RoundsPerPart(options.ops, options.threads, kOpsPerRound);

  const Stopwatch watch;
  crew.Run([&](size_t thread) { writers[thread].Run(rounds); });
  watch.Stop(&result);

  const uint64_t ops_of_one = rounds * kOpsPerRound;
  result.ops = options.threads * ops_of_one;
  for (const Writer& writer : writers) {
    writer.tally().AddTo(&result);
    result.checksum += writer.tally().asked_bytes();
  }
  result.extra.emplace_back("wall_ns_per_op",
                            result.seconds * 1e9 / static_cast<double>(ops_of_one));
  return result;
}

}  // namespace hz3::bench
