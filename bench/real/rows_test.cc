// Each real program that is installed, once, small, on the C library's malloc.
#include "bench/real/rows.h"

#include <set>
#include <string>

#include "bench/lib/temp_dir.h"
#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

class RealRowTest : public testing::TestWithParam<RealRow> {
 protected:
  RealPlace Place() const {
    return {.directory = directory_.path(), .scale = 0.02, .timeout_s = 60};
  }

 private:
  TempDir directory_;
};

TEST_P(RealRowTest, RunsTwiceAndIsMeasured) {
  const RealRow& row = GetParam();
  if (const std::string missing = MissingProgram(row); !missing.empty()) {
    GTEST_SKIP() << "SKIP: " << missing << " is not installed";
  }
  ASSERT_EQ(row.prepare(Place()), "");
  for (int i = 0; i < 2; ++i) {
    const RealResult result = row.run(Place(), "");
    EXPECT_EQ(result.failure, "");
    EXPECT_GT(result.cpu_s, 0);
    EXPECT_GT(result.wall_s, 0);
    EXPECT_GT(result.peak_rss_bytes, 500'000u);
  }
}

TEST_P(RealRowTest, SaysWhenALibraryWasNotPreloaded) {
  const RealRow& row = GetParam();
  if (!MissingProgram(row).empty()) GTEST_SKIP() << "SKIP: " << MissingProgram(row);
  ASSERT_EQ(row.prepare(Place()), "");
  EXPECT_EQ(row.run(Place(), "/no/such/library.so").failure.find("not preloaded: "), 0u);
}

INSTANTIATE_TEST_SUITE_P(All, RealRowTest, testing::ValuesIn(RealRows()),
                         [](const auto& each) { return each.param.name; });

TEST(RealRows, HaveNamesOfTheirOwnAndSayWhatTheyDo) {
  std::set<std::string> names;
  for (const RealRow& row : RealRows()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_FALSE(row.help.empty()) << row.name;
    EXPECT_FALSE(row.programs.empty()) << row.name;
  }
}

TEST(MissingProgram, IsTheFirstThatIsNotInstalled) {
  EXPECT_EQ(MissingProgram({.programs = {"sh", "no-such-program", "nor-this-one"}}),
            "no-such-program");
  EXPECT_EQ(MissingProgram({.programs = {"sh"}}), "");
}

}  // namespace
}  // namespace hz3::bench
