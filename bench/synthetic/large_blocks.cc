#include "bench/synthetic/large_blocks.h"

#include <deque>

#include "bench/lib/mapped_array.h"
#include "bench/synthetic/size_table.h"
#include "bench/workloads/crew.h"

namespace hz3::bench {
namespace {

constexpr uint32_t kSlots = 16;

class Toggler {
 public:
  Toggler(const SyntheticOptions& options, Zeroing zeroing, const SizeTable& sizes, uint64_t index)
      : options_(options),
        zeroing_(zeroing),
        sizes_(sizes),
        rng_(options.seed, index),
        slots_(kSlots) {}

  void Run(uint64_t toggles) {
    for (uint64_t i = 0; i < toggles; ++i) {
      const uint64_t draw = rng_.Next();
      Toggle(&slots_[ScaleTo(HighHalf(draw), kSlots)], LowHalf(draw));
    }
  }

  void FreeAll() {
    for (void* slot : slots_) tally_.Free(slot);
  }

  uint64_t not_zero() const { return not_zero_; }
  uint64_t checksum() const { return asked_bytes_; }
  uint64_t OwnBytes() const { return slots_.Bytes(); }
  const Tally& tally() const { return tally_; }

 private:
  void Toggle(void** slot, uint32_t bits) {
    if (*slot != nullptr) {
      tally_.Free(*slot);
      *slot = nullptr;
      return;
    }
    const uint64_t size = sizes_.From(bits);
    asked_bytes_ += size;
    *slot = zeroing_ == Zeroing::kCalloc ? Calloc(size) : tally_.Allocate(size, options_.writes);
    KeepPointer(*slot);
  }

  void* Calloc(uint64_t size) {
    void* block = std::calloc(1, size);
    KeepPointer(block);
    if (block == nullptr) {
      tally_.CountFailure();
      return nullptr;
    }
    tally_.CountAlloc();
    const char* bytes = static_cast<const char*>(block);
    not_zero_ += (bytes[0] != 0) + (bytes[size / 2] != 0) + (bytes[size - 1] != 0);
    WriteBlock({block, size}, options_.writes);
    return block;
  }

  const SyntheticOptions& options_;
  const Zeroing zeroing_;
  const SizeTable& sizes_;
  Rng rng_;
  MappedArray<void*> slots_;
  uint64_t asked_bytes_ = 0;
  uint64_t not_zero_ = 0;
  Tally tally_;
};

}  // namespace

SyntheticResult RunLargeBlocks(const SyntheticOptions& options, Zeroing zeroing) {
  SyntheticResult result;
  const SizeTable sizes = SizeTable::LogUniform(options.min_size, options.max_size);
  std::deque<Toggler> togglers;
  for (uint64_t i = 0; i < options.threads; ++i) togglers.emplace_back(options, zeroing, sizes, i);
  Crew crew(options.threads);
  const uint64_t toggles = RoundsPerPart(options.ops, options.threads, 1);

  const Stopwatch watch;
  crew.Run([&](size_t thread) { togglers[thread].Run(toggles); });
  watch.Stop(&result);

  uint64_t not_zero = 0;
  result.ops = options.threads * toggles;
  result.own_rss_bytes = sizes.OwnBytes();
  for (Toggler& toggler : togglers) {
    toggler.FreeAll();
    toggler.tally().AddTo(&result);
    result.checksum += toggler.checksum();
    result.own_rss_bytes += toggler.OwnBytes();
    not_zero += toggler.not_zero();
  }
  if (zeroing == Zeroing::kCalloc) {
    result.extra.emplace_back("not_zero", static_cast<double>(not_zero));
  }
  return result;
}

}  // namespace hz3::bench
