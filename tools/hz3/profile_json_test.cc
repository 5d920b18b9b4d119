#include "tools/hz3/profile_json.h"

#include <gmock/gmock.h>

#include "gtest/gtest.h"
#include "tools/hz3/symbolizer.h"

namespace hz3::tool {
namespace {

using ::testing::ElementsAre;

PprofProfile Profile() {
  PprofProfile profile;
  profile.figures = {{"inuse_space", "bytes"}, {"stranded_space", "bytes"}};
  profile.period = 4096;
  for (uint64_t id = 1; id <= 6; ++id) profile.locations[id] = {id * 100, 0, ""};
  return profile;
}

const std::map<uint64_t, std::string>& Symbols() {
  static const std::map<uint64_t, std::string> symbols = {
      {1, "main main.cc:7"},    {2, "parse parse.cc:3"}, {3, "malloc"},
      {4, "hz3::Heap::Slow()"}, {5, "parse parse.cc:3"}, {6, "operator new(unsigned long)"}};
  return symbols;
}

TEST(ProfileJson, RowsComeByLiveBytesAndStacksOfTheSameNamesAreOne) {
  PprofProfile profile = Profile();
  profile.samples = {{{2, 1}, {10, 500}}, {{1}, {100, 7}}, {{5, 1}, {30, 600}}};
  const nlohmann::json table = ProfileTable("f", profile, Symbols());
  ASSERT_EQ(table["rows"].size(), 2u);
  EXPECT_THAT(table["rows"][0]["values"], ElementsAre(100, 7));
  EXPECT_THAT(table["rows"][1]["values"], ElementsAre(40, 1100));
  EXPECT_THAT(table["rows"][1]["stack"], ElementsAre("parse parse.cc:3", "main main.cc:7"));
  EXPECT_THAT(table["totals"], ElementsAre(140, 1107));
  EXPECT_EQ(table["sites"], 2);
  EXPECT_THAT(table["figures"], ElementsAre("inuse_space", "stranded_space"));
}

TEST(ProfileJson, TheAllocatorsFramesAreLeftOut) {
  PprofProfile profile = Profile();
  profile.samples = {{{4, 3, 2, 1}, {1, 1}}, {{4, 3, 6, 1}, {2, 2}}};
  const nlohmann::json table = ProfileTable("f", profile, Symbols());
  EXPECT_THAT(table["rows"][0]["stack"], ElementsAre("main main.cc:7"));
  EXPECT_THAT(table["rows"][1]["stack"], ElementsAre("parse parse.cc:3", "main main.cc:7"));
}

TEST(ProfileJson, OfManySitesThoseThatAreFirstByAnyFigureStay) {
  PprofProfile profile = Profile();
  std::map<uint64_t, std::string> symbols;
  for (uint64_t id = 1; id <= 5000; ++id) {
    profile.locations[id] = {id, 0, ""};
    symbols[id] = std::to_string(id);
    const auto value = static_cast<int64_t>(id);
    profile.samples.push_back({{id}, {value, 5000 - value}});
  }
  const nlohmann::json table = ProfileTable("f", profile, symbols);
  EXPECT_EQ(table["rows"].size(), kMaxProfileRows);
  EXPECT_EQ(table["sites"], 5000);
  EXPECT_THAT(table["rows"].front()["stack"], ElementsAre("5000"));
  EXPECT_THAT(table["rows"].back()["stack"], ElementsAre("1"));
}

TEST(ProfileJson, AFileThatIsNoProfileIsNamed) {
  const auto table = ParseProfile("x.pb.gz", "nonsense");
  ASSERT_FALSE(table.ok());
  EXPECT_TRUE(table.status().message().starts_with("x.pb.gz: "));
}

TEST(Symbolizer, WithoutAFileTheProfilesNamesOrThePlaceMustDo) {
  PprofProfile profile;
  profile.mappings[1] = {0x1000, 0x2000, 0x400, "/nowhere/libx.so", ""};
  profile.locations[1] = {0x1010, 1, "known"};
  profile.locations[2] = {0x1020, 1, ""};
  profile.locations[3] = {0x9999, 0, ""};
  const auto symbols = SymbolsOf(profile);
  EXPECT_EQ(symbols.at(1), "known");
  EXPECT_EQ(symbols.at(2), "libx.so+0x420");
  EXPECT_EQ(symbols.at(3), "0x9999");
}

}  // namespace
}  // namespace hz3::tool
