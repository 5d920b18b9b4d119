#include "hz3/harden/guarded_blocks.h"

#include <cstring>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"

namespace hz3 {
namespace {

class GuardedBlocksTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(blocks_->Init(os_)); }

  char* Plain(size_t bytes, size_t align) {
    const size_t plain_bytes = GuardedBlocks::PlainBytes(bytes, align);
    void* plain = os_.Reserve(plain_bytes, GuardedBlocks::Lead(align));
    EXPECT_TRUE(os_.Commit(plain, plain_bytes));
    return static_cast<char*>(plain);
  }
  char* Create(size_t bytes, size_t align = kMinAlign) {
    return blocks_->Create(Plain(bytes, align), bytes, align, BlockKind::kNew);
  }
  GuardedBlock Find(const void* p) {
    GuardedBlock block;
    EXPECT_TRUE(blocks_->Find(p, &block));
    return block;
  }

  FakeOsMemory os_;
  std::unique_ptr<GuardedBlocks> blocks_ = std::make_unique<GuardedBlocks>();
};

TEST_F(GuardedBlocksTest, ABlockIsAlignedAndEndsAsNearToItsGuardAsItCan) {
  for (const size_t align : {size_t{16}, size_t{256}, kPageSize, size_t{1} << 20}) {
    for (const size_t bytes : {size_t{40000}, size_t{40960}, size_t{1} << 20}) {
      char* p = Create(bytes, align);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % align, 0u);
      const GuardedBlock block = Find(p);
      EXPECT_GE(p, block.data());
      EXPECT_LE(p + bytes, block.data_end());
      EXPECT_LT(block.data_end() - (p + bytes), static_cast<ptrdiff_t>(std::min(align, kPageSize)));
      EXPECT_EQ(block.size, bytes);
      EXPECT_EQ(block.kind, BlockKind::kNew);
      memset(p, 1, bytes);
      EXPECT_TRUE(GuardedBlocks::SlackIsWhole(block));
      EXPECT_TRUE(GuardedBlocks::FrontIsWhole(block));
    }
  }
}

TEST_F(GuardedBlocksTest, WritesBesideABlockAreSeen) {
  char* p = Create(40001);
  const GuardedBlock block = Find(p);
  p[40001] = static_cast<char>(~p[40001]);
  EXPECT_FALSE(GuardedBlocks::SlackIsWhole(block));
  p[-1] = static_cast<char>(~p[-1]);
  EXPECT_FALSE(GuardedBlocks::FrontIsWhole(block));
}

TEST_F(GuardedBlocksTest, ABlockIsFreedOnceAndOnlyByItsAddress) {
  char* p = Create(50000);
  GuardedBlock block;
  EXPECT_FALSE(blocks_->MarkFreed(p + 16, &block));
  EXPECT_FALSE(blocks_->Find(&block, &block));
  EXPECT_TRUE(blocks_->MarkFreed(p, &block));
  EXPECT_FALSE(blocks_->MarkFreed(p, &block));
  EXPECT_TRUE(Find(p).freed);
}

TEST_F(GuardedBlocksTest, TheQuarantineReleasesTheOldestAndEverythingIsAccessibleThen) {
  std::vector<char*> plain;
  for (unsigned i = 0; i < GuardedBlocks::kMaxHeld + 2; ++i) {
    plain.push_back(Plain(40000, kMinAlign));
    char* p = blocks_->Create(plain.back(), 40000, kMinAlign, BlockKind::kMalloc);
    GuardedBlock block;
    ASSERT_TRUE(blocks_->MarkFreed(p, &block));
    char* released = nullptr;
    const bool left = blocks_->Hold(block, &released);
    ASSERT_EQ(left, i >= GuardedBlocks::kMaxHeld) << i;
    if (!left) continue;
    EXPECT_EQ(released, plain[i - GuardedBlocks::kMaxHeld]);
    memset(released, 1, GuardedBlocks::PlainBytes(40000, kMinAlign));
  }
  char* released;
  unsigned more = 0;
  while (blocks_->Release(&released)) ++more;
  EXPECT_EQ(more, GuardedBlocks::kMaxHeld);
}

TEST_F(GuardedBlocksTest, ABlockThatCannotBeMadeAccessibleAgainStays) {
  char* p = Create(40000);
  GuardedBlock block;
  char* plain;
  ASSERT_TRUE(blocks_->MarkFreed(p, &block));
  ASSERT_FALSE(blocks_->Hold(block, &plain));
  os_.Refuse(FakeOsMemory::kCommit);
  EXPECT_FALSE(blocks_->Release(&plain));
  os_.Allow(FakeOsMemory::kCommit);
  EXPECT_TRUE(blocks_->Release(&plain));
  EXPECT_EQ(plain, block.plain);
  EXPECT_FALSE(blocks_->Release(&plain));
}

TEST_F(GuardedBlocksTest, WhereNoGuardCanBeHadABlockGoesWithoutAndIsCounted) {
  os_.Refuse(FakeOsMemory::kProtect);
  char* p = Create(40000);
  ASSERT_NE(p, nullptr);
  memset(p, 1, 40000);
  EXPECT_EQ(blocks_->unguarded(), 2u);
}

TEST_F(GuardedBlocksTest, AnAddressInAGuardPageIsExplained) {
  char* p = Create(40000);
  GuardedBlock block;
  EXPECT_TRUE(blocks_->Explain(p + 40000, &block));
  EXPECT_EQ(block.user, p);
  EXPECT_FALSE(blocks_->Explain(&block, &block));
}

using GuardedBlocksDeathTest = GuardedBlocksTest;

TEST_F(GuardedBlocksDeathTest, AccessesOutsideOfABlockAndAfterItsFreeFault) {
  volatile char* p = Create(40960);
  EXPECT_DEATH(p[40960] = 1, "");
  EXPECT_DEATH(p[-1] = 1, "");
  GuardedBlock block;
  char* plain;
  ASSERT_TRUE(blocks_->MarkFreed(const_cast<char*>(p), &block));
  blocks_->Hold(block, &plain);
  EXPECT_DEATH(p[0] = 1, "");
}

TEST(GuardedBlocks, WithoutATableThereAreNone) {
  FakeOsMemory os;
  os.Refuse(FakeOsMemory::kReserve);
  const auto blocks = std::make_unique<GuardedBlocks>();
  EXPECT_FALSE(blocks->Init(os));
  GuardedBlock block;
  EXPECT_FALSE(blocks->Find(&block, &block));
  std::vector<char> plain(GuardedBlocks::PlainBytes(40000, kMinAlign));
  EXPECT_EQ(blocks->Create(plain.data(), 40000, kMinAlign, BlockKind::kMalloc), nullptr);
}

}  // namespace
}  // namespace hz3
