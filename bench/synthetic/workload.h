// What all synthetic workloads have in common: their options, their result, and the counting of
// what they ask of the allocator. A workload is a function from the one to the other; it sets up
// its working set, measures, and frees everything it holds before it returns.
//
// One op is one malloc or one free, unless the workload's header says otherwise. Counts of ops are
// rounded to whole rounds of the workload, and are at least one round.
#ifndef BENCH_SYNTHETIC_WORKLOAD_H_
#define BENCH_SYNTHETIC_WORKLOAD_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "bench/lib/block.h"
#include "bench/lib/process_usage.h"
#include "bench/lib/rng.h"
#include "bench/lib/spsc_ring.h"

namespace hz3::bench {

struct SyntheticOptions {
  uint64_t threads = 1;
  uint64_t ops = 1;  // of all threads together
  uint64_t min_size = 0;
  uint64_t max_size = 0;
  uint64_t remote_pct = 0;
  uint64_t seed = 1;
  Writes writes = Writes::kEnds;
};

struct SyntheticResult {
  // Of the measured part.
  uint64_t ops = 0;
  double seconds = 0;
  double cpu_s = 0;
  uint64_t checksum = 0;  // of what was done: the same for the same options

  // Of the whole run, with set-up and clean-up.
  uint64_t allocs = 0;  // that gave a block
  uint64_t frees = 0;
  uint64_t alloc_failed = 0;
  uint64_t peak_rss_bytes = 0;  // up to the end of the measured part
  uint64_t own_rss_bytes = 0;   // memory of the bench itself that became resident

  std::vector<std::pair<std::string, double>> extra = {};  // fields of this workload only
};

// Measures from its construction to Stop.
class Stopwatch {
 public:
  Stopwatch() : cpu_before_(ProcessCpuTime().Total()), begin_(Clock::now()) {}

  void Stop(SyntheticResult* result) const {
    result->seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
    result->cpu_s = ProcessCpuTime().Total() - cpu_before_;
    result->peak_rss_bytes = PeakRssBytes();
  }

 private:
  using Clock = std::chrono::steady_clock;

  const double cpu_before_;
  const Clock::time_point begin_;
};

// The compiler knows malloc and free, and drops a pair between which nothing happens.
inline void KeepPointer(void*& pointer) { asm volatile("" : "+r"(pointer) : : "memory"); }

// Allocates and frees for one thread, and counts it.
class alignas(kNoSharing) Tally {
 public:
  // Null when the allocator had none; the failure is counted.
  void* Allocate(uint64_t size, Writes writes) {
    void* pointer = std::malloc(size);
    if (pointer == nullptr) {
      ++failed_;
      return nullptr;
    }
    ++allocs_;
    asked_bytes_ += size;
    WriteBlock({pointer, size}, writes);
    return pointer;
  }

  // Null is passed over.
  void Free(void* pointer) {
    if (pointer == nullptr) return;
    ++frees_;
    std::free(pointer);
  }

  // For what is allocated by other means than malloc.
  void CountAlloc() { ++allocs_; }
  void CountFree() { ++frees_; }
  void CountFailure() { ++failed_; }

  uint64_t Ops() const { return allocs_ + frees_; }
  uint64_t asked_bytes() const { return asked_bytes_; }

  void AddTo(SyntheticResult* result) const {
    result->allocs += allocs_;
    result->frees += frees_;
    result->alloc_failed += failed_;
  }

 private:
  uint64_t allocs_ = 0;
  uint64_t frees_ = 0;
  uint64_t failed_ = 0;
  uint64_t asked_bytes_ = 0;
};

// Every size from min to max is equally likely.
inline uint64_t UniformSize(const SyntheticOptions& options, uint32_t bits) {
  const uint64_t sizes = options.max_size - options.min_size + 1;
  return options.min_size + ScaleTo(bits, static_cast<uint32_t>(sizes));
}

// The rounds that one of `parts` equal shares of the work has to do.
inline uint64_t RoundsPerPart(uint64_t ops, uint64_t parts, uint64_t ops_per_round) {
  return std::max<uint64_t>(1, ops / parts / ops_per_round);
}

}  // namespace hz3::bench

#endif  // BENCH_SYNTHETIC_WORKLOAD_H_
