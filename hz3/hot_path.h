// HotPath: malloc and free as far as they need no help: a pop from and a push onto a bin of the
// calling thread. Everything that may miss ends in false or nullptr, and the front doors call the
// heap then.
//
// Hot path: no call, no lock, no atomic read-modify-write. What it compiles to is held against
// committed files (testing/hot_path). Any thread, at any time.
#ifndef HZ3_HOT_PATH_H_
#define HZ3_HOT_PATH_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hz3/base/platform.h"
#include "hz3/heap.h"
#include "hz3/objects/size_classes.h"
#include "hz3/thread/tcache.h"

namespace hz3 {

// The calling thread's bin `offset` bytes (of its top) into a cache. The relaxed load of the handle
// and the addition are one instruction; gcc makes two of an atomic's. The address ends in one
// register: loads and stores through base and displacement alone are forwarded to each other at no
// latency by recent cores (memory renaming), those with an index are not, and a malloc that
// follows a free of the same class waits for just that.
inline Tcache::Top* BinAt(size_t offset) {
#if HZ3_X86_64_HOT
  // rdx: rax is free for what malloc returns.
  asm("addq %1, %0" : "+d"(offset) : "m"(Heap::thread_handle()) : "cc");
  return reinterpret_cast<Tcache::Top*>(offset);
#else
  char* const tops = reinterpret_cast<char*>(Heap::thread_cache()->top);
  return reinterpret_cast<Tcache::Top*>(tops + offset);
#endif
}

// Moves the top of a bin by `entries`, in memory: its old value is in use elsewhere.
template <int entries>
inline void MoveTop(Tcache::Top* bin) {
#if HZ3_X86_64_HOT
  constexpr int kBytes = entries * static_cast<int>(sizeof(void*));
  asm("addq %1, %0" : "+m"(*bin) : "i"(kBytes) : "cc");
#else
  *bin += entries;
#endif
}

// The tag of a page of the arena: one relaxed load, which clang would make two of.
inline size_t TagOf(size_t page) {
#if HZ3_X86_64_HOT
  size_t tag;
  asm("movzbl %1, %k0" : "=r"(tag) : "m"(hot_tags[page]));
  return tag;
#else
  return hot_tags[page].load(std::memory_order_relaxed);
#endif
}

// A block of at least `bytes`, or nullptr when there is none in its bin, or no bin for it.
[[gnu::always_inline]] inline void* PopBlock(size_t bytes) {
  if (bytes > kMaxBinnedSize) [[unlikely]] return nullptr;
  Tcache::Top* const bin = BinAt(kBinOfGranules[(bytes + 15) >> kGranuleShift]);
  void* const p = (*bin)[-1];
  if (p != nullptr) [[likely]] MoveTop<-1>(bin);
  return p;
}

// Whether the block went into its bin. False also for what is no block.
[[gnu::always_inline]] inline bool PushBlock(void* p) {
  const size_t page = (reinterpret_cast<uintptr_t>(p) - hot_arena_base) >> kPageShift;
  if (page >= hot_arena_pages) [[unlikely]] return false;
  Tcache::Top* const bin = BinAt(TagOf(page) * sizeof(Tcache::Top));
  void** const top = *bin;
  if (Tcache::IsFull(bin, top)) [[unlikely]] return false;
  *top = p;
  MoveTop<1>(bin);
  return true;
}

// The size of the class of p's block; 0 when it is in no class's, or no block.
[[gnu::always_inline]] inline size_t ClassBytes(const void* p) {
  const size_t page = (reinterpret_cast<uintptr_t>(p) - hot_arena_base) >> kPageShift;
  if (page >= hot_arena_pages) [[unlikely]] return 0;
  return kClassTable[TagOf(page)].size;
}

}  // namespace hz3

#endif  // HZ3_HOT_PATH_H_
