#include "hz3/pages/segmap.h"

#include <vector>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

constexpr size_t kPages = 3 * kPagesPerSegment;
const uintptr_t kBase = uintptr_t{0x7000} * kSegmentSize;

char* At(uintptr_t address) { return reinterpret_cast<char*>(address); }

class SegmapTest : public ::testing::Test {
 protected:
  void SetUp() override { map_.Init(At(kBase), kPages, tags_.data()); }

  std::vector<Tag> tags_ = std::vector<Tag>(Segmap::BytesFor(kPages));
  Segmap map_;
};

TEST_F(SegmapTest, KnowsEveryPageByAnyOfItsBytes) {
  for (uint32_t page : {0u, 1u, 700u, static_cast<uint32_t>(kPages - 1)}) {
    char* start = map_.AddressOf(PageIndex(page));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(start), kBase + page * kPageSize);
    for (size_t offset : {size_t{0}, size_t{1}, kPageSize - 1}) {
      EXPECT_EQ(map_.PageOf(start + offset).value(), page);
      EXPECT_TRUE(map_.Contains(start + offset));
    }
  }
}

TEST_F(SegmapTest, NothingOutsideTheArenaIsInIt) {
  map_.SetRange(PageIndex(0), static_cast<unsigned>(kPages), 9);
  const uintptr_t end = kBase + kPages * kPageSize;
  for (uintptr_t address :
       {uintptr_t{0}, uintptr_t{1}, kBase - 1, end, end + kPageSize, UINTPTR_MAX}) {
    EXPECT_FALSE(map_.Contains(At(address))) << std::hex << address;
    EXPECT_EQ(map_.Lookup(At(address)), 0) << std::hex << address;
    EXPECT_GE(map_.NumberOf(At(address)), map_.pages());
  }
  EXPECT_EQ(map_.Lookup(At(kBase)), 9);
  EXPECT_EQ(map_.Lookup(At(end - 1)), 9);
}

TEST_F(SegmapTest, SetsExactlyTheRangeGiven) {
  map_.SetRange(PageIndex(10), 5, 47);
  for (uint32_t page = 0; page < kPages; ++page) {
    ASSERT_EQ(map_.Get(PageIndex(page)), page >= 10 && page < 15 ? 47 : 0) << page;
  }
  map_.Set(PageIndex(12), 3);
  EXPECT_EQ(map_.Get(PageIndex(11)), 47);
  EXPECT_EQ(map_.TagAt(12), 3);
  EXPECT_EQ(map_.Get(PageIndex(13)), 47);
}

TEST(Segmap, BeforeInitContainsNothing) {
  const Segmap map;
  int here;
  EXPECT_FALSE(map.Contains(&here));
  EXPECT_FALSE(map.Contains(nullptr));
  EXPECT_EQ(map.Lookup(&here), 0);
}

}  // namespace
}  // namespace hz3
