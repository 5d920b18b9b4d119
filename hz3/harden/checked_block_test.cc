#include "hz3/harden/checked_block.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

class CheckedBlockTest : public ::testing::TestWithParam<size_t> {
 protected:
  static constexpr size_t kPlainBytes = 4096;

  char* Create(size_t bytes, BlockKind kind = BlockKind::kMalloc) {
    return CheckedBlock::Create(plain_, kPlainBytes, bytes, GetParam(), kind);
  }

  alignas(4096) char plain_[kPlainBytes];
  CheckedInfo info_;
};

TEST_P(CheckedBlockTest, ALiveBlockSaysWhatItIsAndReadsAsZeroes) {
  memset(plain_, 0x55, sizeof(plain_));
  char* block = Create(100, BlockKind::kNewArray);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % GetParam(), 0u);
  EXPECT_TRUE(std::all_of(block, block + 100, [](char c) { return c == 0; }));
  ASSERT_EQ(CheckedBlock::Read(block, &info_), CheckedState::kLive);
  EXPECT_EQ(info_.size, 100u);
  EXPECT_EQ(info_.kind, BlockKind::kNewArray);
  EXPECT_EQ(block - info_.offset, plain_);
}

TEST_P(CheckedBlockTest, OtherPointersAreNoBlocks) {
  char* block = Create(1000);
  for (const size_t offset : {1u, 8u, 16u, 32u, 512u}) {
    EXPECT_EQ(CheckedBlock::Read(block + offset, &info_), CheckedState::kNotABlock) << offset;
  }
}

TEST_P(CheckedBlockTest, ASecondFreeIsTold) {
  char* block = Create(1000);
  EXPECT_EQ(CheckedBlock::MarkFreed(block, &info_), CheckedState::kLive);
  EXPECT_EQ(info_.size, 1000u);
  EXPECT_EQ(CheckedBlock::MarkFreed(block, &info_), CheckedState::kFreed);
  EXPECT_EQ(CheckedBlock::Read(block, &info_), CheckedState::kFreed);
}

TEST_P(CheckedBlockTest, OfTwoThreadsThatFreeOneIsTold) {
  for (int round = 0; round < 100; ++round) {
    char* block = Create(8);
    CheckedState states[2];
    std::thread other([&] {
      CheckedInfo info;
      states[0] = CheckedBlock::MarkFreed(block, &info);
    });
    states[1] = CheckedBlock::MarkFreed(block, &info_);
    other.join();
    ASSERT_NE(states[0], states[1]);
  }
}

TEST_P(CheckedBlockTest, EachByteOfTheSlackIsWatchedAndEachOfTheHeader) {
  for (const size_t size : {0u, 1u, 7u, 8u, 24u, 100u}) {
    char* block = Create(size);
    ASSERT_EQ(CheckedBlock::Read(block, &info_), CheckedState::kLive);
    for (size_t i = 0; i < CheckedBlock::kCheckedSlack; ++i) {
      block[size + i] = static_cast<char>(~block[size + i]);
      EXPECT_FALSE(CheckedBlock::SlackIsWhole(block, info_, kPlainBytes)) << size << " " << i;
      block[size + i] = static_cast<char>(~block[size + i]);
    }
    EXPECT_TRUE(CheckedBlock::SlackIsWhole(block, info_, kPlainBytes));
    for (size_t i = 1; i <= CheckedBlock::kHeaderBytes; ++i) {
      block[-static_cast<ptrdiff_t>(i)] ^= 0x40;
      EXPECT_EQ(CheckedBlock::Read(block, &info_), CheckedState::kNotABlock) << i;
      block[-static_cast<ptrdiff_t>(i)] ^= 0x40;
    }
  }
}

TEST_P(CheckedBlockTest, AResizedBlockKeepsItsContentsAndIsZeroBeyond) {
  char* block = Create(50);
  memset(block, 'a', 50);
  ASSERT_EQ(CheckedBlock::Read(block, &info_), CheckedState::kLive);
  CheckedBlock::Resize(block, info_, kPlainBytes, 20);
  ASSERT_EQ(CheckedBlock::Read(block, &info_), CheckedState::kLive);
  EXPECT_TRUE(CheckedBlock::SlackIsWhole(block, info_, kPlainBytes));
  CheckedBlock::Resize(block, info_, kPlainBytes, 90);
  ASSERT_EQ(CheckedBlock::Read(block, &info_), CheckedState::kLive);
  EXPECT_EQ(info_.size, 90u);
  EXPECT_TRUE(std::all_of(block, block + 20, [](char c) { return c == 'a'; }));
  EXPECT_TRUE(std::all_of(block + 20, block + 90, [](char c) { return c == 0; }));
}

TEST_P(CheckedBlockTest, PoisonShowsEveryByteThatIsWritten) {
  char* block = Create(37);
  CheckedBlock::Poison(block, 37);
  EXPECT_TRUE(CheckedBlock::IsPoisoned(block, 37));
  for (size_t i = 0; i < 37; ++i) {
    block[i] ^= 1;
    EXPECT_FALSE(CheckedBlock::IsPoisoned(block, 37)) << i;
    block[i] ^= 1;
  }
}

INSTANTIATE_TEST_SUITE_P(Alignments, CheckedBlockTest, ::testing::Values(16, 64, 1024));

}  // namespace
}  // namespace hz3
