// The whole interface, as the C standard, POSIX and glibc's manual describe it.

#include <malloc.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/config/config.h"
#include "testing/lib/allocator_under_test.h"
#include "testing/lib/block.h"
#include "testing/lib/process_memory.h"

namespace hz3::testlib {
namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kTooLarge = std::size_t{PTRDIFF_MAX} + 1;
constexpr int kUntouched = 12345;  // no errno value of Linux

bool IsAligned(const void* block, std::size_t alignment) {
  return reinterpret_cast<std::uintptr_t>(block) % alignment == 0;
}

// What the ABI asks of a block of this size: the alignment of any object that fits.
std::size_t RequiredAlignment(std::size_t size) { return size >= 16 ? 16 : 8; }

// Sizes on both sides of each power of two, and halfway between, up to `largest`.
std::vector<std::size_t> InterestingSizes(std::size_t largest) {
  std::set<std::size_t> sizes;
  for (std::size_t power = 1; power <= largest; power *= 2) {
    for (const std::size_t size : {power - 1, power, power + 1, power + power / 2}) {
      if (size > 0 && size <= largest) sizes.insert(size);
    }
  }
  return {sizes.begin(), sizes.end()};
}

// Requests that no allocator can serve.
std::vector<std::size_t> ImpossibleSizes() {
  return {kTooLarge, kTooLarge + 4096, SIZE_MAX - 4096, SIZE_MAX - 15, SIZE_MAX};
}

void ExpectNoMemory(const void* result) {
  EXPECT_EQ(result, nullptr);
  EXPECT_EQ(errno, ENOMEM);
}

// ---- malloc and free

TEST(Malloc, GivesDistinctBlocksForSizeZero) {
  void* first = malloc(Opaque(std::size_t{0}));
  void* second = malloc(Opaque(std::size_t{0}));
  EXPECT_NE(first, nullptr);
  EXPECT_NE(second, nullptr);
  EXPECT_NE(first, second);
  free(first);
  free(second);
}

TEST(Malloc, FailsWithEnomemAbovePtrdiffMax) {
  for (const std::size_t size : ImpossibleSizes()) {
    errno = 0;
    ExpectNoMemory(malloc(Opaque(size)));
  }
}

TEST(Malloc, FailsWithEnomemForMoreThanTheAddressSpace) {
  errno = 0;
  ExpectNoMemory(malloc(Opaque(std::size_t{1} << 50)));
}

TEST(Malloc, AlignsEverySizeForAnyObjectThatFits) {
  for (std::size_t size = 1; size <= 70000; ++size) {
    void* block = malloc(Opaque(size));
    ASSERT_NE(block, nullptr);
    ASSERT_TRUE(IsAligned(block, RequiredAlignment(size))) << block << " for " << size;
    ASSERT_GE(malloc_usable_size(block), size);
    free(block);
  }
}

TEST(Malloc, AlignsBlocksThatLiveTogether) {
  for (const std::size_t size : InterestingSizes(64 * kKiB)) {
    std::array<void*, 40> blocks;
    for (void*& block : blocks) {
      block = malloc(Opaque(size));
      EXPECT_TRUE(IsAligned(block, RequiredAlignment(size))) << block << " for " << size;
    }
    for (void* block : blocks) free(block);
  }
}

TEST(Malloc, KeepsLargeBlocksApart) {
  std::vector<std::pair<void*, std::size_t>> blocks;
  for (const std::size_t size : InterestingSizes(64 * kMiB)) {
    if (size < 16 * kKiB) continue;
    void* block = malloc(Opaque(size));
    ASSERT_NE(block, nullptr) << size;
    std::memset(block, 1, 1);
    FillPattern(static_cast<char*>(block) + size - 64, 64, size);
    blocks.emplace_back(block, size);
  }
  std::sort(blocks.begin(), blocks.end());
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto& [block, size] = blocks[i];
    EXPECT_TRUE(HasPattern(static_cast<char*>(block) + size - 64, 64, size));
    if (i + 1 < blocks.size()) {
      EXPECT_LE(static_cast<char*>(block) + size, blocks[i + 1].first);
    }
  }
  for (const auto& [block, size] : blocks) free(block);
}

TEST(Free, IgnoresNull) { free(Opaque<void*>(nullptr)); }

