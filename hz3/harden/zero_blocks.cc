#include "hz3/harden/zero_blocks.h"

#include <bit>

namespace hz3 {

bool ZeroBlocks::Init(OsMemory& os) {
  base_ = reinterpret_cast<uintptr_t>(os.Reserve(kBytes, kPageSize));
  return base_ != 0;
}

void* ZeroBlocks::Allocate() {
  if (base_ == 0) return nullptr;
  const unsigned first = next_.fetch_add(1, std::memory_order_relaxed);
  for (unsigned step = 0; step < kWords; ++step) {
    const unsigned w = (first / 64 + step) % kWords;
    uint64_t bits = live_[w].load(std::memory_order_relaxed);
    while (~bits != 0) {
      // From the hint on in the hint's own word, so that a freed address rests.
      const unsigned turn = step == 0 ? first % 64 : 0;
      const unsigned bit =
          (static_cast<unsigned>(std::countr_one(std::rotr(bits, static_cast<int>(turn)))) + turn) %
          64;
      if (live_[w].compare_exchange_weak(bits, bits | (uint64_t{1} << bit),
                                         std::memory_order_relaxed)) {
        return reinterpret_cast<void*>(base_ + (size_t{w} * 64 + bit) * kMinAlign);
      }
    }
  }
  return nullptr;
}

bool ZeroBlocks::Free(const void* p) {
  const uintptr_t offset = OffsetOf(p);
  if (offset % kMinAlign != 0) return false;
  const uint64_t bit = uint64_t{1} << (offset / kMinAlign % 64);
  return (live_[offset / kMinAlign / 64].fetch_and(~bit, std::memory_order_relaxed) & bit) != 0;
}

bool ZeroBlocks::IsLive(const void* p) const {
  const uintptr_t offset = OffsetOf(p);
  const uint64_t word = live_[offset / kMinAlign / 64].load(std::memory_order_relaxed);
  return offset % kMinAlign == 0 && ((word >> (offset / kMinAlign % 64)) & 1) != 0;
}

}  // namespace hz3
