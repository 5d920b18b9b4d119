#include "bench/lib/matches.h"

#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

TEST(MatchesAny, KnowsNamesAndPatterns) {
  EXPECT_TRUE(MatchesAny("pair_64", {"pair_64"}));
  EXPECT_TRUE(MatchesAny("pair_64", {"x", "pair*"}));
  EXPECT_TRUE(MatchesAny("pair_64", {"*r_6*"}));
  EXPECT_FALSE(MatchesAny("pair_64", {"pair"}));
  EXPECT_FALSE(MatchesAny("pair_64", {}));
}

}  // namespace
}  // namespace hz3::bench
