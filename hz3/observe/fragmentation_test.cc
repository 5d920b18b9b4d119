#include "hz3/observe/fragmentation.h"

#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"
#include "hz3/objects/size_classes.h"
#include "hz3/pages/large.h"

namespace hz3 {
namespace {

constexpr SizeClass kClass{4};  // 64 bytes, 64 objects in a span of one page
constexpr double kPage = kPageSize;

class FragmentationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(arena_.Init(os_, size_t{64} << 20, false, sizeof(Span)));
    ASSERT_TRUE(shards_.Init(arena_, 1));
    ASSERT_EQ(InfoOf(kClass).pages, 1u);
  }

  std::vector<void*> Objects(unsigned n) {
    std::vector<void*> objects(n);
    LeaseHolder hold(shards_[0].lease());
    EXPECT_EQ(shards_[0].Refill(kClass, objects.data(), n, kFullEffort), n);
    return objects;
  }
  void Free(void* object) {
    LeaseHolder hold(shards_[0].lease());
    shards_[0].FreeObjects(kClass, &object, 1);
  }
  char* Run(unsigned pages) {
    LeaseHolder hold(shards_[0].lease());
    bool clean;
    return static_cast<char*>(shards_[0].AllocateRun(pages, 1, kTagLarge, kFullEffort, &clean));
  }

  FakeOsMemory os_;
  Arena arena_;
  ShardTable shards_;
};

TEST_F(FragmentationTest, TheFreeObjectsOfASpanAreSharedByThoseInUse) {
  const unsigned all = InfoOf(kClass).objects;
  const std::vector<void*> objects = Objects(all);
  EXPECT_EQ(FragmentationBy(shards_, objects[5]).stranded, 0);
  for (unsigned i = 4; i < all; ++i) Free(objects[i]);
  for (unsigned i = 0; i < 4; ++i) {
    EXPECT_EQ(FragmentationBy(shards_, objects[i]).stranded, (all - 4) * 64 / 4.0);
  }
}

TEST_F(FragmentationTest, ObjectsInTheMailAreFreeToo) {
  const unsigned all = InfoOf(kClass).objects;
  std::vector<void*> objects = Objects(all);
  shards_[0].PostObjects(kClass, objects.data() + 1, all - 1);
  EXPECT_EQ(FragmentationBy(shards_, objects[0]).stranded, (all - 1) * 64.0);
}

TEST_F(FragmentationTest, TheFreePagesOfASegmentAreSharedByThePagesInUse) {
  char* const large = Run(100);
  char* const small = Run(10);
  const double free_bytes = (kPagesPerSegment - 110) * kPage;
  EXPECT_DOUBLE_EQ(FragmentationBy(shards_, large).pinned, free_bytes * 100 / 110);
  EXPECT_DOUBLE_EQ(FragmentationBy(shards_, small).pinned, free_bytes * 10 / 110);
  EXPECT_EQ(FragmentationBy(shards_, large).stranded, 0);
}

TEST_F(FragmentationTest, AllPartsTogetherAreWhatIsPinned) {
  const std::vector<void*> objects = Objects(InfoOf(kClass).objects);
  char* const run = Run(50);
  double sum = FragmentationBy(shards_, run).pinned;
  for (void* object : objects) sum += FragmentationBy(shards_, object).pinned;
  EXPECT_NEAR(sum, (kPagesPerSegment - 51) * kPage, 1e-3);
}

TEST_F(FragmentationTest, ABlockOfWholeSlotsKeepsTheRestOfItsLastOne) {
  const size_t bytes = kSegmentSize + 5 * kPageSize;
  void* block = Large(arena_, kTagHuge).Allocate(bytes, kSegmentSize, false);
  EXPECT_EQ(FragmentationBy(shards_, block).pinned, static_cast<double>(kSegmentSize) - 5 * kPage);
}

TEST_F(FragmentationTest, WhereNoBlockIsAnyMoreThereIsNoPart) {
  char* const run = Run(100);
  char* const other = Run(1);
  ASSERT_NE(other, nullptr);
  {
    LeaseHolder hold(shards_[0].lease());
    shards_[0].FreeRun(run);
  }
  EXPECT_EQ(FragmentationBy(shards_, run).pinned, 0);
  EXPECT_EQ(FragmentationBy(shards_, run + kPageSize).pinned, 0);
}

}  // namespace
}  // namespace hz3
