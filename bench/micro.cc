// One allocator operation at a time, in google-benchmark's rows: run it under LD_PRELOAD of any
// allocator. Times are of one thread and of warm caches; `--benchmark_repetitions=N` shows the
// noise.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "bench/lib/machine.h"
#include "benchmark/benchmark.h"

namespace hz3::bench {
namespace {

constexpr size_t kBatch = 1000;

// malloc and free of one block, again and again: what a hit in the thread's cache costs.
void Pair(benchmark::State& state) {
  const size_t size = static_cast<size_t>(state.range(0));
  for (auto _ : state) {
    void* block = std::malloc(size);
    benchmark::DoNotOptimize(block);
    std::free(block);
  }
}
BENCHMARK(Pair)->RangeMultiplier(2)->Range(16, 32768);

enum class Order { kFifo, kLifo };

// 1000 mallocs, then 1000 frees, oldest or newest first; the time is that of one malloc and free.
template <Order kOrder>
void Batch(benchmark::State& state) {
  const size_t size = static_cast<size_t>(state.range(0));
  std::array<void*, kBatch> blocks;
  while (state.KeepRunningBatch(kBatch)) {
    for (void*& block : blocks) block = std::malloc(size);
    benchmark::DoNotOptimize(blocks);
    benchmark::ClobberMemory();
    if (kOrder == Order::kLifo) std::reverse(blocks.begin(), blocks.end());
    for (void* block : blocks) std::free(block);
  }
}
BENCHMARK(Batch<Order::kFifo>)->Name("BatchFifo")->RangeMultiplier(4)->Range(16, 16384);
BENCHMARK(Batch<Order::kLifo>)->Name("BatchLifo")->RangeMultiplier(4)->Range(16, 16384);

// A small batch in each step of the sizes, so that every size class of any allocator has its row.
void PerSize(benchmark::State& state) {
  constexpr size_t kBlocks = 64;
  const size_t size = static_cast<size_t>(state.range(0));
  std::array<void*, kBlocks> blocks;
  while (state.KeepRunningBatch(kBlocks)) {
    for (void*& block : blocks) block = std::malloc(size);
    benchmark::DoNotOptimize(blocks);
    benchmark::ClobberMemory();
    for (void* block : blocks) std::free(block);
  }
}

// Eight sizes for each doubling: no allocator's classes lie closer above 128 bytes.
void EverySizeClass(benchmark::internal::Benchmark* row) {
  for (int64_t size = 16; size < 128; size += 16) row->Arg(size);
  for (int64_t base = 128; base < 32768; base *= 2) {
    for (int64_t step = 0; step < 8; ++step) row->Arg(base + step * base / 8);
  }
  row->Arg(32768);
}
BENCHMARK(PerSize)->Apply(EverySizeClass);

void Calloc(benchmark::State& state) {
  const size_t size = static_cast<size_t>(state.range(0));
  for (auto _ : state) {
    void* block = std::calloc(1, size);
    benchmark::DoNotOptimize(block);
    std::free(block);
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Calloc)->RangeMultiplier(8)->Range(16, 1 << 20);

// A block that doubles from 16 bytes to 64 MiB and whose new half is written, like a vector's.
void ReallocGrowth(benchmark::State& state) {
  constexpr size_t kLast = size_t{64} << 20;
  for (auto _ : state) {
    char* block = nullptr;
    size_t written = 0;
    for (size_t size = 16; size <= kLast; size *= 2) {
      block = static_cast<char*>(std::realloc(block, size));
      if (block == nullptr) return state.SkipWithError("realloc failed");
      std::memset(block + written, 1, size - written);
      written = size;
    }
    benchmark::DoNotOptimize(block);
    std::free(block);
  }
}
BENCHMARK(ReallocGrowth)->Unit(benchmark::kMillisecond);

// The same in steps of 64 bytes up to 64 KiB, not written: how often does the block have to move?
void ReallocSteps(benchmark::State& state) {
  for (auto _ : state) {
    void* block = nullptr;
    for (size_t size = 64; size <= 65536; size += 64) {
      block = std::realloc(block, size);
      benchmark::DoNotOptimize(block);
    }
    std::free(block);
  }
}
BENCHMARK(ReallocSteps)->Unit(benchmark::kMicrosecond);

void Aligned(benchmark::State& state) {
  const size_t alignment = static_cast<size_t>(state.range(0));
  const size_t size = static_cast<size_t>(state.range(1));
  for (auto _ : state) {
    void* block = nullptr;
    if (posix_memalign(&block, alignment, size) != 0) {
      return state.SkipWithError("posix_memalign failed");
    }
    benchmark::DoNotOptimize(block);
    std::free(block);
  }
}
BENCHMARK(Aligned)
    ->ArgNames({"alignment", "size"})
    ->ArgsProduct({{32, 64, 4096}, {64, 1000, 8192}});

// Blocks beyond the thread cache of most allocators, not written: the cost of keeping or returning
// them.
void Large(benchmark::State& state) {
  const size_t size = static_cast<size_t>(state.range(0));
  for (auto _ : state) {
    void* block = std::malloc(size);
    benchmark::DoNotOptimize(block);
    std::free(block);
  }
}
BENCHMARK(Large)->RangeMultiplier(2)->Range(64 << 10, 4 << 20);

// The physical floor: the push and pop of one array of pointers, with no look-up of a size class
// and no look-up of a block. No allocator can be faster than that.
class PointerStack {
 public:
  PointerStack() : blocks_(2 * kBatch), top_(&blocks_[kBatch]) {}

  [[gnu::noinline]] void* Pop() { return *--top_; }
  [[gnu::noinline]] void Push(void* block) { *top_++ = block; }

 private:
  std::vector<void*> blocks_;
  void** top_;
};

void FloorPair(benchmark::State& state) {
  PointerStack stack;
  for (auto _ : state) {
    void* block = stack.Pop();
    benchmark::DoNotOptimize(block);
    stack.Push(block);
  }
}
BENCHMARK(FloorPair);

void FloorBatch(benchmark::State& state) {
  PointerStack stack;
  std::array<void*, kBatch> blocks;
  while (state.KeepRunningBatch(kBatch)) {
    for (void*& block : blocks) block = stack.Pop();
    benchmark::DoNotOptimize(blocks);
    for (void* block : blocks) stack.Push(block);
  }
}
BENCHMARK(FloorBatch);

void PrintHelp() {
  std::puts(
      "usage: micro [--benchmark_... flags]\n"
      "Single allocator operations under google-benchmark; LD_PRELOAD chooses the allocator.\n"
      "  --benchmark_filter=REGEX         only these rows; '-' in front excludes\n"
      "  --benchmark_list_tests           the names of the rows\n"
      "  --benchmark_repetitions=N        N runs of each row: median, mean, spread\n"
      "  --benchmark_min_time=SECONDS     of each row\n"
      "  --benchmark_out=FILE             JSON of all results");
}

int Main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == "--help" || arg == "-h") {
      PrintHelp();
      return 0;
    }
  }
  benchmark::Initialize(&argc, argv);
  if (argc > 1) {
    std::fprintf(stderr, "micro: unexpected argument '%s' (see --help)\n", argv[1]);
    return 2;
  }
  benchmark::AddCustomContext("machine", ToString(ThisMachine()));
  benchmark::AddCustomContext("malloc", MallocProvider());
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace
}  // namespace hz3::bench

int main(int argc, char** argv) { return hz3::bench::Main(argc, argv); }
