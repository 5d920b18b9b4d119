#include "hz3/observe/segment_walk.h"

#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"
#include "hz3/objects/size_classes.h"
#include "hz3/objects/span.h"
#include "hz3/objects/watched_blocks.h"
#include "hz3/pages/large.h"

namespace hz3 {
namespace {

constexpr size_t kArenaBytes = size_t{64} << 20;
constexpr SizeClass kSmall = ClassOf(64);

class SegmentWalkTest : public ::testing::Test {
 protected:
  SegmentWalkTest() {
    EXPECT_TRUE(arena_.Init(os_, kArenaBytes, false, sizeof(Span)));
    EXPECT_TRUE(shards_.Init(arena_, 2));
  }
  ~SegmentWalkTest() override { arena_.Destroy(); }

  void* AllocateRun(unsigned shard, unsigned pages, Tag tag) {
    LeaseHolder hold(shards_[shard].lease());
    bool clean;
    return shards_[shard].AllocateRun(pages, 1, tag, kFullEffort, &clean);
  }
  void FreeRun(unsigned shard, void* run) {
    LeaseHolder hold(shards_[shard].lease());
    shards_[shard].FreeRun(run);
  }
  std::vector<SegmentFigures> Walk() {
    std::vector<SegmentFigures> all;
    for (uint32_t slot = 0; slot < arena_.used_slots();) {
      SegmentFigures figures;
      slot += ReadSlot(shards_, SlotIndex(slot), &figures);
      if (figures.bytes > 0) all.push_back(figures);
    }
    for (const SegmentFigures& f : all) {
      EXPECT_EQ(f.free_clean_pages + f.free_dirty_pages + f.small_pages + f.medium_pages +
                    f.large_pages + f.private_pages,
                f.bytes / kPageSize);
    }
    return all;
  }

  FakeOsMemory os_;
  Arena arena_;
  ShardTable shards_;
};

TEST_F(SegmentWalkTest, AnUnusedArenaHasNoSegments) { EXPECT_TRUE(Walk().empty()); }

TEST_F(SegmentWalkTest, AWatchedBlockChangesNoFigure) {
  WatchedBlocks watched;
  watched.Init(arena_);
  for (const SizeClass c : {kSmall, SizeClass(kFirstMediumClass)}) {
    void* object;
    {
      LeaseHolder hold(shards_[0].lease());
      ASSERT_EQ(shards_[0].Refill(c, &object, 1, kFullEffort), 1u);
    }
    const SegmentFigures before = Walk().at(0);
    watched.Watch(object, c.value());
    const SegmentFigures after = Walk().at(0);
    EXPECT_EQ(after.small_pages, before.small_pages);
    EXPECT_EQ(after.medium_pages, before.medium_pages);
    EXPECT_EQ(after.objects_out, before.objects_out);
    EXPECT_EQ(after.objects_free, before.objects_free);
    watched.Unwatch(object);
  }
}

TEST_F(SegmentWalkTest, PagesAreCountedByWhatIsOnThem) {
  AllocateRun(0, 3, static_cast<Tag>(kFirstMediumClass + 2));
  AllocateRun(0, 40, kTagLarge);
  FreeRun(0, AllocateRun(0, 5, kTagLarge));
  const auto all = Walk();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].bytes, kSegmentSize);
  EXPECT_FALSE(all[0].is_block);
  EXPECT_EQ(all[0].medium_pages, 3u);
  EXPECT_EQ(all[0].large_pages, 40u);
  EXPECT_EQ(all[0].free_dirty_pages, 5u);
  EXPECT_EQ(all[0].objects_out, 2u);
  EXPECT_EQ(all[0].objects_free, 0u);
}

TEST_F(SegmentWalkTest, ObjectsInAMailboxAreFree) {
  void* objects[10];
  {
    LeaseHolder hold(shards_[1].lease());
    ASSERT_EQ(shards_[1].Refill(kSmall, objects, 10, kFullEffort), 10u);
    shards_[1].FreeObjects(kSmall, objects, 3);
  }
  shards_[1].PostObjects(kSmall, objects + 3, 2);
  const auto all = Walk();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].owner, ShardId(1));
  EXPECT_EQ(all[0].small_pages, InfoOf(kSmall).pages);
  EXPECT_EQ(all[0].objects_out, 5u);
  EXPECT_EQ(all[0].objects_free, InfoOf(kSmall).objects - 5u);
}

TEST_F(SegmentWalkTest, ABlockOfWholeSlotsIsOneEntryWithAllOfThem) {
  Large large(arena_, kTagHuge);
  void* block = large.Allocate(5 * kSegmentSize / 2, kSegmentSize, false);
  ASSERT_NE(block, nullptr);
  AllocateRun(0, 1, kTagLarge);
  const auto all = Walk();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_TRUE(all[0].is_block);
  EXPECT_EQ(all[0].bytes, 3 * kSegmentSize);
  EXPECT_EQ(all[0].large_pages, 5 * kPagesPerSegment / 2);
  EXPECT_EQ(all[0].free_clean_pages, kPagesPerSegment / 2);
  EXPECT_EQ(all[0].objects_out, 1u);
  EXPECT_FALSE(all[1].is_block);
  large.Free(arena_.segmap().PageOf(block));
  EXPECT_EQ(Walk().size(), 1u);
}

TEST_F(SegmentWalkTest, PagesOfFirstClassHeapsAreCountedWithoutTheirBlocks) {
  AllocateRun(0, 3, kTagPrivate);
  Large large(arena_, kTagPrivate);
  ASSERT_NE(large.Allocate(5 * kSegmentSize / 2, kSegmentSize, false), nullptr);
  const auto all = Walk();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].private_pages, 3u);
  EXPECT_EQ(all[1].private_pages, 5 * kPagesPerSegment / 2);
  EXPECT_EQ(all[0].objects_out + all[1].objects_out, 0u);
}

TEST_F(SegmentWalkTest, PagesOnTheirWayBackToTheSystemCountAsFree) {
  AllocateRun(0, 1, kTagLarge);
  FreeRun(0, AllocateRun(0, 20, kTagLarge));
  PageBits claimed;
  Segment* segment;
  {
    LeaseHolder hold(shards_[0].lease());
    segment = shards_[0].ClaimDirty(20, &claimed);
  }
  ASSERT_NE(segment, nullptr);
  EXPECT_EQ(Walk()[0].free_dirty_pages, 20u);
  EXPECT_EQ(Walk()[0].objects_out, 1u);
  LeaseHolder hold(shards_[0].lease());
  shards_[0].UnclaimDirty(*segment, claimed);
}

}  // namespace
}  // namespace hz3
