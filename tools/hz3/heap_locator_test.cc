#include "tools/hz3/heap_locator.h"

#include <unistd.h>

#include <cstring>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hz3::tool {
namespace {

using ::testing::HasSubstr;

constexpr char kMaps[] =
    "55d0a0000000-55d0a0001000 r--p 00000000 08:01 10      /usr/bin/cat\n"
    "55d0a0001000-55d0a0002000 r-xp 00001000 08:01 10      /usr/bin/cat\n"
    "7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \n"
    "7f1000000000-7f1000001000 r--p 00000000 08:01 12      /opt/a b/libhakozuna_hz3_scale.so\n"
    "7f1000001000-7f1000002000 r-xp 00001000 08:01 12      /opt/a b/libhakozuna_hz3_scale.so\n"
    "7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0       [stack]\n";

TEST(ObjectsInMaps, AreTheFilesByTheirFirstPagesHz3sOwnFirst) {
  EXPECT_EQ(ObjectsInMaps(kMaps),
            (std::vector<MappedObject>{{0x7f1000000000, "/opt/a b/libhakozuna_hz3_scale.so"},
                                       {0x55d0a0000000, "/usr/bin/cat"}}));
}

TEST(ObjectsInMaps, LinesThatAreNoMappingsArePassedOver) {
  EXPECT_TRUE(ObjectsInMaps("").empty());
  EXPECT_TRUE(ObjectsInMaps("x\n\n1 2 3\nzz-yy r--p 00000000 0:0 0 /a\n").empty());
}

HeapLayout Good() {
  HeapLayout layout = {};
  std::memcpy(layout.magic, HeapLayout::kMagic, sizeof(layout.magic));
  layout.version = HeapLayout::kVersion;
  layout.bytes = sizeof(layout);
  return layout;
}

TEST(CheckLayout, TakesItsOwnVersionOnly) {
  EXPECT_TRUE(CheckLayout(Good()).ok());
  HeapLayout other = Good();
  other.version = HeapLayout::kVersion + 1;
  EXPECT_THAT(CheckLayout(other).message(), HasSubstr("another version"));
  other = Good();
  other.magic[0] = 'x';
  EXPECT_FALSE(CheckLayout(other).ok());
}

TEST(LocateHeap, SaysWhyThereIsNone) {
  EXPECT_THAT(LocateHeap(RemoteMemory(getpid())).status().message(), HasSubstr("does not run hz3"));
  EXPECT_THAT(LocateHeap(RemoteMemory(999'999'999)).status().message(),
              HasSubstr("there is no process"));
}

}  // namespace
}  // namespace hz3::tool
