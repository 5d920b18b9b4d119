// The C++ front door: every replaceable operator new and delete ([new.delete] of C++20), on top of
// malloc's hot functions. A failing new calls the new-handler until it gives up, then throws
// std::bad_alloc, or returns nullptr in the nothrow forms.
//
// libstdc++ is referred to weakly: a C program that preloads hz3 has none and calls none of these.

#include <cstddef>
#include <cstdlib>
#include <new>

#include "hz3/base/report.h"
#include "hz3/config/config.h"
#include "hz3/hardened_heap.h"
#include "hz3/heap.h"
#include "hz3/hot_path.h"

extern "C" void* malloc(size_t) noexcept;
extern "C" void free(void*) noexcept;

#define HZ3_EXPORT __attribute__((visibility("default")))

namespace std {
__attribute__((weak)) void __throw_bad_alloc();
}

// What a catch clause refers to, made weak too.
asm(".weak __gxx_personality_v0\n.weak __cxa_begin_catch\n.weak __cxa_end_catch\n"
    ".weak __cxa_call_terminate\n.weak _ZSt9terminatev");

namespace hz3 {
namespace {

// std::get_new_handler, weakly.
extern "C" __attribute__((weak)) std::new_handler _ZSt15get_new_handlerv() noexcept;

std::new_handler Handler() {
  return _ZSt15get_new_handlerv != nullptr ? _ZSt15get_new_handlerv() : nullptr;
}

void* Allocate(size_t bytes, size_t align, BlockKind kind) {
  if constexpr (kConfig.hardened) return hardened_heap.Allocate(bytes, kind, align);
  return align <= kMinAlign ? malloc(bytes) : heap.AllocateAligned(bytes, align);
}

__attribute__((noinline, cold)) void* NewFailed(size_t bytes, size_t align, BlockKind kind) {
  while (std::new_handler handler = Handler()) {
    handler();
    void* p = Allocate(bytes, align, kind);
    if (p != nullptr) return p;
  }
  if (std::__throw_bad_alloc != nullptr) std::__throw_bad_alloc();
  ReportFatal("operator new failed and there is no C++ runtime to throw std::bad_alloc");
}

// The nothrow forms: a new-handler that throws ends the loop ([new.delete.single]). The only code
// of hz3 that is compiled with exceptions, hence the weak references above.
__attribute__((noinline, cold)) void* NewFailedNothrow(size_t bytes, size_t align,
                                                       BlockKind kind) noexcept {
  try {
    while (std::new_handler handler = Handler()) {
      handler();
      void* p = Allocate(bytes, align, kind);
      if (p != nullptr) return p;
    }
  } catch (...) {
  }
  return nullptr;
}

void* New(size_t bytes, size_t align, BlockKind kind) {
  void* p = Allocate(bytes, align, kind);
  return p != nullptr ? p : NewFailed(bytes, align, kind);
}
void* NewNothrow(size_t bytes, size_t align, BlockKind kind) noexcept {
  void* p = Allocate(bytes, align, kind);
  return p != nullptr ? p : NewFailedNothrow(bytes, align, kind);
}

// Out of line: the plain forms reach them by a tail call when a bin misses.
__attribute__((noinline, cold)) void* NewMissed(size_t bytes) {
  return New(bytes, kMinAlign, BlockKind::kNew);
}
__attribute__((noinline, cold)) void* NewMissedNothrow(size_t bytes) noexcept {
  return NewNothrow(bytes, kMinAlign, BlockKind::kNew);
}
__attribute__((noinline, cold)) void DeleteMissed(void* p) { heap.FreeSlow(p); }
__attribute__((noinline, cold)) void SizedDeleteMissed(void* p, size_t bytes) {
  heap.CheckSize(p, bytes);
  heap.FreeSlow(p);
}

// `kind` matters to the hardened configuration only.
[[gnu::always_inline]] inline void* New(size_t bytes, BlockKind kind) {
  if constexpr (kConfig.hardened) return New(bytes, kMinAlign, kind);
  void* p = PopBlock(bytes);
  return p != nullptr ? p : NewMissed(bytes);
}
[[gnu::always_inline]] inline void* NewNothrow(size_t bytes, BlockKind kind) noexcept {
  if constexpr (kConfig.hardened) return NewNothrow(bytes, kMinAlign, kind);
  void* p = PopBlock(bytes);
  return p != nullptr ? p : NewMissedNothrow(bytes);
}
[[gnu::always_inline]] inline void Delete(void* p, BlockKind kind) noexcept {
  if constexpr (kConfig.hardened) return hardened_heap.Free(p, kind);
  if (!PushBlock(p)) [[unlikely]]
    DeleteMissed(p);
}
[[gnu::always_inline]] inline void Delete(void* p, BlockKind kind, size_t bytes) noexcept {
  if constexpr (kConfig.hardened) return hardened_heap.FreeSized(p, kind, bytes);
  if constexpr (kDebugBuild) heap.CheckSize(p, bytes);
  if (!PushBlock(p)) [[unlikely]]
    SizedDeleteMissed(p, bytes);
}

constexpr BlockKind kOne = BlockKind::kNew;
constexpr BlockKind kArray = BlockKind::kNewArray;

}  // namespace
}  // namespace hz3

