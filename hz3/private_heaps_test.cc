// Beside the C library's malloc. Threads, forks and misuse of whole programs are in
// //testing/api:heap_test.

#include "hz3/private_heaps.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/heap.h"

namespace hz3 {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

class PrivateHeapsTest : public ::testing::Test {
 protected:
  PrivateHeapsTest() {
    heap.Trim();
    committed_before_ = heap.budget()->committed_bytes();
    owner_ = CreatePrivateHeap();
  }
  ~PrivateHeapsTest() override {
    if (owner_ != nullptr) DestroyPrivateHeap(owner_);
    heap.Trim();
    EXPECT_LE(heap.budget()->committed_bytes(), committed_before_ + kMiB) << "something leaked";
  }

  void* Allocate(size_t bytes, size_t align = kMinAlign) {
    void* p = AllocateIn(*owner_, bytes, align);
    if (p != nullptr) memset(p, 0x5a, bytes);
    return p;
  }

  size_t committed_before_;
  PrivateHeap* owner_;
};

TEST_F(PrivateHeapsTest, ServesEverySizeAtEveryAlignment) {
  for (const size_t bytes : {1u, 16u, 100u, 4096u, 4500u, 5000u, 70'000u, 2u << 20, 3u << 20}) {
    for (size_t align = 1; align <= 4 * kMiB; align *= 4) {
      void* p = Allocate(bytes, align);
      ASSERT_NE(p, nullptr);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % align, 0u) << bytes;
      EXPECT_GE(heap.UsableSize(p), bytes);
      EXPECT_LT(heap.UsableSize(p), bytes + bytes / 8 + align + kPageSize);
      EXPECT_EQ(PrivateHeap::Of(*heap.arena(), p), owner_);
      FreeIn(*owner_, p);
    }
  }
}

TEST_F(PrivateHeapsTest, ABlockMayBeFreedWithoutItsHeap) {
  for (const size_t bytes : {100u, 30'000u, 5u << 20}) heap.FreeSlow(Allocate(bytes));
}

TEST_F(PrivateHeapsTest, OtherBlocksArePassedBy) {
  void* plain = heap.AllocateSlow(100);
  EXPECT_FALSE(heap.ChecksItself(plain));
  EXPECT_TRUE(heap.ChecksItself(Allocate(100)));
  EXPECT_EQ(heap.ResizeInPlace(Allocate(100'000), 200'000), nullptr);
  heap.FreeSlow(plain);
}

TEST_F(PrivateHeapsTest, AreCounted) {
  const uint64_t before = heap.GetStats().private_heaps;
  PrivateHeap* another = CreatePrivateHeap();
  EXPECT_EQ(heap.GetStats().private_heaps, before + 1);
  DestroyPrivateHeap(another);
  EXPECT_EQ(heap.GetStats().private_heaps, before);
}

TEST_F(PrivateHeapsTest, FailUnderALimitAndGoOnAfterIt) {
  heap.budget()->SetLimit(heap.budget()->committed_bytes() + 2 * kMiB);
  std::vector<void*> blocks;
  for (const size_t bytes : {2000u, 40'000u, 5u << 20}) {
    errno = 0;
    while (void* p = Allocate(bytes)) blocks.push_back(p);
    EXPECT_EQ(errno, ENOMEM) << bytes;
    EXPECT_LT(blocks.size(), 2000u);
  }
  heap.budget()->SetLimit(MemBudget::kNoLimit);
  EXPECT_NE(Allocate(5 << 20), nullptr);
}

}  // namespace
}  // namespace hz3
