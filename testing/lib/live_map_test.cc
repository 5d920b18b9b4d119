#include "testing/lib/live_map.h"

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

namespace hz3::testlib {
namespace {

void* At(uintptr_t address) { return reinterpret_cast<void*>(address); }

TEST(LiveMap, FindsOverlapsOnEverySide) {
  LiveMap map;
  ASSERT_TRUE(map.Add(At(0x10000), 160));
  EXPECT_FALSE(map.Add(At(0x10000), 1));
  EXPECT_FALSE(map.Add(At(0x10090), 16));
  EXPECT_TRUE(map.Add(At(0x100a0), 16)) << "just behind it";
}

TEST(LiveMap, FindsABlockInTheMiddleOfALongOne) {
  LiveMap map;
  ASSERT_TRUE(map.Add(At(0x7fff00000000), size_t{64} << 20));
  EXPECT_FALSE(map.Add(At(0x7fff01000000), 16));
}

TEST(LiveMap, ForgetsWhatIsRemovedAndFindsASecondRemoval) {
  LiveMap map;
  ASSERT_TRUE(map.Add(At(0x20000), 1000));
  EXPECT_TRUE(map.Remove(At(0x20000), 1000));
  EXPECT_FALSE(map.Remove(At(0x20000), 1000));
  EXPECT_TRUE(map.Add(At(0x20000), 16));
}

TEST(LiveMap, FindsARemovalOfMoreThanIsThere) {
  LiveMap map;
  ASSERT_TRUE(map.Add(At(0x30000), 64));
  EXPECT_FALSE(map.Remove(At(0x30000), 80));
}

TEST(LiveMap, TakesABlockOfNoBytes) {
  LiveMap map;
  EXPECT_TRUE(map.Add(At(0x40000), 0));
  EXPECT_TRUE(map.Remove(At(0x40000), 0));
}

}  // namespace
}  // namespace hz3::testlib
