#include "hz3/hot_path.h"

#include <thread>

#include "gtest/gtest.h"
#include "hz3/heap.h"

namespace hz3 {
namespace {

void* Allocate(size_t bytes) { return heap.AllocateSlow(bytes); }

TEST(HotPath, HandsOutWhatWasPushedLast) {
  void* a = Allocate(64);
  void* b = Allocate(64);
  ASSERT_TRUE(PushBlock(a));
  ASSERT_TRUE(PushBlock(b));
  EXPECT_EQ(PopBlock(64), b);
  EXPECT_EQ(PopBlock(49), a) << "of the same class";
  heap.FreeSlow(a);
  heap.FreeSlow(b);
}

TEST(HotPath, EachBinnedSizeComesFromTheBinOfItsClass) {
  for (size_t bytes = 1; bytes <= kMaxBinnedSize; bytes += bytes < 1024 ? 1 : 97) {
    void* p = Allocate(bytes);
    ASSERT_EQ(ClassBytes(p), InfoOf(ClassOf(bytes)).size) << bytes;
    ASSERT_TRUE(PushBlock(p)) << bytes;
    ASSERT_EQ(PopBlock(bytes), p) << bytes;
    heap.FreeSlow(p);
  }
}

TEST(HotPath, LeavesWhatItCannotDoToTheHeap) {
  EXPECT_EQ(PopBlock(kMaxBinnedSize + 1), nullptr);
  EXPECT_EQ(PopBlock(SIZE_MAX), nullptr);
  int here = 0;
  EXPECT_FALSE(PushBlock(&here));
  EXPECT_FALSE(PushBlock(nullptr));
  EXPECT_EQ(ClassBytes(&here), 0u);
  void* large = Allocate(3 * kMaxWideSize);
  EXPECT_FALSE(PushBlock(large));
  EXPECT_EQ(ClassBytes(large), 0u);
  heap.FreeSlow(large);
}

TEST(HotPath, AThreadThatHasNotStartedMissesAndMayNotPush) {
  void* p = Allocate(64);
  std::thread([&] {
    EXPECT_EQ(PopBlock(64), nullptr);
    EXPECT_FALSE(PushBlock(p));
  }).join();
  heap.FreeSlow(p);
}

}  // namespace
}  // namespace hz3
