#include "bench/lib/plain_args.h"

#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

// A small program's command line with one of each kind.
struct Program {
  Program() {
    args.Required("count", "how many", {1, 100}, &count);
    args.Optional("size", "of each", {0, 1000}, &size);
    args.Number("seed", "start", {0, UINT64_MAX}, &seed);
    args.Switch("touch", "write", &touch);
    args.Choice("mode", "which", {"free", "wait"}, &mode);
    args.Text("json", "where", &json);
  }

  // The error, or "" when the command line is good.
  std::string Parse(std::vector<std::string> words) {
    words.insert(words.begin(), "program");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    return args.Parse(static_cast<int>(argv.size()), argv.data()).value_or("");
  }

  uint64_t count = 0;
  uint64_t size = 64;
  uint64_t seed = 1;
  bool touch = false;
  std::string mode = "free";
  std::string json;
  PlainArgs args{"Does things."};
};

TEST(PlainArgs, ReadsPositionalsAndFlagsInAnyMixture) {
  Program p;
  EXPECT_EQ(p.Parse({"--touch", "5", "--seed=9", "7", "--mode", "wait", "--json", "out"}), "");
  EXPECT_EQ(p.count, 5u);
  EXPECT_EQ(p.size, 7u);
  EXPECT_EQ(p.seed, 9u);
  EXPECT_TRUE(p.touch);
  EXPECT_EQ(p.mode, "wait");
  EXPECT_EQ(p.json, "out");
}

TEST(PlainArgs, LeavesWhatIsNotNamedAtItsDefault) {
  Program p;
  EXPECT_EQ(p.Parse({"5"}), "");
  EXPECT_EQ(p.size, 64u);
  EXPECT_FALSE(p.touch);
  EXPECT_EQ(p.mode, "free");
}

TEST(PlainArgs, SaysWhatIsWrong) {
  EXPECT_EQ(Program().Parse({}), "missing argument: count");
  EXPECT_EQ(Program().Parse({"0"}), "count must be a number from 1 to 100, not '0'");
  EXPECT_EQ(Program().Parse({"101"}), "count must be a number from 1 to 100, not '101'");
  EXPECT_EQ(Program().Parse({"5x"}), "count must be a number from 1 to 100, not '5x'");
  EXPECT_EQ(Program().Parse({"-5"}), "count must be a number from 1 to 100, not '-5'");
  EXPECT_EQ(Program().Parse({""}), "count must be a number from 1 to 100, not ''");
  EXPECT_EQ(Program().Parse({"5", "6", "7"}), "too many arguments: '7'");
  EXPECT_EQ(Program().Parse({"5", "--sed=1"}), "unknown flag --sed");
  EXPECT_EQ(Program().Parse({"5", "--seed"}), "--seed needs a value");
  EXPECT_EQ(Program().Parse({"5", "--touch=1"}), "--touch takes no value");
  EXPECT_EQ(Program().Parse({"5", "--mode=x"}), "--mode must be free or wait, not 'x'");
  EXPECT_EQ(Program().Parse({"5", "--json="}), "--json needs a value");
  EXPECT_EQ(Program().Parse({"5", "--seed=99999999999999999999"}),
            "--seed must be a number from 0 to 18446744073709551615, not '99999999999999999999'");
}

TEST(PlainArgs, HelpChecksNothingElseAndNamesEverything) {
  Program p;
  EXPECT_EQ(p.Parse({"--help"}), "");
  EXPECT_TRUE(p.args.help_wanted());
  const std::string help = p.args.Help("program");
  for (const char* word : {"count", "[size=64]", "--seed=N", "--touch", "--mode=free|wait",
                           "--json=FILE", "Does things."}) {
    EXPECT_NE(help.find(word), std::string::npos) << word << "\n" << help;
  }
}

TEST(ParseOrExitDeathTest, ABadCommandLineIsOneLineAndExitCode2) {
  Program p;
  char name[] = "/some/where/program";
  char bad[] = "x";
  char* argv[] = {name, bad};
  EXPECT_EXIT(ParseOrExit(&p.args, 2, argv), testing::ExitedWithCode(2),
              "^program: count must be a number from 1 to 100, not 'x' .see --help.\n$");
}

}  // namespace
}  // namespace hz3::bench
