// On the libc's malloc: what is right passes, and each mistake that a heap could make is found.

#include "testing/lib/checked_heap.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/lib/random.h"

namespace hz3::testlib {
namespace {

using ::testing::HasSubstr;

TEST(CheckedHeap, FindsNothingWrongWithAHeapThatWorks) {
  CheckedHeap heap;
  Random random(1);
  std::vector<Block> blocks(50);
  for (uint64_t step = 0; step < 5000; ++step) {
    Block& block = blocks[random.Below(blocks.size())];
    if (!block.live()) {
      block = heap.AllocateRandomly(random, 100'000, step);
    } else if (block.resizable() && random.Below(3) == 0) {
      heap.Resize(block, LogUniformSize(random, 100'000), random.Below(2) == 0);
    } else {
      heap.Free(block);
    }
    ASSERT_TRUE(heap.ok()) << heap.error();
  }
  for (Block& block : blocks) {
    if (block.live()) heap.Free(block);
  }
  EXPECT_STREQ(heap.error(), "");
}

TEST(CheckedHeap, FindsAByteThatChangedAnywhereInAShortBlockAndAtTheEndsOfALongOne) {
  for (const size_t size : {1u, 7u, 16u, 4096u, 4097u, 300'000u}) {
    for (const size_t at : {size_t{0}, size - 1, size > 4096 ? 2047 : size / 2}) {
      CheckedHeap heap;
      Block block = heap.Allocate(Entry::kMalloc, size, 1, 42);
      ASSERT_TRUE(heap.Check(block));
      block.data[at] = static_cast<char>(block.data[at] ^ 1);
      heap.Free(block);
      EXPECT_THAT(heap.error(), HasSubstr("contents have changed")) << size << ", byte " << at;
    }
  }
}

TEST(CheckedHeap, FindsABlockThatIsHandedOutTwice) {
  CheckedHeap heap;
  Block block = heap.Allocate(Entry::kMalloc, 1000, 1, 42);
  Block twin = block;
  heap.Free(block);
  block = heap.Allocate(Entry::kMalloc, 1000, 1, 43);
  if (block.data != twin.data) GTEST_SKIP() << "this malloc did not reuse the block";
  EXPECT_FALSE(heap.Check(twin)) << "another block's contents";
  EXPECT_THAT(heap.error(), HasSubstr("contents have changed"));
}

TEST(CheckedHeap, AllowsFailureWithEnomemOnlyWhereItIsToldTo) {
  CheckedHeap soft(CheckedHeap::Failures::kAllowed);
  EXPECT_FALSE(soft.Allocate(Entry::kMalloc, size_t{1} << 60, 1, 1).live());
  EXPECT_EQ(soft.failed(), 1u);
  EXPECT_STREQ(soft.error(), "");
  Block block = soft.Allocate(Entry::kMalloc, 5000, 1, 1);
  EXPECT_FALSE(soft.Resize(block, size_t{1} << 60));
  soft.Free(block);
  EXPECT_STREQ(soft.error(), "");

  CheckedHeap strict;
  strict.Allocate(Entry::kMalloc, size_t{1} << 60, 1, 1);
  EXPECT_THAT(strict.error(), HasSubstr("although there is memory"));
}

}  // namespace
}  // namespace hz3::testlib
