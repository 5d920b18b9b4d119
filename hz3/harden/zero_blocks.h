// ZeroBlocks: blocks of 0 bytes. Each is an address of its own in a range that can be neither read
// nor written, so that a program which uses such a block is stopped at once, also after its free.
// An address comes back only after all others had their turn.
//
// Thread-safe, lock-free; slow path. The search for a free address is bounded by kBlocks / 64.
#ifndef HZ3_HARDEN_ZERO_BLOCKS_H_
#define HZ3_HARDEN_ZERO_BLOCKS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hz3/base/os_memory.h"
#include "hz3/base/words.h"

namespace hz3 {

class ZeroBlocks {
 public:
  static constexpr unsigned kBlocks = 1u << 16;
  static constexpr size_t kBytes = kBlocks * kMinAlign;

  // False when the OS refuses the address space: there are no such blocks then.
  bool Init(OsMemory& os);

  // An address, aligned as any block of malloc's; nullptr when all are in use.
  void* Allocate();
  // Whether `p`, any pointer at all, lies in the range.
  bool Contains(const void* p) const { return OffsetOf(p) < kBytes && base_ != 0; }
  // `p` lies in the range. False when it is no live block.
  bool Free(const void* p);
  bool IsLive(const void* p) const;

 private:
  static constexpr unsigned kWords = kBlocks / 64;

  uintptr_t OffsetOf(const void* p) const { return reinterpret_cast<uintptr_t>(p) - base_; }

  // Fixed after Init.
  uintptr_t base_ = 0;
  // Relaxed: where to look next, a hint.
  std::atomic<unsigned> next_{0};
  // Relaxed: a bit is the whole of a block's state, and there are no contents to see.
  std::atomic<uint64_t> live_[kWords] = {};
};

}  // namespace hz3

#endif  // HZ3_HARDEN_ZERO_BLOCKS_H_