TEST(Free, LeavesErrnoAlone) {
  for (const std::size_t size : InterestingSizes(8 * kMiB)) {
    void* block = malloc(Opaque(size));
    errno = kUntouched;
    free(block);
    EXPECT_EQ(errno, kUntouched) << size;
  }
}

TEST(FreeSized, TakesBackWhatMallocGave) {
  const FreeSizedFunction free_sized_function = FreeSized();
  if (free_sized_function == nullptr) GTEST_SKIP() << "this malloc has no free_sized";
  free_sized_function(nullptr, 0);
  for (const std::size_t size : InterestingSizes(4 * kMiB)) {
    void* block = malloc(Opaque(size));
    FillPattern(block, size, size);
    free_sized_function(block, size);
  }
}

TEST(FreeAlignedSized, TakesBackWhatAlignedAllocGave) {
  const FreeAlignedSizedFunction free_function = FreeAlignedSized();
  if (free_function == nullptr) GTEST_SKIP() << "this malloc has no free_aligned_sized";
  free_function(nullptr, 64, 0);
  for (const std::size_t alignment : {16u, 64u, 4096u, 65536u}) {
    for (const std::size_t multiple : {1u, 3u, 40u}) {
      const std::size_t size = alignment * multiple;
      void* block = aligned_alloc(alignment, Opaque(size));
      FillPattern(block, size, size);
      free_function(block, alignment, size);
    }
  }
}

TEST(UsableSize, IsZeroForNull) { EXPECT_EQ(malloc_usable_size(Opaque<void*>(nullptr)), 0u); }

TEST(UsableSize, CanBeUsedToItsLastByte) {
  for (const std::size_t size : InterestingSizes(2 * kMiB)) {
    std::array<void*, 6> blocks;
    std::array<std::size_t, 6> usable;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      blocks[i] = malloc(Opaque(size));
      usable[i] = malloc_usable_size(blocks[i]);
      ASSERT_GE(usable[i], size);
      FillPattern(blocks[i], usable[i], i);
    }
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      EXPECT_TRUE(HasPattern(blocks[i], usable[i], i)) << "block " << i << " of " << size;
      free(blocks[i]);
    }
  }
}

// ---- calloc

TEST(Calloc, GivesZeroesWhereDirtyBlocksWereFreed) {
  for (const std::size_t size : InterestingSizes(64 * kMiB)) {
    for (int round = 0; round < (size > kMiB ? 1 : 4); ++round) {
      void* dirty = malloc(Opaque(size));
      ASSERT_NE(dirty, nullptr) << size;
      std::memset(dirty, 0xa5, size);
      free(dirty);
      void* clean = calloc(1, Opaque(size));
      ASSERT_NE(clean, nullptr) << size;
      ASSERT_TRUE(IsZero(clean, size)) << size;
      free(clean);
    }
  }
}

TEST(Calloc, GivesZeroesForManyBlocksAfterManyDirtyOnes) {
  for (const std::size_t size : {16u, 48u, 200u, 1000u, 5000u, 20000u, 50000u}) {
    std::vector<void*> blocks(2 * kMiB / size);
    for (void*& block : blocks) std::memset(block = malloc(Opaque(std::size_t{size})), 0xff, size);
    for (void* block : blocks) free(block);
    for (void*& block : blocks) {
      block = calloc(size, Opaque(std::size_t{1}));
      ASSERT_TRUE(IsZero(block, size)) << size;
    }
    for (void* block : blocks) free(block);
  }
}

TEST(Calloc, FailsWithEnomemWhenTheProductOverflows) {
  const std::size_t half = std::size_t{1} << 32;
  const std::pair<std::size_t, std::size_t> products[] = {
      {half, half}, {SIZE_MAX, 2}, {2, SIZE_MAX}, {SIZE_MAX, SIZE_MAX}, {half + 1, half}};
  for (const auto& [count, size] : products) {
    errno = 0;
    ExpectNoMemory(calloc(Opaque(count), Opaque(size)));
  }
}

TEST(Calloc, FailsWithEnomemAbovePtrdiffMax) {
  for (const std::size_t size : ImpossibleSizes()) {
    errno = 0;
    ExpectNoMemory(calloc(1, Opaque(size)));
  }
}

TEST(Calloc, GivesABlockForZeroOfAnything) {
  void* none = calloc(0, Opaque(std::size_t{100}));
  void* empty = calloc(Opaque(std::size_t{100}), 0);
  EXPECT_NE(none, nullptr);
  EXPECT_NE(empty, nullptr);
  EXPECT_NE(none, empty);
  free(none);
  free(empty);
}

