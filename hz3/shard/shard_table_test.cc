#include "hz3/shard/shard_table.h"

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"

namespace hz3 {
namespace {

class ShardTableTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(arena_.Init(os_, size_t{64} << 20, false, sizeof(Span))); }
  void* AllocateIn(Shard& shard, unsigned pages) {
    LeaseHolder hold(shard.lease());
    bool clean;
    return shard.AllocateRun(pages, 1, kTagLarge, kFullEffort, &clean);
  }
  void FreeIn(Shard& shard, void* p) {
    LeaseHolder hold(shard.lease());
    shard.FreeRun(p);
  }

  FakeOsMemory os_;
  Arena arena_;
  ShardTable table_;
};

TEST_F(ShardTableTest, HoldsAsManyShardsAsWereAskedForEachWithItsOwnNumber) {
  ASSERT_TRUE(table_.Init(arena_, kMaxShards));
  EXPECT_EQ(table_.count(), kMaxShards);
  EXPECT_EQ(&table_.arena(), &arena_);
  for (unsigned i = 0; i < kMaxShards; ++i) {
    const ShardId id(static_cast<uint8_t>(i));
    EXPECT_EQ(table_[i].id(), id);
    EXPECT_EQ(&table_[id], &table_[i]);
  }
}

TEST_F(ShardTableTest, KnowsTheOwnerOfEachPointerIntoABlock) {
  ASSERT_TRUE(table_.Init(arena_, 5));
  for (unsigned i = 0; i < 5; ++i) {
    char* run = static_cast<char*>(AllocateIn(table_[i], 20));
    ASSERT_NE(run, nullptr);
    EXPECT_EQ(table_.OwnerOf(run), ShardId(static_cast<uint8_t>(i)));
    EXPECT_EQ(table_.OwnerOf(run + 20 * kPageSize - 1), ShardId(static_cast<uint8_t>(i)));
  }
}

TEST_F(ShardTableTest, ASlotThatChangesHandsHasItsNewOwner) {
  ASSERT_TRUE(table_.Init(arena_, 2));
  void* run = AllocateIn(table_[0], 20);
  FreeIn(table_[0], run);
  {
    LeaseHolder hold(table_[0].lease());
    table_[0].ReleaseEmptySegments();
  }
  ASSERT_EQ(AllocateIn(table_[1], 20), run);
  EXPECT_EQ(table_.OwnerOf(run), ShardId(1));
}

TEST_F(ShardTableTest, ReleasesChangeWhicheverShardSomethingBecomesFreeIn) {
  ASSERT_TRUE(table_.Init(arena_, 3));
  for (unsigned i = 0; i < 3; ++i) {
    void* run = AllocateIn(table_[i], 1);
    void* posted = AllocateIn(table_[i], 1);
    const uint64_t before = table_.Releases();
    FreeIn(table_[i], run);
    const uint64_t after = table_.Releases();
    EXPECT_NE(after, before);
    table_[i].PostRun(posted);
    EXPECT_NE(table_.Releases(), after);
  }
}

TEST_F(ShardTableTest, SaysSoWhenTheSystemRefusesItsMemory) {
  os_.Refuse(FakeOsMemory::kReserve);
  EXPECT_FALSE(table_.Init(arena_, 4));
  os_.Allow(FakeOsMemory::kReserve);
  os_.Refuse(FakeOsMemory::kCommit);
  EXPECT_FALSE(table_.Init(arena_, 4));
  os_.Allow(FakeOsMemory::kCommit);
  EXPECT_TRUE(table_.Init(arena_, 4));
}

}  // namespace
}  // namespace hz3
