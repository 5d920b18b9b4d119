#include "testing/docs/tree.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hz3::docs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(ReadTree, KnowsTheKindOfEachRuleAndWhichAreForUsers) {
  const Tree tree = ReadTree("cc_test //a:b internal\n\ncc_library //a/c:d public\n", "");
  EXPECT_THAT(tree.kinds, ElementsAre(Pair("//a/c:d", "cc_library"), Pair("//a:b", "cc_test")));
  EXPECT_THAT(tree.for_users, ElementsAre("//a/c:d"));
  EXPECT_THAT(tree.configs, IsEmpty());
}

TEST(ReadTree, KnowsTheConfigurationsOfBazelrc) {
  EXPECT_THAT(ReadTree("",
                       "# build: not this\nbuild -c opt\nbuild:asan --copt=-g\n"
                       "build:asan --config=x\ntest:aarch64 --y\ntry-import %workspace%/z\n")
                  .configs,
              ElementsAre("aarch64", "asan"));
}

}  // namespace
}  // namespace hz3::docs
