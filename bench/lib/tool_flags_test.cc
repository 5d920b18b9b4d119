#include "bench/lib/tool_flags.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "gtest/gtest.h"

ABSL_FLAG(bool, tool_test_quick, false, "is a switch");
ABSL_FLAG(int64_t, tool_test_runs, 3, "is a number");
ABSL_FLAG(std::string, tool_test_name, "", "is a text");

namespace hz3::bench {
namespace {

// The error, or "" when the command line is good.
std::string SetFlags(const std::vector<std::string>& args) {
  std::vector<std::string> positionals;
  return SetToolFlags(args, &positionals).value_or("");
}

TEST(ToolFlags, AreSetInAllForms) {
  std::vector<std::string> positionals;
  EXPECT_EQ(
      SetToolFlags({"--tool_test_quick", "word", "--tool_test_runs=7", "--tool_test_name", "x y"},
                   &positionals),
      std::nullopt);
  EXPECT_TRUE(absl::GetFlag(FLAGS_tool_test_quick));
  EXPECT_EQ(absl::GetFlag(FLAGS_tool_test_runs), 7);
  EXPECT_EQ(absl::GetFlag(FLAGS_tool_test_name), "x y");
  EXPECT_EQ(positionals, std::vector<std::string>{"word"});
  EXPECT_EQ(SetFlags({"--notool_test_quick"}), "");
  EXPECT_FALSE(absl::GetFlag(FLAGS_tool_test_quick));
}

TEST(ToolFlags, SayWhatIsWrong) {
  EXPECT_EQ(SetFlags({"--tool_test_rnus=1"}), "unknown flag --tool_test_rnus");
  EXPECT_EQ(SetFlags({"--notool_test_runs"}), "unknown flag --notool_test_runs");
  EXPECT_EQ(SetFlags({"--tool_test_runs"}), "--tool_test_runs needs a value");
  EXPECT_EQ(SetFlags({"--tool_test_runs=x"}), "--tool_test_runs does not take 'x'");
}

TEST(ToolFlags, HelpNamesFlagsWithTheirDefaults) {
  const std::string help = ToolFlagsHelp();
  EXPECT_NE(help.find("--tool_test_runs=3"), std::string::npos) << help;
  EXPECT_NE(help.find("is a switch"), std::string::npos) << help;
}

TEST(ToolFlagsDeathTest, AMistakeIsOneLineAndExitCode2) {
  char name[] = "/some/where/tool";
  char bad[] = "--tool_test_nonsense";
  char* argv[] = {name, bad};
  EXPECT_EXIT(ParseToolFlagsOrExit(2, argv, "Does things."), testing::ExitedWithCode(2),
              "^tool: unknown flag --tool_test_nonsense .see --help.\n$");
}

TEST(ToolFlagsDeathTest, HelpExitsWith0) {
  char name[] = "tool";
  char help[] = "--help";
  char* argv[] = {name, help};
  EXPECT_EXIT(ParseToolFlagsOrExit(2, argv, "Does things."), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace hz3::bench