// ---- realloc and reallocarray

TEST(Realloc, OfNullIsMalloc) {
  void* block = realloc(Opaque<void*>(nullptr), 100);
  ASSERT_NE(block, nullptr);
  EXPECT_GE(malloc_usable_size(block), 100u);
  free(block);
}

TEST(Realloc, ToZeroFreesAndReturnsNull) {
  for (const std::size_t size : {10u, 5000u, 100000u, 5000000u}) {
    EXPECT_EQ(realloc(malloc(Opaque(std::size_t{size})), Opaque(std::size_t{0})), nullptr);
  }
}

TEST(Realloc, OfNullToZeroGivesABlock) {
  void* block = realloc(Opaque<void*>(nullptr), Opaque(std::size_t{0}));
  EXPECT_NE(block, nullptr);
  free(block);
}

TEST(Realloc, KeepsContentsBetweenAnyTwoSizes) {
  const std::vector<std::size_t> sizes = InterestingSizes(4 * kMiB);
  for (std::size_t i = 0; i < sizes.size(); i += 2) {
    for (std::size_t j = i % 4; j < sizes.size(); j += 4) {
      void* block = malloc(Opaque(sizes[i]));
      FillPattern(block, sizes[i], i);
      block = realloc(block, Opaque(sizes[j]));
      ASSERT_NE(block, nullptr);
      ASSERT_GE(malloc_usable_size(block), sizes[j]);
      ASSERT_TRUE(HasPattern(block, sizes[i], i, std::min(sizes[i], sizes[j])))
          << sizes[i] << " to " << sizes[j];
      free(block);
    }
  }
}

TEST(Realloc, GrowsStepByStepFrom16BytesTo64MiB) {
  std::size_t size = 16;
  void* block = malloc(size);
  FillPattern(block, size, 3);
  while (size < 64 * kMiB) {
    const std::size_t larger = size + size / 2 + 1;
    block = realloc(block, Opaque(larger));
    ASSERT_NE(block, nullptr);
    ASSERT_TRUE(HasPattern(block, size, 3)) << size << " to " << larger;
    FillPattern(block, larger, 3);
    size = larger;
  }
  free(block);
}

TEST(Realloc, LeavesTheOldBlockAloneWhenItFails) {
  for (const std::size_t size : {24u, 3000u, 30000u, 300000u, 3000000u}) {
    void* block = malloc(Opaque(std::size_t{size}));
    FillPattern(block, size, 8);
    for (const std::size_t impossible : ImpossibleSizes()) {
      errno = 0;
      ExpectNoMemory(realloc(Opaque(block), Opaque(impossible)));
      EXPECT_TRUE(HasPattern(block, size, 8)) << size;
    }
    free(block);
  }
}

TEST(Realloc, KeepsWhatAnAlignedBlockHolds) {
  for (const std::size_t alignment : {64u, 4096u, 65536u, 4194304u}) {
    void* block = aligned_alloc(alignment, Opaque(std::size_t{alignment}));
    ASSERT_NE(block, nullptr);
    FillPattern(block, alignment, alignment);
    block = realloc(block, Opaque(std::size_t{alignment} * 3));
    ASSERT_NE(block, nullptr);
    EXPECT_TRUE(HasPattern(block, alignment, alignment));
    free(block);
  }
}

TEST(Reallocarray, MultipliesAndKeepsContents) {
  void* block = reallocarray(nullptr, 10, Opaque(std::size_t{30}));
  ASSERT_NE(block, nullptr);
  EXPECT_GE(malloc_usable_size(block), 300u);
  FillPattern(block, 300, 2);
  block = reallocarray(block, 1000, Opaque(std::size_t{30}));
  EXPECT_TRUE(HasPattern(block, 300, 2));
  free(block);
}

TEST(Reallocarray, FailsWithEnomemOnOverflowAndLeavesTheOldBlockAlone) {
  void* block = malloc(100);
  FillPattern(block, 100, 4);
  errno = 0;
  ExpectNoMemory(reallocarray(Opaque(block), Opaque(SIZE_MAX / 2), 3));
  errno = 0;
  ExpectNoMemory(reallocarray(Opaque(block), std::size_t{1} << 32, Opaque(std::size_t{1} << 32)));
  EXPECT_TRUE(HasPattern(block, 100, 4));
  free(block);
}

// ---- aligned allocation

