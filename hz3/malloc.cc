// The C front door: the symbols of malloc(3), posix_memalign(3), malloc_usable_size(3),
// malloc_trim(3), mallinfo(3), malloc_stats(3), malloc_info(3). Nothing but doors: the two hot
// functions look into the thread's bins, all else is the heap's.
//
// Results and errno are those of C17, POSIX and glibc's manual: malloc(0) gives a block of its own,
// sizes over PTRDIFF_MAX fail with ENOMEM, realloc(p, 0) frees p and returns NULL, free keeps errno.

#include <malloc.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "hz3/base/report.h"
#include "hz3/base/text.h"
#include "hz3/config/config.h"
#include "hz3/hardened_heap.h"
#include "hz3/heap.h"
#include "hz3/hot_path.h"

#define HZ3_EXPORT extern "C" __attribute__((visibility("default")))

namespace hz3 {
namespace {

// Out of line and last on the way: the hot functions reach them by a tail call.
__attribute__((noinline, cold)) void* MallocMissed(size_t bytes) {
  void* p = heap.AllocateSlow(bytes);
  if constexpr (kConfig.guarded_sample_refills > 0) {
    // Only instead of one that was there: a limit holds for sampled blocks, too.
    void* guarded = p != nullptr ? heap.MaybeGuarded(bytes, p) : nullptr;
    if (guarded != nullptr) [[unlikely]] {
      heap.FreeSlow(p);
      return guarded;
    }
  }
  return p;
}
__attribute__((noinline, cold)) void FreeMissed(void* p) { heap.FreeSlow(p); }

void* Fail(int error) {
  errno = error;
  return nullptr;
}

// What to ask for when a block of whole pages has to move to grow: where that happens often a
// quarter more than it had, so that growth in small steps does not copy it for each page. Pages
// that nobody touches are not resident, unless they were before.
size_t WithRoomToGrow(size_t usable, size_t bytes) {
  if (bytes <= usable || usable < kPageSize || !heap.GivesRoomToGrow()) return bytes;
  const size_t generous = usable + usable / 4;
  return generous <= kMaxWideSize ? std::max(bytes, generous) : bytes;
}

// The block's contents in a new one; the old one is free then. nullptr: it stays as it is.
__attribute__((noinline)) void* Copied(void* p, size_t usable, size_t bytes) {
  void* fresh = malloc(WithRoomToGrow(usable, bytes));
  if (fresh == nullptr) return nullptr;
  memcpy(fresh, p, std::min(usable, bytes));
  free(p);
  return fresh;
}

// At the end of the process: what nobody would find any more.
__attribute__((destructor)) void CheckAtExit() {
  if constexpr (kConfig.hardened) hardened_heap.CheckAtExit();
  if constexpr (kConfig.exit_check) heap.CheckAtExit();
}

// Room for every statistic in text form.
constexpr size_t kTextBytes = 8192;

}  // namespace
}  // namespace hz3

using hz3::BlockKind;
using hz3::hardened_heap;
using hz3::heap;
using hz3::kConfig;

HZ3_EXPORT void* malloc(size_t bytes) {
  if constexpr (kConfig.hardened) return hardened_heap.Allocate(bytes, BlockKind::kMalloc);
  void* p = hz3::PopBlock(bytes);
  return p != nullptr ? p : hz3::MallocMissed(bytes);
}

HZ3_EXPORT void free(void* p) {
  if constexpr (kConfig.hardened) return hardened_heap.Free(p, BlockKind::kMalloc);
  if (!hz3::PushBlock(p)) [[unlikely]] hz3::FreeMissed(p);
}

HZ3_EXPORT void* calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return hz3::Fail(ENOMEM);
  if constexpr (kConfig.hardened) return malloc(bytes);  // always zeroes there
  if (bytes > hz3::kMaxBinnedSize) return heap.AllocateLarge(bytes, hz3::kPageSize, true);
  void* p = malloc(bytes);
  return p == nullptr ? nullptr : memset(p, 0, bytes);
}

HZ3_EXPORT void* realloc(void* p, size_t bytes) {
  if (p == nullptr) return malloc(bytes);
  if (bytes == 0) {
    free(p);
    return nullptr;
  }
  if constexpr (kConfig.hardened) return hardened_heap.Resize(p, bytes);
  size_t usable = hz3::ClassBytes(p);
  if (usable == 0) usable = heap.UsableSize(p);
  // In place while at least half of the block stays in use.
  if (bytes <= usable && (bytes > usable / 2 || usable <= 64)) return p;
  if (usable > hz3::kMaxBinnedSize) {
    void* moved = heap.ResizeInPlace(p, bytes);
    if (moved != nullptr) return moved;
  }
  return hz3::Copied(p, usable, bytes);
}

