#include "hz3/thread/held_blocks.h"

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"

namespace hz3 {
namespace {

constexpr SizeClass kA(3), kB(7);

class HeldBlocksTest : public ::testing::Test {
 protected:
  void* Block(unsigned i) { return &bytes_[i]; }

  FakeOsMemory os_;
  MetadataPool pool_{&os_};
  HeldBlocks held_;
  char bytes_[HeldBlocks::kMaxBlocks + 1];
};

TEST_F(HeldBlocksTest, BlocksOfAClassComeOutFromBothEndsInTheirOrder) {
  for (unsigned i = 0; i < 6; ++i) {
    EXPECT_TRUE(held_.Add(pool_, i % 2 == 0 ? kA : kB, Block(i)));
  }
  EXPECT_EQ(held_.TakeLast(kA), Block(4));
  EXPECT_EQ(held_.TakeFirst(kA), Block(0));
  EXPECT_EQ(held_.TakeLast(kA), Block(2));
  EXPECT_EQ(held_.TakeLast(kA), nullptr);
  EXPECT_EQ(held_.TakeFirst(kA), nullptr);
  EXPECT_EQ(held_.TakeFirst(kB), Block(1));
  EXPECT_EQ(held_.count(), 2u);
}

TEST_F(HeldBlocksTest, ThereIsAMostAndRoomAgainAfterABlockHasLeft) {
  for (unsigned i = 0; i < HeldBlocks::kMaxBlocks; ++i) {
    ASSERT_TRUE(held_.Add(pool_, kA, Block(i)));
  }
  EXPECT_FALSE(held_.Add(pool_, kA, Block(HeldBlocks::kMaxBlocks)));
  EXPECT_EQ(held_.TakeFirst(kA), Block(0));
  EXPECT_TRUE(held_.Add(pool_, kB, Block(HeldBlocks::kMaxBlocks)));
  EXPECT_EQ(held_.TakeLast(kA), Block(HeldBlocks::kMaxBlocks - 1));
}

TEST_F(HeldBlocksTest, WithoutMemoryNothingIsHeld) {
  MetadataPool refused{&os_};
  os_.Refuse(FakeOsMemory::kCommit);
  EXPECT_FALSE(held_.Add(refused, kA, Block(0)));
  EXPECT_EQ(held_.count(), 0u);
}

TEST_F(HeldBlocksTest, ItsMemoryIsUsedAgainAfterTheRelease) {
  ASSERT_TRUE(held_.Add(pool_, kA, Block(0)));
  ASSERT_EQ(held_.TakeLast(kA), Block(0));
  held_.Release(pool_);
  EXPECT_TRUE(held_.Add(pool_, kA, Block(1)));
  EXPECT_EQ(held_.TakeLast(kA), Block(1));
}

}  // namespace
}  // namespace hz3