using AlignedFunction = void* (*)(std::size_t alignment, std::size_t size);

void* PosixMemalign(std::size_t alignment, std::size_t size) {
  void* block = nullptr;
  return posix_memalign(&block, std::max(alignment, sizeof(void*)), size) == 0 ? block : nullptr;
}

struct NamedAlignedFunction {
  const char* name;
  AlignedFunction allocate;
};

class AlignedAllocation : public ::testing::TestWithParam<NamedAlignedFunction> {};

INSTANTIATE_TEST_SUITE_P(All, AlignedAllocation,
                         ::testing::Values(NamedAlignedFunction{"memalign", memalign},
                                           NamedAlignedFunction{"aligned_alloc", aligned_alloc},
                                           NamedAlignedFunction{"posix_memalign", PosixMemalign}),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

TEST_P(AlignedAllocation, HonoursEveryPowerOfTwoForSmallAndLargeSizes) {
  for (std::size_t alignment = 1; alignment <= 16 * kMiB; alignment *= 2) {
    for (const std::size_t size : {1u, 24u, 100u, 4000u, 4097u, 33000u, 1100000u}) {
      std::array<void*, 3> blocks;
      for (void*& block : blocks) {
        block = GetParam().allocate(alignment, Opaque(std::size_t{size}));
        ASSERT_NE(block, nullptr) << size << " aligned to " << alignment;
        ASSERT_TRUE(IsAligned(block, alignment)) << block << " for " << alignment;
        ASSERT_GE(malloc_usable_size(block), size);
        FillPattern(block, size, alignment);
      }
      for (void* block : blocks) {
        ASSERT_TRUE(HasPattern(block, size, alignment)) << size << " aligned to " << alignment;
        free(block);
      }
    }
  }
}

TEST_P(AlignedAllocation, GivesABlockForSizeZero) {
  for (const std::size_t alignment : {8u, 64u, 4096u, 2097152u}) {
    void* block = GetParam().allocate(alignment, Opaque(std::size_t{0}));
    EXPECT_NE(block, nullptr);
    EXPECT_TRUE(IsAligned(block, alignment));
    free(block);
  }
}

TEST_P(AlignedAllocation, FailsAbovePtrdiffMax) {
  for (const std::size_t size : ImpossibleSizes()) {
    EXPECT_EQ(GetParam().allocate(64, Opaque(size)), nullptr);
    EXPECT_EQ(GetParam().allocate(kPageBytes, Opaque(size)), nullptr);
  }
}

TEST_P(AlignedAllocation, FailsWhenAlignmentAndSizeTogetherOverflow) {
  const std::size_t huge = std::size_t{1} << 62;
  EXPECT_EQ(GetParam().allocate(huge, Opaque(huge)), nullptr);
  EXPECT_EQ(GetParam().allocate(huge, Opaque(std::size_t{PTRDIFF_MAX})), nullptr);
}

TEST(Memalign, SetsEnomemAbovePtrdiffMax) {
  errno = 0;
  ExpectNoMemory(memalign(64, Opaque(kTooLarge)));
  errno = 0;
  ExpectNoMemory(aligned_alloc(64, Opaque(kTooLarge)));
}

// memalign rounds such an alignment up, as glibc's does. aligned_alloc does so up to glibc 2.37 and
// refuses with EINVAL since: a program may meet either, but never a block aligned to less than it
// asked.
TEST(Memalign, RoundsAnAlignmentThatIsNoPowerOfTwoUp) {
  for (const std::size_t alignment : {3u, 24u, 48u, 100u, 5000u}) {
    std::size_t power = 1;
    while (power < alignment) power *= 2;
    void* block = memalign(Opaque(std::size_t{alignment}), 100);
    EXPECT_NE(block, nullptr) << alignment;
    EXPECT_TRUE(IsAligned(block, power)) << block << " for " << alignment;
    free(block);
  }
}

TEST(AlignedAlloc, RefusesOrRoundsUpAnAlignmentThatIsNoPowerOfTwo) {
  for (const std::size_t alignment : {3u, 24u, 48u, 100u, 5000u}) {
    std::size_t power = 1;
    while (power < alignment) power *= 2;
    errno = 0;
    void* block = aligned_alloc(Opaque(std::size_t{alignment}), 96000);
    EXPECT_TRUE(block != nullptr || errno == EINVAL) << alignment;
    EXPECT_TRUE(IsAligned(block, power)) << block << " for " << alignment;
    free(block);
  }
}

TEST(Memalign, RefusesAnAlignmentAboveHalfTheAddressSpace) {
  errno = 0;
  EXPECT_EQ(memalign(Opaque(kTooLarge + 1), 16), nullptr);
  EXPECT_EQ(errno, EINVAL);
}

TEST(PosixMemalign, ReturnsEinvalForBadAlignmentsAndTouchesNothing) {
  for (const std::size_t alignment : {0u, 1u, 2u, 4u, 9u, 12u, 24u, 48u, 100u}) {
    void* marker = &marker;
    errno = kUntouched;
    EXPECT_EQ(posix_memalign(&marker, Opaque(std::size_t{alignment}), 64), EINVAL) << alignment;
    EXPECT_EQ(marker, &marker);
    EXPECT_EQ(errno, kUntouched);
  }
}

TEST(PosixMemalign, ReturnsEnomemAbovePtrdiffMaxAndLeavesTheResultAlone) {
  void* marker = &marker;
  EXPECT_EQ(posix_memalign(&marker, 64, Opaque(kTooLarge)), ENOMEM);
  EXPECT_EQ(posix_memalign(&marker, 4096, Opaque(SIZE_MAX)), ENOMEM);
  EXPECT_EQ(marker, &marker);
}

TEST(Valloc, AlignsToThePage) {
  for (const std::size_t size : {0u, 1u, 100u, 4096u, 4097u, 100000u}) {
    void* block = valloc(Opaque(std::size_t{size}));
    EXPECT_NE(block, nullptr);
    EXPECT_TRUE(IsAligned(block, kPageBytes));
    EXPECT_GE(malloc_usable_size(block), size);
    free(block);
  }
  errno = 0;
  ExpectNoMemory(valloc(Opaque(kTooLarge)));
}

TEST(Pvalloc, AlignsToThePageAndRoundsUpToWholePages) {
  for (const std::size_t size : {1u, 100u, 4096u, 4097u, 100000u}) {
    void* block = pvalloc(Opaque(std::size_t{size}));
    EXPECT_TRUE(IsAligned(block, kPageBytes));
    const std::size_t whole = (size + kPageBytes - 1) / kPageBytes * kPageBytes;
    EXPECT_GE(malloc_usable_size(block), whole);
    FillPattern(block, whole, size);
    free(block);
  }
  void* empty = pvalloc(Opaque(std::size_t{0}));
  EXPECT_NE(empty, nullptr);
  free(empty);
}

TEST(Pvalloc, FailsWithEnomemWhenRoundingUpOverflows) {
  for (const std::size_t size : ImpossibleSizes()) {
    errno = 0;
    ExpectNoMemory(pvalloc(Opaque(size)));
  }
}

// ---- looking in from outside

TEST(MallocTrim, SaysWhetherItGaveSomethingBack) {
  std::vector<void*> blocks(64);
  for (void*& block : blocks) std::memset(block = malloc(64 * kKiB), 1, 64 * kKiB);
  for (void* block : blocks) free(block);
  const int gave_back = malloc_trim(0);
  EXPECT_TRUE(gave_back == 0 || gave_back == 1) << gave_back;
}

TEST(MallocTrim, LeavesLiveBlocksAlone) {
  std::vector<void*> blocks(20000);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    FillPattern(blocks[i] = malloc(Opaque(i % 3000 + 1)), i % 3000 + 1, i);
  }
  for (std::size_t i = 0; i < blocks.size(); i += 2) free(blocks[i]);
  malloc_trim(0);
  for (std::size_t i = 1; i < blocks.size(); i += 2) {
    ASSERT_TRUE(HasPattern(blocks[i], i % 3000 + 1, i)) << i;
    free(blocks[i]);
  }
  malloc_trim(0);
}

