#include "hz3/private_heaps.h"

#include <algorithm>
#include <cerrno>
#include <new>

#include "hz3/base/report.h"
#include "hz3/heap.h"

namespace hz3 {
namespace {

void RequireAlive(const PrivateHeap& owner) {
  if (!owner.IsAlive()) ReportFatal("a heap is used that hz3_heap_destroy destroyed");
}

void* TakeObject(PrivateHeap& owner, SizeClass c) {
  {
    LeaseHolder hold(owner.lease());
    void* object = owner.Take(c);
    if (object != nullptr) return object;
  }
  void* run = heap.AllocatePrivateRun(InfoOf(c).pages * kPageSize, kPageSize);
  if (run == nullptr) return nullptr;
  LeaseHolder hold(owner.lease());
  owner.AddSpan(c, run);
  return owner.Take(c);
}

void* TakeRun(PrivateHeap& owner, size_t bytes, size_t align) {
  void* run = heap.AllocatePrivateRun(bytes, std::max(align, kPageSize));
  if (run == nullptr) return nullptr;
  LeaseHolder hold(owner.lease());
  owner.AddRun(run, PagesFor(bytes));
  return run;
}

void* RemoveRun(PrivateHeap& owner) {
  LeaseHolder hold(owner.lease());
  return owner.RemoveRun();
}

}  // namespace

PrivateHeap* CreatePrivateHeap() {
  Arena* arena = heap.arena();
  void* memory = arena == nullptr ? nullptr : heap.pool().Allocate(sizeof(PrivateHeap));
  if (memory == nullptr) {
    errno = ENOMEM;
    return nullptr;
  }
  heap.CountPrivateHeaps(1);
  return new (memory) PrivateHeap(*arena, heap.NextPrivateLease());
}

void DestroyPrivateHeap(PrivateHeap* owner) {
  RequireAlive(*owner);
  owner->MarkDead();
  while (void* run = RemoveRun(*owner)) heap.FreeSlow(run);
  heap.CountPrivateHeaps(-1);
  heap.pool().Free(owner, sizeof(PrivateHeap));
}

void* AllocateIn(PrivateHeap& owner, size_t bytes, size_t align) {
  RequireAlive(owner);
  bytes = std::max<size_t>(bytes, 1);
  if (align <= kPageSize) {
    const SizeClass c = AlignedClassOf(bytes, std::max(align, kMinAlign));
    if (IsSmall(c.value())) return TakeObject(owner, c);
  }
  return TakeRun(owner, bytes, align);
}

void FreeIn(PrivateHeap& owner, void* p) {
  RequireAlive(owner);
  if (p == nullptr) return;
  const Tag tag = heap.segmap().Lookup(p);
  // Where no page is live, the heap knows best what is wrong.
  if (tag != 0 && PrivateHeap::Of(*heap.arena(), p) != &owner) {
    ReportMisuse(Misuse::kForeignPointer, p);
  }
  heap.FreeSlow(p);
}

}  // namespace hz3