using hz3::kArray;
using hz3::kOne;

HZ3_EXPORT void* operator new(size_t n) { return hz3::New(n, kOne); }
HZ3_EXPORT void* operator new[](size_t n) { return hz3::New(n, kArray); }
HZ3_EXPORT void* operator new(size_t n, const std::nothrow_t&) noexcept {
  return hz3::NewNothrow(n, kOne);
}
HZ3_EXPORT void* operator new[](size_t n, const std::nothrow_t&) noexcept {
  return hz3::NewNothrow(n, kArray);
}
HZ3_EXPORT void* operator new(size_t n, std::align_val_t a) {
  return hz3::New(n, static_cast<size_t>(a), kOne);
}
HZ3_EXPORT void* operator new[](size_t n, std::align_val_t a) {
  return hz3::New(n, static_cast<size_t>(a), kArray);
}
HZ3_EXPORT void* operator new(size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return hz3::NewNothrow(n, static_cast<size_t>(a), kOne);
}
HZ3_EXPORT void* operator new[](size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return hz3::NewNothrow(n, static_cast<size_t>(a), kArray);
}
HZ3_EXPORT void operator delete(void* p) noexcept { hz3::Delete(p, kOne); }
HZ3_EXPORT void operator delete[](void* p) noexcept { hz3::Delete(p, kArray); }
HZ3_EXPORT void operator delete(void* p, size_t n) noexcept { hz3::Delete(p, kOne, n); }
HZ3_EXPORT void operator delete[](void* p, size_t n) noexcept { hz3::Delete(p, kArray, n); }
HZ3_EXPORT void operator delete(void* p, const std::nothrow_t&) noexcept { hz3::Delete(p, kOne); }
HZ3_EXPORT void operator delete[](void* p, const std::nothrow_t&) noexcept {
  hz3::Delete(p, kArray);
}
HZ3_EXPORT void operator delete(void* p, std::align_val_t) noexcept { hz3::Delete(p, kOne); }
HZ3_EXPORT void operator delete[](void* p, std::align_val_t) noexcept { hz3::Delete(p, kArray); }
HZ3_EXPORT void operator delete(void* p, size_t n, std::align_val_t) noexcept {
  hz3::Delete(p, kOne, n);
}
HZ3_EXPORT void operator delete[](void* p, size_t n, std::align_val_t) noexcept {
  hz3::Delete(p, kArray, n);
}
HZ3_EXPORT void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept {
  hz3::Delete(p, kOne);
}
HZ3_EXPORT void operator delete[](void* p, std::align_val_t, const std::nothrow_t&) noexcept {
  hz3::Delete(p, kArray);
}
