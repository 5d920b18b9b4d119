#include "bench/synthetic/live_blocks.h"

#include <atomic>
#include <cstddef>

namespace {

std::atomic<int64_t> live_blocks{0};

}  // namespace

namespace hz3::bench {

int64_t LiveBlocks() { return live_blocks.load(); }

}  // namespace hz3::bench

// gcc defines a macro, clang has a feature.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HZ3_BENCH_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HZ3_BENCH_SANITIZED
#endif

#if !defined(HZ3_BENCH_SANITIZED)

extern "C" {

// glibc's own, under the names that it keeps for those who replace the others.
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* block, size_t size);
void __libc_free(void* block);

void* malloc(size_t size) {
  void* block = __libc_malloc(size);
  if (block != nullptr) live_blocks.fetch_add(1, std::memory_order_relaxed);
  return block;
}

void* calloc(size_t count, size_t size) {
  void* block = __libc_calloc(count, size);
  if (block != nullptr) live_blocks.fetch_add(1, std::memory_order_relaxed);
  return block;
}

// Size 0 frees the block and gives none.
void* realloc(void* block, size_t size) {
  void* moved = __libc_realloc(block, size);
  if (block == nullptr && moved != nullptr) live_blocks.fetch_add(1, std::memory_order_relaxed);
  if (block != nullptr && size == 0) live_blocks.fetch_sub(1, std::memory_order_relaxed);
  return moved;
}

void free(void* block) {
  if (block != nullptr) live_blocks.fetch_sub(1, std::memory_order_relaxed);
  __libc_free(block);
}

}  // extern "C"

#endif
