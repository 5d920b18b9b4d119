#include "hz3/exit_stats.h"

#include <string>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

std::string Expanded(const char* pattern) {
  char path[64];
  EXPECT_TRUE(ExpandExitStatsPath(pattern, 1234, path, sizeof(path)));
  return path;
}

TEST(ExitStats, TheProcessIdTakesThePlaceOfPercentP) {
  EXPECT_EQ(Expanded("/tmp/stats.%p.json"), "/tmp/stats.1234.json");
  EXPECT_EQ(Expanded("%p/%p"), "1234/1234");
}

TEST(ExitStats, OtherPercentSignsStay) { EXPECT_EQ(Expanded("100%/%q%"), "100%/%q%"); }

TEST(ExitStats, APathThatDoesNotFitIsRefusedInsteadOfCut) {
  char path[8];
  EXPECT_TRUE(ExpandExitStatsPath("abc%p", 1234, path, sizeof(path)));
  EXPECT_STREQ(path, "abc1234");
  EXPECT_FALSE(ExpandExitStatsPath("abcd%p", 1234, path, sizeof(path)));
}

}  // namespace
}  // namespace hz3