TEST(MallocTrim, GivesFreedMemoryBackToTheSystem) {
  std::vector<void*> blocks(1024);
  for (void*& block : blocks) std::memset(block = malloc(64 * kKiB), 1, 64 * kKiB);
  const std::size_t full = ResidentBytes();
  for (void* block : blocks) free(block);
  malloc_trim(0);
  EXPECT_LE(ResidentBytes() + 48 * kMiB, full);
}

std::size_t InUse(const struct mallinfo2& info) { return info.uordblks + info.hblkhd; }

TEST(Mallinfo2, CountsWhatIsInUse) {
  const std::size_t before = InUse(mallinfo2());
  std::array<void*, 64> blocks;
  for (void*& block : blocks) block = malloc(Opaque(kMiB));
  const std::size_t during = InUse(mallinfo2());
  for (void* block : blocks) free(block);
  malloc_trim(0);
  const std::size_t after = InUse(mallinfo2());
  EXPECT_GE(during, before + 63 * kMiB);
  // A hardened build's quarantine counts as in use.
  if (!kConfig.hardened) {
    EXPECT_LE(after + 60 * kMiB, during);
  }
}

TEST(MallocStats, PrintsTextOnStderr) {
  ::testing::internal::CaptureStderr();
  malloc_stats();
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_GT(text.size(), 40u) << text;
  EXPECT_EQ(text.back(), '\n');
  EXPECT_TRUE(text.find_first_of("0123456789") != std::string::npos) << text;
}

