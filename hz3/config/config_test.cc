#include "hz3/config/config.h"

#include <cctype>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

TEST(Config, EverySwitchHasANameOfItsOwnAndAMeaning) {
  std::set<std::string> names;
  for (const SwitchRow& row : kSwitchTable) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name << " is there twice";
    EXPECT_GT(strlen(row.meaning), 10u) << row.name;
    for (const char* p = row.name; *p != '\0'; ++p) {
      EXPECT_TRUE(islower(static_cast<unsigned char>(*p)) || *p == '_' ||
                  isdigit(static_cast<unsigned char>(*p)))
          << row.name;
    }
  }
  EXPECT_GT(names.size(), 10u);
}

std::string NameOf(const SwitchRow& row) { return row.name; }
std::string MeaningOf(const SwitchRow& row) { return row.meaning; }

TEST(Config, TheTableShowsTheValuesOfTheBuild) {
  unsigned compared = 0;
  for (const SwitchRow& row : kSwitchTable) {
#define HZ3_COMPARE(type, switch_name, scale, fast, text)                            \
  if (NameOf(row) == #switch_name) {                                                 \
    EXPECT_EQ(row.value, static_cast<long long>(kConfig.switch_name));               \
    EXPECT_EQ(kConfig.switch_name,                                                   \
              internal::Chosen(#switch_name, static_cast<type>(kLaneFast ? (fast) : (scale)))); \
    EXPECT_EQ(MeaningOf(row), text);                                                 \
    ++compared;                                                                      \
  }
    HZ3_SWITCH_TABLE(HZ3_COMPARE)
#undef HZ3_COMPARE
  }
  EXPECT_EQ(compared, sizeof(kSwitchTable) / sizeof(kSwitchTable[0]));
}

TEST(Config, WhatTheBuildDoesNotSetIsTheLanes) {
  EXPECT_EQ(internal::Chosen("no_such_switch", 7), 7);
  EXPECT_TRUE(internal::SameText("borrow", "borrow"));
  EXPECT_FALSE(internal::SameText("borrow", "borrowed"));
  EXPECT_FALSE(internal::SameText("borrowed", "borrow"));
}

TEST(Config, EverySwitchIsARowOfItsDocumentation) {
  std::ifstream file("docs/switches.md");
  ASSERT_TRUE(file.is_open());
  const std::string page{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  for (const SwitchRow& row : kSwitchTable) {
    const size_t start = page.find("\n| " + NameOf(row) + " | ");
    ASSERT_NE(start, std::string::npos) << row.name;
    const std::string line = page.substr(start + 1, page.find('\n', start + 1) - start - 1);
    EXPECT_NE(line.find(MeaningOf(row)), std::string::npos) << line;
  }
}

TEST(Config, LaneIsNamedAfterTheBuildFlag) {
  EXPECT_STREQ(kLaneName, kLaneFast ? "fast" : "scale");
}

// One bin never gets more than the thread's part, and a thread's least part holds something.
TEST(Config, BoundsOfTheCachesFitIntoEachOther) {
  EXPECT_LE(kConfig.small_bin_bytes, kConfig.tcache_max_bytes);
  EXPECT_LE(kConfig.medium_bin_bytes, kConfig.tcache_max_bytes);
  EXPECT_LE(kConfig.tcache_max_bytes, kConfig.tcache_total_bytes);
  EXPECT_GT(kConfig.tcache_min_bytes, 0u);
  EXPECT_GT(kConfig.decay_half_life_ms, 0u);
}

}  // namespace
}  // namespace hz3
