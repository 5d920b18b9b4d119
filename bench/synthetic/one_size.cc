#include "bench/synthetic/one_size.h"

#include "bench/lib/mapped_array.h"

namespace hz3::bench {
namespace {

constexpr uint64_t kBatch = 1000;
constexpr size_t kStackSlots = 512;

class PointerStack {
 public:
  PointerStack() : slots_(kStackSlots), top_(&slots_[kStackSlots / 2]) {
    for (void*& slot : slots_) slot = &slot;
  }

  // Calls, as those of malloc and free are.
  [[gnu::noinline]] void* Pop() { return *--top_; }
  [[gnu::noinline]] void Push(void* block) { *top_++ = block; }
  uint64_t OwnBytes() const { return slots_.Bytes(); }

 private:
  MappedArray<void*> slots_;
  void** top_;
};

// Counts failures only: more would be a part of what these loops measure.
template <typename Allocate, typename Free>
uint64_t RepeatPair(uint64_t pairs, const Allocate& allocate, const Free& free) {
  uint64_t failed = 0;
  for (uint64_t i = 0; i < pairs; ++i) {
    void* block = allocate();
    KeepPointer(block);
    if (block == nullptr) [[unlikely]] {
      ++failed;
    }
    free(block);
  }
  return failed;
}

void CountPairs(uint64_t pairs, uint64_t failed, SyntheticResult* result) {
  result->ops = 2 * pairs;
  result->allocs = pairs - failed;
  result->frees = result->allocs;
  result->alloc_failed = failed;
}

// The null blocks among them.
uint64_t AllocateBatch(MappedArray<void*>* blocks, uint64_t size) {
  uint64_t failed = 0;
  for (void*& block : *blocks) {
    block = std::malloc(size);
    if (block == nullptr) [[unlikely]] {
      ++failed;
    }
  }
  return failed;
}

}  // namespace

SyntheticResult RunPair(const SyntheticOptions& options) {
  SyntheticResult result;
  const uint64_t pairs = RoundsPerPart(options.ops, 1, 2);
  const uint64_t size = options.min_size;
  const Stopwatch watch;
  const uint64_t failed = RepeatPair(
      pairs, [size] { return std::malloc(size); }, [](void* block) { std::free(block); });
  watch.Stop(&result);
  CountPairs(pairs, failed, &result);
  return result;
}

SyntheticResult RunBatch(const SyntheticOptions& options) {
  SyntheticResult result;
  MappedArray<void*> blocks(kBatch);
  const uint64_t rounds = RoundsPerPart(options.ops, 1, 2 * kBatch);
  uint64_t failed = 0;
  const Stopwatch watch;
  for (uint64_t i = 0; i < rounds; ++i) {
    failed += AllocateBatch(&blocks, options.min_size);
    for (void* block : blocks) std::free(block);
  }
  watch.Stop(&result);
  CountPairs(rounds * kBatch, failed, &result);
  result.own_rss_bytes = blocks.Bytes();
  return result;
}

SyntheticResult RunFloor(const SyntheticOptions& options) {
  SyntheticResult result;
  PointerStack stack;
  const uint64_t pairs = RoundsPerPart(options.ops, 1, 2);
  const Stopwatch watch;
  const uint64_t failed = RepeatPair(
      pairs, [&stack] { return stack.Pop(); }, [&stack](void* block) { stack.Push(block); });
  watch.Stop(&result);
  CountPairs(pairs, failed, &result);
  result.own_rss_bytes = stack.OwnBytes();
  return result;
}

}  // namespace hz3::bench
