#include "hz3/base/metadata_pool.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"
#include "hz3/base/words.h"

namespace hz3 {
namespace {

size_t BlockOf(size_t bytes) { return std::bit_ceil(std::max(bytes, MetadataPool::kMinBlock)); }

class MetadataPoolTest : public ::testing::Test {
 protected:
  FakeOsMemory os_;
  MetadataPool pool_{&os_};
};

TEST_F(MetadataPoolTest, AsksForNothingBeforeItIsUsed) {
  EXPECT_EQ(pool_.bytes(), 0u);
  EXPECT_EQ(os_.calls(FakeOsMemory::kReserve), 0u);
}

TEST_F(MetadataPoolTest, BlocksHoldTheirBytesAreAlignedAndDoNotOverlap) {
  std::map<uintptr_t, size_t> blocks;
  std::mt19937_64 random(1);
  for (int i = 0; i < 400; ++i) {
    const size_t bytes = 1 + random() % (size_t{1} << (6 + random() % 11));
    void* p = pool_.Allocate(bytes);
    ASSERT_NE(p, nullptr);
    const uintptr_t start = reinterpret_cast<uintptr_t>(p);
    EXPECT_EQ(start % std::min(BlockOf(bytes), kPageSize), 0u) << bytes;
    const auto [place, fresh] = blocks.emplace(start, bytes);
    ASSERT_TRUE(fresh) << "handed out twice";
    const auto after = std::next(place);
    if (after != blocks.end()) {
      EXPECT_LE(start + bytes, after->first);
    }
    if (place != blocks.begin()) {
      const auto before = std::prev(place);
      EXPECT_LE(before->first + before->second, start);
    }
    memset(p, 0xff, bytes);
  }
  EXPECT_EQ(pool_.bytes(), os_.reserved_bytes() - 2 * kPageSize * os_.reservations());
}

TEST_F(MetadataPoolTest, FreedBlocksAreUsedAgainBeforeTheOsIsAskedForMore) {
  for (size_t bytes : {size_t{1}, MetadataPool::kMinBlock, size_t{5000}, MetadataPool::kMaxBlock}) {
    std::vector<void*> first;
    for (int i = 0; i < 20; ++i) first.push_back(pool_.Allocate(bytes));
    const size_t had = pool_.bytes();
    for (void* p : first) pool_.Free(p, bytes);
    std::vector<void*> second;
    for (int i = 0; i < 20; ++i) second.push_back(pool_.Allocate(bytes));
    EXPECT_EQ(pool_.bytes(), had);
    std::sort(first.begin(), first.end());
    std::sort(second.begin(), second.end());
    EXPECT_EQ(first, second) << bytes;
  }
}

TEST_F(MetadataPoolTest, SmallBlocksShareAPageAlsoWhenPagesAreAskedForInBetween) {
  char* const first = static_cast<char*>(pool_.Allocate(MetadataPool::kMinBlock));
  void* const page = pool_.Allocate(kPageSize);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(page) % kPageSize, 0u);
  EXPECT_EQ(pool_.Allocate(MetadataPool::kMinBlock), first + MetadataPool::kMinBlock);
}

TEST_F(MetadataPoolTest, GetsMemoryForSomePagesAheadAndDoesWithoutWhereThatIsRefused) {
  for (int i = 0; i < 60; ++i) pool_.Allocate(kPageSize);
  const size_t calls = os_.calls(FakeOsMemory::kPopulate);
  EXPECT_GT(calls, 0u);
  EXPECT_LT(calls, 30u) << "several pages at a time";
  os_.Refuse(FakeOsMemory::kPopulate);
  for (int i = 0; i < 60; ++i) {
    void* p = pool_.Allocate(kPageSize);
    ASSERT_NE(p, nullptr);
    memset(p, 1, kPageSize);
  }
}

TEST_F(MetadataPoolTest, ARefusalIsNullptrLosesNothingAndIsNotForEver) {
  os_.Refuse(FakeOsMemory::kReserve);
  EXPECT_EQ(pool_.Allocate(64), nullptr);
  os_.Allow(FakeOsMemory::kReserve);
  os_.Refuse(FakeOsMemory::kCommit);
  EXPECT_EQ(pool_.Allocate(64), nullptr);
  EXPECT_EQ(os_.reservations(), 0u) << "what could not be committed is given back";
  EXPECT_EQ(pool_.bytes(), 0u);
  os_.Allow(FakeOsMemory::kCommit);
  EXPECT_NE(pool_.Allocate(64), nullptr);
}

TEST_F(MetadataPoolTest, ServesThreadsAtOnceWithoutHandingABlockOutTwice) {
  constexpr int kThreads = 4;
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(static_cast<uint64_t>(t));
      std::vector<unsigned char*> held;
      for (int i = 0; i < 4000; ++i) {
        if (held.size() < 20 || random() % 2 == 0) {
          auto* p = static_cast<unsigned char*>(pool_.Allocate(200));
          memset(p, t, 200);
          held.push_back(p);
        } else {
          unsigned char* p = held.back();
          held.pop_back();
          if (std::any_of(p, p + 200, [t](unsigned char c) { return c != t; })) ++wrong;
          pool_.Free(p, 200);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0);
}

}  // namespace
}  // namespace hz3
