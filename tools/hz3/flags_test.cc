#include "tools/hz3/flags.h"

#include "absl/flags/flag.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hz3::tool {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<std::string_view> kNames = {"lane", "stats", "output", "gate"};

std::string WhyRefused(const std::vector<std::string>& args) {
  const auto line = ReadCommandLine(args, kNames, true);
  return line.ok() ? "" : std::string(line.status().message());
}

TEST(ReadCommandLine, TheProgramBeginsWithTheFirstWordAndKeepsItsOwnFlags) {
  const auto line =
      ReadCommandLine({"--stats", "--lane", "fast", "ls", "--lane=x", "-l"}, kNames, true);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(line->program, ElementsAre("ls", "--lane=x", "-l"));
  EXPECT_TRUE(absl::GetFlag(FLAGS_stats));
  EXPECT_EQ(absl::GetFlag(FLAGS_lane), "fast");
}

TEST(ReadCommandLine, TwoDashesBeginTheProgramToo) {
  const auto line = ReadCommandLine({"--nostats", "--", "--odd", "--help"}, kNames, true);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(line->program, ElementsAre("--odd", "--help"));
  EXPECT_FALSE(line->help);
  EXPECT_FALSE(absl::GetFlag(FLAGS_stats));
}

TEST(ReadCommandLine, FilesAndGatesComeInAnyOrder) {
  const auto line =
      ReadCommandLine({"a", "--gate=b", "c", "-o", "out", "--gate", "d"}, kNames, false);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(line->words, ElementsAre("a", "c"));
  EXPECT_THAT(line->gates, ElementsAre("b", "d"));
  EXPECT_EQ(absl::GetFlag(FLAGS_output), "out");
}

TEST(ReadCommandLine, RefusesFlagsOfOtherCommandsAndMissingValues) {
  EXPECT_THAT(WhyRefused({"--html=x"}), HasSubstr("unknown flag --html"));
  EXPECT_THAT(WhyRefused({"--nonsense"}), HasSubstr("unknown flag --nonsense"));
  EXPECT_THAT(WhyRefused({"--lane"}), HasSubstr("needs a value"));
  EXPECT_THAT(WhyRefused({"-o"}), HasSubstr("needs a value"));
  EXPECT_THAT(WhyRefused({"-x"}), HasSubstr("unknown flag -x"));
  EXPECT_THAT(WhyRefused({"--stats=maybe"}), HasSubstr("maybe"));
}

TEST(FlagsHelp, HasALineForEachFlag) {
  const std::string help = FlagsHelp({"lane", "json"});
  EXPECT_THAT(help, HasSubstr("  --lane=scale"));
  EXPECT_THAT(help, HasSubstr("  --json  "));
}

TEST(PidOf, TakesOneNumber) {
  EXPECT_EQ(*PidOf({false, {"12"}, {}, {}}, "map"), 12);
  for (const auto& words : std::vector<std::vector<std::string>>{
           {}, {"1", "2"}, {"x"}, {"-1"}, {"0"}, {"99999999999"}}) {
    EXPECT_FALSE(PidOf({false, words, {}, {}}, "map").ok());
  }
}

}  // namespace
}  // namespace hz3::tool
