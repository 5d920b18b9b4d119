#include "hz3/harden/zero_blocks.h"

#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"

namespace hz3 {
namespace {

class ZeroBlocksTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(blocks_->Init(os_)); }

  FakeOsMemory os_;
  std::unique_ptr<ZeroBlocks> blocks_ = std::make_unique<ZeroBlocks>();
};

TEST_F(ZeroBlocksTest, EachBlockHasAnAlignedAddressOfItsOwnUntilAllAreUsed) {
  std::set<void*> seen;
  for (unsigned i = 0; i < ZeroBlocks::kBlocks; ++i) {
    void* p = blocks_->Allocate();
    ASSERT_NE(p, nullptr);
    ASSERT_EQ(reinterpret_cast<uintptr_t>(p) % kMinAlign, 0u);
    ASSERT_TRUE(blocks_->Contains(p));
    ASSERT_TRUE(seen.insert(p).second);
  }
  EXPECT_EQ(blocks_->Allocate(), nullptr);
  EXPECT_TRUE(blocks_->Free(*seen.rbegin()));
  EXPECT_EQ(blocks_->Allocate(), *seen.rbegin());
}

TEST_F(ZeroBlocksTest, AFreedAddressRests) {
  void* p = blocks_->Allocate();
  ASSERT_TRUE(blocks_->Free(p));
  for (unsigned i = 0; i < ZeroBlocks::kBlocks / 2; ++i) ASSERT_NE(blocks_->Allocate(), p);
}

TEST_F(ZeroBlocksTest, OnlyALiveBlockCanBeFreed) {
  char* p = static_cast<char*>(blocks_->Allocate());
  EXPECT_TRUE(blocks_->IsLive(p));
  EXPECT_FALSE(blocks_->IsLive(p + 8));
  EXPECT_FALSE(blocks_->Free(p + 8));
  EXPECT_FALSE(blocks_->Free(p + kMinAlign * 3));
  EXPECT_TRUE(blocks_->Free(p));
  EXPECT_FALSE(blocks_->IsLive(p));
  EXPECT_FALSE(blocks_->Free(p));
}

TEST_F(ZeroBlocksTest, OtherPointersAreNotInTheRange) {
  char* p = static_cast<char*>(blocks_->Allocate());
  EXPECT_FALSE(blocks_->Contains(p - 1));
  EXPECT_TRUE(blocks_->Contains(p + ZeroBlocks::kBytes - 1));
  EXPECT_FALSE(blocks_->Contains(p + ZeroBlocks::kBytes));
  EXPECT_FALSE(blocks_->Contains(&os_));
  EXPECT_FALSE(blocks_->Contains(nullptr));
}

TEST_F(ZeroBlocksTest, ThreadsNeverGetTheSameAddress) {
  std::vector<void*> got[4];
  std::vector<std::thread> threads;
  for (auto& mine : got) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) mine.push_back(blocks_->Allocate());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<void*> all;
  for (const auto& mine : got) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), 20000u);
}

using ZeroBlocksDeathTest = ZeroBlocksTest;

TEST_F(ZeroBlocksDeathTest, ABlockCanBeNeitherReadNorWritten) {
  volatile char* p = static_cast<char*>(blocks_->Allocate());
  EXPECT_DEATH(static_cast<void>(*p), "");
  EXPECT_DEATH(*p = 1, "");
}

TEST(ZeroBlocks, ThereAreNoneWhereTheAddressSpaceIsRefused) {
  FakeOsMemory os;
  os.Refuse(FakeOsMemory::kReserve);
  const auto blocks = std::make_unique<ZeroBlocks>();
  EXPECT_EQ(blocks->Allocate(), nullptr);
  EXPECT_FALSE(blocks->Init(os));
  EXPECT_EQ(blocks->Allocate(), nullptr);
  EXPECT_FALSE(blocks->Contains(nullptr));
}

}  // namespace
}  // namespace hz3