// Enough of a parser to find a tag that is not closed, an attribute without quotes, a stray '<' or
// '>'.
class XmlChecker {
 public:
  explicit XmlChecker(const std::string& text) : text_(text) {}

  // Empty when well formed, else what is wrong.
  std::string Problem() {
    while (problem_.empty() && at_ < text_.size()) Step();
    if (!problem_.empty()) return problem_;
    if (!open_.empty()) return "not closed: " + open_.back();
    return roots_ == 1 ? "" : "not exactly one root element";
  }

  const std::set<std::string>& names() const { return names_; }
  const std::string& root() const { return root_; }

 private:
  void Step() {
    if (text_[at_] == '>') problem_ = "stray >";
    if (text_[at_] != '<') return static_cast<void>(++at_);
    const std::size_t end = text_.find('>', at_);
    if (end == std::string::npos) return static_cast<void>(problem_ = "tag without end");
    Tag(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
  }

  void Tag(std::string tag) {
    if (tag.find('<') != std::string::npos) problem_ = "stray < in " + tag;
    if (tag.starts_with("?") || tag.starts_with("!")) return;
    if (std::count(tag.begin(), tag.end(), '"') % 2 != 0) problem_ = "odd quotes in " + tag;
    if (tag.starts_with("/")) return Close(tag.substr(1));
    const std::string name = tag.substr(0, tag.find_first_of(" /\n\t"));
    if (name.empty()) problem_ = "empty tag";
    names_.insert(name);
    if (open_.empty()) {
      ++roots_;
      root_ = name;
    }
    if (!tag.ends_with("/")) open_.push_back(name);
  }

  void Close(const std::string& name) {
    if (open_.empty() || open_.back() != name)
      return static_cast<void>(problem_ = "closes " + name);
    open_.pop_back();
  }

  std::string text_;
  std::size_t at_ = 0;
  std::vector<std::string> open_;
  std::set<std::string> names_;
  std::string root_;
  std::string problem_;
  int roots_ = 0;
};

TEST(MallocInfo, WritesWellFormedXmlAsGlibcDoes) {
  char* text = nullptr;
  std::size_t length = 0;
  FILE* stream = open_memstream(&text, &length);
  ASSERT_EQ(malloc_info(0, stream), 0);
  fclose(stream);
  XmlChecker checker(std::string(text, length));
  EXPECT_EQ(checker.Problem(), "") << text;
  EXPECT_EQ(checker.root(), "malloc");
  EXPECT_TRUE(checker.names().contains("heap")) << text;
  EXPECT_TRUE(checker.names().contains("total")) << text;
  EXPECT_TRUE(checker.names().contains("system")) << text;
  EXPECT_NE(std::string(text, length).find("<malloc version=\""), std::string::npos) << text;
  free(text);
}

TEST(MallocInfo, ReturnsEinvalForUnknownOptions) {
  char* text = nullptr;
  std::size_t length = 0;
  FILE* stream = open_memstream(&text, &length);
  EXPECT_EQ(malloc_info(1, stream), EINVAL);
  fclose(stream);
  free(text);
}

TEST(Hz3Version, IsNamedAndSoIsTheLane) {
  if (!OnHz3()) GTEST_SKIP() << "this process does not run on hz3";
  EXPECT_GT(std::strlen(Hz3Version()), 0u);
  const std::string lane = Hz3Lane() == nullptr ? "none" : Hz3Lane();
  EXPECT_TRUE(lane == "scale" || lane == "fast") << lane;
}

}  // namespace
}  // namespace hz3::testlib
