// What programs may rely on beyond single calls: the clauses of C17 (7.22.3), POSIX.1-2017, glibc's
// manual and malloc(3) that interface_test.cc does not name, and the C library's own functions that
// hand out blocks for free.

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <cerrno>
#include <cstdint>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "testing/lib/allocator_under_test.h"
#include "testing/lib/block.h"
#include "testing/lib/process_memory.h"

namespace hz3::testlib {
namespace {

// Each size that a class can begin or end at, and some of each kind above.
std::vector<std::size_t> AllSizes() {
  std::vector<std::size_t> sizes;
  for (std::size_t size = 0; size <= 40 * kKiB; size += size < 512 ? 1 : 61) sizes.push_back(size);
  for (std::size_t size = 4 * kKiB; size <= 8 * kMiB; size *= 2) {
    for (const std::size_t near : {size - 1, size, size + 1, size + size / 2})
      sizes.push_back(near);
  }
  return sizes;
}

std::uintptr_t Address(const void* block) { return reinterpret_cast<std::uintptr_t>(block); }

// malloc(3): "suitably aligned for any kind of variable"; C17 7.22.3: for any object that fits.
TEST(EverySize, IsAlignedUsableAndZeroedThroughEveryEntryPoint) {
  for (const std::size_t size : AllSizes()) {
    void* blocks[] = {malloc(Opaque(size)), calloc(Opaque(size), 1),
                      realloc(Opaque<void*>(nullptr), size), aligned_alloc(64, Opaque(size))};
    for (void* block : blocks) {
      ASSERT_NE(block, nullptr) << size;
      EXPECT_EQ(Address(block) % (size >= 16 ? 16 : 8), 0u) << size;
      EXPECT_GE(malloc_usable_size(block), size);
    }
    EXPECT_TRUE(IsZero(blocks[1], size)) << size;
    EXPECT_EQ(Address(blocks[3]) % 64, 0u) << size;
    for (void* block : blocks) memset(block, 0xa5, malloc_usable_size(block));
    for (void* block : blocks) free(block);
  }
}

// C17 7.22.3.4: the contents up to the lesser of both sizes; growing within the usable size too.
TEST(EverySize, KeepsItsContentsWhenItGrowsAndShrinksByOne) {
  for (const std::size_t size : AllSizes()) {
    if (size < 2) continue;
    void* block = malloc(Opaque(size));
    FillPattern(block, size, size);
    block = realloc(block, Opaque(size + 1));
    ASSERT_TRUE(HasPattern(block, size, size)) << size;
    block = realloc(block, Opaque(size - 1));
    ASSERT_TRUE(HasPattern(block, size, size, size - 1)) << size;
    EXPECT_GE(malloc_usable_size(block), size - 1);
    free(block);
  }
}

// POSIX lets a call that succeeds change errno; programs that test errno alone must not be misled.
TEST(Errno, StaysAsItIsWhenAllocationsSucceed) {
  for (const std::size_t size : {8u, 3000u, 30'000u, 300'000u, 3'000'000u, 30'000'000u}) {
    errno = EXDEV;
    void* block = malloc(Opaque(size));
    EXPECT_EQ(errno, EXDEV) << size;
    block = realloc(block, Opaque(size * 2));
    EXPECT_EQ(errno, EXDEV) << size;
    free(block);
    free(calloc(Opaque(size), 1));
    free(aligned_alloc(4096, Opaque(size)));
    EXPECT_EQ(errno, EXDEV) << size;
  }
}

// glibc: an alignment of up to that of malloc is malloc's, 0 too.
TEST(Memalign, TakesSmallAlignmentsAsMallocs) {
  for (const std::size_t alignment : {0u, 1u, 2u, 3u, 8u, 16u}) {
    void* block = memalign(Opaque(alignment), 100);
    ASSERT_NE(block, nullptr) << alignment;
    EXPECT_EQ(Address(block) % 16, 0u);
    free(block);
  }
}

// glibc's realloc(p, 0) frees; reallocarray(3) is realloc of the product.
TEST(Reallocarray, OfNothingIsReallocOfZero) {
  EXPECT_EQ(reallocarray(malloc(Opaque<std::size_t>(100)), Opaque<std::size_t>(0), 8), nullptr);
  void* block = reallocarray(Opaque<void*>(nullptr), 0, 0);
  EXPECT_NE(block, nullptr);
  free(block);
}

TEST(Calloc, OfAProductThatWrapsToASmallOneFails) {
  errno = 0;
  EXPECT_EQ(calloc(Opaque((SIZE_MAX >> 4) + 2), 16), nullptr);  // 16 bytes, modulo 2^64
  EXPECT_EQ(errno, ENOMEM);
}

TEST(Valloc, OfNothingGivesABlock) {
  for (void* block : {valloc(Opaque<std::size_t>(0)), pvalloc(Opaque<std::size_t>(0))}) {
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(Address(block) % 4096, 0u);
    free(block);
  }
}

// mallopt(3): 1 on success. Programs set what they like and go on.
TEST(Mallopt, TakesEveryParameterOfGlibc) {
  for (const int parameter : {M_MXFAST, M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_MMAP_MAX,
                              M_CHECK_ACTION, M_PERTURB, M_ARENA_TEST, M_ARENA_MAX}) {
    // The libc's own tunables are left as they are.
    if (OnHz3()) {
      EXPECT_EQ(mallopt(parameter, 1), 1) << parameter;
    }
  }
}

TEST(Mallinfo, AgreesWithMallinfo2WhileNumbersAreSmall) {
  void* block = malloc(Opaque<std::size_t>(100'000));
  const struct mallinfo2 wide = mallinfo2();
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  const struct mallinfo narrow = mallinfo();
#pragma GCC diagnostic pop
  free(block);
  if (wide.uordblks > INT32_MAX) GTEST_SKIP() << "numbers are not small";
  EXPECT_NEAR(static_cast<double>(narrow.uordblks), static_cast<double>(wide.uordblks), 100'000.0);
}

// ---- blocks that come from the C library

TEST(LibraryFunctions, GiveBlocksThatFreeAndReallocTake) {
  char* text = strdup("a copy");
  text = static_cast<char*>(realloc(text, 100'000));
  EXPECT_STREQ(text, "a copy");
  free(text);
  free(strndup("a copy", 3));
  free(wcsdup(L"a wide copy"));
  ASSERT_GT(asprintf(&text, "%d %s", 42, "printed"), 0);
  EXPECT_STREQ(text, "42 printed");
  free(text);
  text = realpath("/", nullptr);
  EXPECT_STREQ(text, "/");
  free(text);
}

TEST(LibraryFunctions, GrowBuffersThatMallocGave) {
  char* line = static_cast<char*>(malloc(1));
  std::size_t capacity = 1;
  FILE* file = tmpfile();
  ASSERT_NE(file, nullptr);
  for (int i = 0; i < 20'000; ++i) fputc('x', file);
  fputc('\n', file);
  rewind(file);
  EXPECT_EQ(getline(&line, &capacity, file), 20'001);
  EXPECT_GE(capacity, 20'002u);
  fclose(file);
  free(line);

  char* buffer = nullptr;
  std::size_t size = 0;
  FILE* stream = open_memstream(&buffer, &size);
  for (int i = 0; i < 100'000; ++i) fputc('y', stream);
  fclose(stream);
  EXPECT_EQ(size, 100'000u);
  EXPECT_EQ(buffer[99'999], 'y');
  free(buffer);
}

}  // namespace
}  // namespace hz3::testlib
