#include "hz3/harden/guarded_pool.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <memory>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"

namespace hz3 {
namespace {

class GuardedPoolTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(pool_->Init(os_)); }

  char* Allocate(size_t bytes) { return static_cast<char*>(pool_->Allocate(bytes)); }

  FakeOsMemory os_;
  std::unique_ptr<GuardedPool> pool_ = std::make_unique<GuardedPool>();
};

TEST_F(GuardedPoolTest, ABlockIsAlignedZeroAndTouchesAnEndOfItsPage) {
  for (const size_t bytes : {size_t{1}, size_t{16}, size_t{100}, kPageSize}) {
    char* p = Allocate(bytes);
    ASSERT_NE(p, nullptr);
    EXPECT_TRUE(pool_->Contains(p));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % kMinAlign, 0u);
    EXPECT_EQ(pool_->UsableSize(p), bytes);
    EXPECT_TRUE(std::all_of(p, p + bytes, [](char c) { return c == 0; }));
    const size_t in_page = reinterpret_cast<uintptr_t>(p) % kPageSize;
    EXPECT_TRUE(in_page == 0 || in_page + RoundUp(bytes, kMinAlign) == kPageSize);
    memset(p, 'x', bytes);
    pool_->Free(p);
  }
}

TEST_F(GuardedPoolTest, AFullPoolGivesNothingAndAFreedSlotIsUsedLast) {
  std::vector<char*> blocks;
  for (unsigned i = 0; i < GuardedPool::kSlots; ++i) blocks.push_back(Allocate(8));
  EXPECT_EQ(std::set<char*>(blocks.begin(), blocks.end()).size(), size_t{GuardedPool::kSlots});
  EXPECT_EQ(Allocate(8), nullptr);
  pool_->Free(blocks[5]);
  pool_->Free(blocks[3]);
  const auto page_of = [](const char* p) { return reinterpret_cast<uintptr_t>(p) / kPageSize; };
  EXPECT_EQ(page_of(Allocate(8)), page_of(blocks[5]));
  EXPECT_EQ(page_of(Allocate(8)), page_of(blocks[3]));
}

TEST_F(GuardedPoolTest, OtherPointersAreNotInThePool) {
  EXPECT_FALSE(pool_->Contains(&os_));
  EXPECT_FALSE(pool_->Contains(nullptr));
  EXPECT_FALSE(GuardedPool().Contains(nullptr));
}

TEST_F(GuardedPoolTest, ARefusedPageIsARefusedBlock) {
  os_.Refuse(FakeOsMemory::kCommit);
  EXPECT_EQ(Allocate(8), nullptr);
  os_.Allow(FakeOsMemory::kCommit);
  EXPECT_NE(Allocate(8), nullptr);
}

TEST(GuardedPool, DoesWithoutWhereTheOsRefuses) {
  FakeOsMemory os;
  GuardedPool pool;
  os.Refuse(FakeOsMemory::kReserve);
  EXPECT_FALSE(pool.Init(os));
  EXPECT_FALSE(pool.ready());
}

using GuardedPoolDeathTest = GuardedPoolTest;
const auto kAborts = ::testing::KilledBySignal(SIGABRT);

TEST_F(GuardedPoolDeathTest, ADoubleFreeIsReportedWithBothStacks) {
  char* p = Allocate(40);
  pool_->Free(p);
  EXPECT_EXIT(pool_->Free(p), kAborts,
              "^hz3: double free: 0x.*\n  the block of 40 bytes at 0x.*, thread [0-9]+ now\n"
              "  allocated by thread [0-9]+:\n    0x(.|\n)*  freed by thread [0-9]+:\n    0x");
}

TEST_F(GuardedPoolDeathTest, AnInteriorPointerIsReported) {
  char* p = Allocate(40);
  EXPECT_EXIT(pool_->Free(p + 16), kAborts, "^hz3: free of a pointer that is no block: 0x");
  EXPECT_EXIT(pool_->UsableSize(p + 1), kAborts, "^hz3: free of a pointer that is no block: 0x");
}

TEST_F(GuardedPoolDeathTest, WhatWasWrittenAroundTheBlockIsReportedAtItsFree) {
  for (int i = 0; i < 8; ++i) {
    char* p = Allocate(41);
    EXPECT_EXIT((p[41] = static_cast<char>(~p[41]), pool_->Free(p)), kAborts, "^hz3: overflow, ");
    const bool at_left_end = reinterpret_cast<uintptr_t>(p) % kPageSize == 0;
    if (at_left_end) {
      EXPECT_EXIT((p[100] = 1, pool_->Free(p)), kAborts, "^hz3: overflow, ");
      EXPECT_DEATH(p[-1] = 1, "");
    } else {
      EXPECT_EXIT((p[-1] = 1, pool_->Free(p)), kAborts, "^hz3: underflow, ");
      EXPECT_DEATH(p[48] = 1, "");
    }
  }
}

TEST_F(GuardedPoolDeathTest, AFreedBlockCannotBeTouched) {
  volatile char* p = Allocate(16);
  *p = 1;
  pool_->Free(const_cast<char*>(p));
  EXPECT_DEATH(static_cast<void>(*p), "");
  EXPECT_DEATH(*p = 1, "");
}

TEST_F(GuardedPoolTest, AFaultIsDescribed) {
  char* p = Allocate(kPageSize);
  ::testing::internal::CaptureStderr();
  pool_->ReportFault(p - 1);
  pool_->ReportFault(p + kPageSize);
  pool_->Free(p);
  pool_->ReportFault(p + 10);
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("hz3: underflow, an access before a block: 0x"), std::string::npos) << text;
  EXPECT_NE(text.find("hz3: overflow, an access behind a block: 0x"), std::string::npos) << text;
  EXPECT_NE(text.find("hz3: use after free: 0x"), std::string::npos) << text;
}

}  // namespace
}  // namespace hz3
