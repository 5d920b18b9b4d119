#include "testing/structure/include_graph.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hz3 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string Including(const std::string& path) { return "#include \"" + path + "\"\n"; }

TEST(QuotedIncludes, AreFoundInAnySpelling) {
  EXPECT_THAT(QuotedIncludes("#include \"a.h\"\n  #  include  \"b/c.h\" // why\nint x;\n"),
              ElementsAre("a.h", "b/c.h"));
}

TEST(QuotedIncludes, LeaveOutSystemHeadersAndComments) {
  EXPECT_THAT(QuotedIncludes("#include <new>\n// #include \"a.h\"\n#define A \"b.h\"\n"),
              IsEmpty());
}

TEST(FloorOf, GrowsFromBaseToTheFrontDoor) {
  EXPECT_EQ(FloorOf("hz3/base/bits.h"), 0);
  EXPECT_LT(FloorOf("hz3/config/lanes.h"), FloorOf("hz3/pages/arena.h"));
  EXPECT_LT(FloorOf("hz3/policy/pressure.h"), FloorOf("hz3/observe/stats.h"));
  EXPECT_LT(FloorOf("hz3/observe/stats.h"), FloorOf("hz3/malloc.cc"));
}

TEST(FloorOf, IsMinusOneOffTheFloors) {
  EXPECT_EQ(FloorOf("hz3/attic/old.h"), -1);
  EXPECT_EQ(FloorOf("hz3/base/deeper/x.h"), -1);
  EXPECT_EQ(FloorOf("bench/mt_remote.h"), -1);
}

TEST(UpwardIncludes, AreReported) {
  const SourceTree tree = {{"hz3/pages/arena.cc", Including("hz3/shard/shard.h")}};
  EXPECT_THAT(UpwardIncludes(tree), ElementsAre("hz3/pages/arena.cc includes hz3/shard/shard.h"));
}

TEST(UpwardIncludes, CountTheFrontDoorAsTheTop) {
  const SourceTree tree = {{"hz3/observe/stats.h", Including("hz3/malloc_extension.h")}};
  EXPECT_EQ(UpwardIncludes(tree).size(), 1u);
}

TEST(UpwardIncludes, OwnAndLowerFloorsAreFine) {
  const SourceTree tree = {
      {"hz3/pages/arena.h", Including("hz3/base/bits.h") + Including("hz3/pages/segmap.h")},
      {"hz3/malloc.cc", Including("hz3/thread/tcache.h")}};
  EXPECT_THAT(UpwardIncludes(tree), IsEmpty());
}

TEST(ForeignIncludes, AreForTestsOnly) {
  const SourceTree tree = {{"hz3/base/bits.h", Including("absl/base/attributes.h")},
                           {"hz3/base/bits_test.cc", Including("gtest/gtest.h")}};
  EXPECT_THAT(ForeignIncludes(tree),
              ElementsAre("hz3/base/bits.h includes absl/base/attributes.h"));
}

TEST(UnknownIncludes, AreThoseOutsideTheTree) {
  const SourceTree tree = {
      {"hz3/base/bits.h", ""},
      {"hz3/malloc.cc", Including("hz3/base/bits.h") + Including("hz3/base/bitz.h")}};
  EXPECT_THAT(UnknownIncludes(tree), ElementsAre("hz3/malloc.cc includes hz3/base/bitz.h"));
}

TEST(Cycles, AreFoundOnceAndWrittenOut) {
  const SourceTree tree = {{"hz3/base/a.h", Including("hz3/base/b.h")},
                           {"hz3/base/b.h", Including("hz3/base/c.h")},
                           {"hz3/base/c.h", Including("hz3/base/b.h")}};
  EXPECT_THAT(Cycles(tree), ElementsAre("hz3/base/b.h -> hz3/base/c.h -> hz3/base/b.h"));
}

TEST(Cycles, AreFoundAlsoThroughAFileVisitedEarlier) {
  const SourceTree tree = {{"hz3/base/a.h", ""},
                           {"hz3/base/b.h", Including("hz3/base/a.h") + Including("hz3/base/z.h")},
                           {"hz3/base/z.h", Including("hz3/base/a.h") + Including("hz3/base/b.h")}};
  EXPECT_EQ(Cycles(tree).size(), 1u);
}

TEST(Cycles, ADiamondIsNone) {
  const SourceTree tree = {{"hz3/base/a.h", Including("hz3/base/b.h") + Including("hz3/base/c.h")},
                           {"hz3/base/b.h", Including("hz3/base/d.h")},
                           {"hz3/base/c.h", Including("hz3/base/d.h")},
                           {"hz3/base/d.h", ""}};
  EXPECT_THAT(Cycles(tree), IsEmpty());
}

TEST(HeadersWithoutTest, AreReportedUnlessExempt) {
  const SourceTree tree = {{"hz3/base/bits.h", ""},
                           {"hz3/base/bits_test.cc", ""},
                           {"hz3/base/lease.h", ""},
                           {"hz3/base/words.h", ""}};
  EXPECT_THAT(HeadersWithoutTest(tree, {"hz3/base/words.h"}), ElementsAre("hz3/base/lease.h"));
}

}  // namespace
}  // namespace hz3
