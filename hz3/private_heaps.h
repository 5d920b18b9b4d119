// PrivateHeaps: first-class heaps over the process's one: their pages come from it as large blocks,
// by every rung of its ladder and under its limits, and go back to it.
//
// Any thread may use any of these heaps at any time; a heap's lease is held for one operation on
// its lists and never while pages are asked for. Slow path, always; errno as malloc.
#ifndef HZ3_PRIVATE_HEAPS_H_
#define HZ3_PRIVATE_HEAPS_H_

#include <cstddef>

#include "hz3/objects/private_heap.h"

namespace hz3 {

// nullptr with errno = ENOMEM on failure.
PrivateHeap* CreatePrivateHeap();
// Gives back everything that the heap has, whatever lives there. Nobody uses the heap any more.
void DestroyPrivateHeap(PrivateHeap* owner);
// A block at a multiple of `align`, a power of two. nullptr with errno = ENOMEM on failure.
void* AllocateIn(PrivateHeap& owner, size_t bytes, size_t align);
// The block at `p`, or nullptr, becomes free; reports a block that is not this heap's.
void FreeIn(PrivateHeap& owner, void* p);

}  // namespace hz3

#endif  // HZ3_PRIVATE_HEAPS_H_
