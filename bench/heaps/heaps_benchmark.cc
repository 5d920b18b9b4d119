// First-class heaps and memory resources beside malloc, all on hz3: time for a block's life, for
// building something and dropping it whole, and for a heap's life.
//
//   ./bazelw run //bench/heaps:heaps_benchmark
//
// Time is for a batch of 1000 blocks, items_per_second for blocks; for one heap in the rows that
// create one without more.

#include <cstdlib>
#include <memory_resource>
#include <vector>

#include "benchmark/benchmark.h"
#include "hz3/malloc_extension.h"
#include "hz3/memory_resource.h"

namespace {

constexpr size_t kBatch = 1000;

size_t Bytes(const benchmark::State& state) { return static_cast<size_t>(state.range(0)); }

// Allocates and frees kBatch blocks.
template <typename Allocate, typename Free>
void LiveBatch(benchmark::State& state, Allocate allocate, Free release) {
  std::vector<void*> blocks(kBatch);
  for (auto _ : state) {
    for (void*& p : blocks) p = allocate(Bytes(state));
    benchmark::ClobberMemory();
    for (void* p : blocks) release(p);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBatch));
}

void BM_Malloc(benchmark::State& state) {
  LiveBatch(
      state, [](size_t n) { return malloc(n); }, [](void* p) { free(p); });
}

// Threads share a heap, as they may share a process's.
hz3_heap* SharedHeap() {
  static hz3_heap* const heap = hz3_heap_create();
  return heap;
}

void BM_SharedHeap(benchmark::State& state) {
  LiveBatch(
      state, [](size_t n) { return hz3_heap_allocate(SharedHeap(), n); },
      [](void* p) { hz3_heap_free(SharedHeap(), p); });
}

void BM_OwnHeap(benchmark::State& state) {
  hz3_heap* heap = hz3_heap_create();
  LiveBatch(
      state, [=](size_t n) { return hz3_heap_allocate(heap, n); },
      [=](void* p) { hz3_heap_free(heap, p); });
  hz3_heap_destroy(heap);
}

// Blocks that are dropped with their heap, instead of one by one.
void BM_BuildAndDropHeap(benchmark::State& state) {
  for (auto _ : state) {
    hz3_heap* heap = hz3_heap_create();
    for (size_t i = 0; i < kBatch; ++i) {
      benchmark::DoNotOptimize(hz3_heap_allocate(heap, Bytes(state)));
    }
    hz3_heap_destroy(heap);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBatch));
}

void BM_CreateAndDestroyHeap(benchmark::State& state) {
  for (auto _ : state) hz3_heap_destroy(hz3_heap_create());
}

void BM_CreateUseAndDestroyHeap(benchmark::State& state) {
  for (auto _ : state) {
    hz3_heap* heap = hz3_heap_create();
    benchmark::DoNotOptimize(hz3_heap_allocate(heap, 64));
    hz3_heap_destroy(heap);
  }
}

void Resource(benchmark::State& state, std::pmr::memory_resource* resource) {
  LiveBatch(
      state, [=](size_t n) { return resource->allocate(n); },
      [=, &state](void* p) { resource->deallocate(p, Bytes(state)); });
}

void BM_ProcessResource(benchmark::State& state) { Resource(state, hz3::ProcessResource()); }
void BM_NewDeleteResource(benchmark::State& state) {
  Resource(state, std::pmr::new_delete_resource());
}
void BM_HeapResource(benchmark::State& state) {
  hz3::HeapResource heap;
  Resource(state, &heap);
}

BENCHMARK(BM_Malloc)->Arg(64)->Arg(1000)->Arg(20000);
BENCHMARK(BM_OwnHeap)->Arg(64)->Arg(1000)->Arg(20000);
BENCHMARK(BM_SharedHeap)->Arg(64)->Threads(4);
BENCHMARK(BM_OwnHeap)->Arg(64)->Threads(4);
BENCHMARK(BM_BuildAndDropHeap)->Arg(64)->Arg(1000);
BENCHMARK(BM_CreateAndDestroyHeap);
BENCHMARK(BM_CreateUseAndDestroyHeap);
BENCHMARK(BM_ProcessResource)->Arg(64);
BENCHMARK(BM_NewDeleteResource)->Arg(64);
BENCHMARK(BM_HeapResource)->Arg(64);

}  // namespace

BENCHMARK_MAIN();