HZ3_EXPORT void* reallocarray(void* p, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return hz3::Fail(ENOMEM);
  return realloc(p, bytes);
}

// glibc's memalign and aligned_alloc (2.36) round an alignment that is no power of two up to the
// next one; one above half of the address space is EINVAL.
HZ3_EXPORT void* memalign(size_t align, size_t bytes) {
  if (align <= hz3::kMinAlign) return malloc(bytes);
  if (align > SIZE_MAX / 2 + 1) return hz3::Fail(EINVAL);
  if (bytes > PTRDIFF_MAX) return hz3::Fail(ENOMEM);
  if (!hz3::IsPowerOfTwo(align)) align = std::bit_ceil(align);
  if constexpr (kConfig.hardened) return hardened_heap.Allocate(bytes, BlockKind::kMalloc, align);
  return heap.AllocateAligned(bytes, align);
}

HZ3_EXPORT void* aligned_alloc(size_t align, size_t bytes) { return memalign(align, bytes); }

HZ3_EXPORT int posix_memalign(void** out, size_t align, size_t bytes) {
  if (align % sizeof(void*) != 0 || !hz3::IsPowerOfTwo(align)) return EINVAL;
  const int saved = errno;
  void* p = memalign(align, bytes);
  errno = saved;
  if (p == nullptr) return ENOMEM;
  *out = p;
  return 0;
}

HZ3_EXPORT void* valloc(size_t bytes) { return memalign(hz3::kPageSize, bytes); }

HZ3_EXPORT void* pvalloc(size_t bytes) {
  if (bytes > PTRDIFF_MAX) return hz3::Fail(ENOMEM);
  return memalign(hz3::kPageSize, std::max(hz3::RoundUp(bytes, hz3::kPageSize), hz3::kPageSize));
}

HZ3_EXPORT void free_sized(void* p, size_t bytes) {
  if constexpr (kConfig.hardened) return hardened_heap.FreeSized(p, BlockKind::kMalloc, bytes);
  if constexpr (hz3::kDebugBuild) heap.CheckSize(p, bytes);
  free(p);
}
HZ3_EXPORT void free_aligned_sized(void* p, size_t, size_t bytes) { free_sized(p, bytes); }
// glibc has had no cfree since 2.26; programs older than that still call it.
HZ3_EXPORT void cfree(void* p) { free(p); }

HZ3_EXPORT size_t malloc_usable_size(void* p) {
  if constexpr (kConfig.hardened) return hardened_heap.UsableSize(p);
  return heap.UsableSize(p);
}

HZ3_EXPORT int malloc_trim(size_t) { return heap.Trim() > 0 ? 1 : 0; }

// glibc's tuning parameters have no counterpart; 1 is its "success".
HZ3_EXPORT int mallopt(int, int) { return 1; }

#if defined(__GLIBC__)  // musl has no such types
HZ3_EXPORT struct mallinfo2 mallinfo2() {
  const hz3::Stats stats = heap.GetStats();
  struct mallinfo2 info = {};
  info.arena = stats.committed_bytes - std::min(stats.huge_bytes, stats.committed_bytes);
  info.hblkhd = stats.huge_bytes;
  const size_t used = stats.handed_out_bytes - std::min(stats.cached_bytes, stats.handed_out_bytes);
  info.uordblks = used;
  info.fsmblks = stats.cached_bytes;
  info.fordblks = stats.free_object_bytes + stats.free_dirty_bytes + stats.cached_bytes;
  info.keepcost = stats.free_dirty_bytes;
  return info;
}

HZ3_EXPORT struct mallinfo mallinfo() {
  const struct mallinfo2 wide = mallinfo2();
  struct mallinfo info = {};
  // The old interface's fields wrap around, as its manual page says.
  info.arena = static_cast<int>(wide.arena);
  info.hblkhd = static_cast<int>(wide.hblkhd);
  info.uordblks = static_cast<int>(wide.uordblks);
  info.fsmblks = static_cast<int>(wide.fsmblks);
  info.fordblks = static_cast<int>(wide.fordblks);
  info.keepcost = static_cast<int>(wide.keepcost);
  return info;
}
#endif

HZ3_EXPORT void malloc_stats() {
  char buffer[hz3::kTextBytes];
  hz3::Text text(buffer, sizeof(buffer));
  hz3::PrintStats(heap.GetStats(), text);
  hz3::WriteToStderr(buffer, text.written());
}

HZ3_EXPORT int malloc_info(int options, FILE* stream) {
  if (options != 0) return EINVAL;  // as glibc does
  char buffer[hz3::kTextBytes];
  hz3::Text text(buffer, sizeof(buffer));
  hz3::PrintMallocInfo(heap.GetStats(), text);
  return fwrite(buffer, 1, text.written(), stream) == text.written() ? 0 : -1;
}
