#include "testing/docs/bazel_command.h"

#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/lib/temp_dir.h"

namespace hz3::docs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Tree& SomeTree() {
  static const Tree tree = ReadTree(
      "cc_binary //bench:repro public\n"
      "alias //bench:gate public\n"
      "cc_test //hz3/pages:arena_test internal\n"
      "_in_lane //hz3:lib.so public\n"
      "int_flag //hz3/config:arena_mib public\n",
      "build:asan --copt=-g\n");
  return tree;
}

std::string Mistake(const std::string& line) {
  return MistakeOf(ParseBazelCommand(ShellWords(line)), SomeTree()).value_or("");
}

TEST(ShellWords, TakesQuotesAwayAndStopsAtAComment) {
  EXPECT_THAT(ShellWords("a  'b c' --d=\"e f\"g # h"), ElementsAre("a", "b c", "--d=e fg"));
  EXPECT_THAT(ShellWords("a#b ''"), ElementsAre("a#b", ""));
  EXPECT_THAT(ShellWords("  "), IsEmpty());
}

TEST(ParseBazelCommand, TellsOptionsTargetsAndArgumentsApart) {
  const BazelCommand command =
      ParseBazelCommand({"run", "-c", "dbg", "--config=asan", "//a:b", "--", "--c", "d"});
  EXPECT_EQ(command.verb, "run");
  EXPECT_THAT(command.options, ElementsAre("-c=dbg", "--config=asan"));
  EXPECT_THAT(command.targets, ElementsAre("//a:b"));
  EXPECT_THAT(command.arguments, ElementsAre("--c", "d"));
}

TEST(MistakeOf, FindsNothingWrongWithWhatIsThere) {
  for (const char* line :
       {"run //bench:repro -- --anything", "run //bench:gate", "test //...", "build //hz3:all",
        "test //hz3/...", "test //hz3/pages:arena_test", "build -c dbg //hz3:lib.so",
        "test --config=asan //hz3/...", "build --//hz3/config:arena_mib=16 //hz3:all",
        "build --//hz3/config:set=borrow=false,tight_part=3 //hz3:all"}) {
    EXPECT_EQ(Mistake(line), "") << line;
  }
}

TEST(MistakeOf, SaysWhatIsNotThere) {
  EXPECT_THAT(Mistake("run //bench:nothing"), HasSubstr("no target //bench:nothing"));
  EXPECT_THAT(Mistake("build //nowhere/..."), HasSubstr("no target //nowhere/..."));
  EXPECT_THAT(Mistake("build //hz3/pages:other"), HasSubstr("no target"));
  EXPECT_THAT(Mistake("test //bench:repro"), HasSubstr("is a cc_binary, not a test"));
  EXPECT_THAT(Mistake("test //bench/..."), HasSubstr("no target"));
  EXPECT_THAT(Mistake("test --config=msan //..."), HasSubstr("no configuration 'msan'"));
  EXPECT_THAT(Mistake("test --config=nothing //..."), HasSubstr("no configuration 'nothing'"));
  EXPECT_THAT(Mistake("build --//hz3/config:size=1 //..."), HasSubstr("no build setting"));
  EXPECT_THAT(Mistake("build --//hz3/config:set=nothing=1 //..."),
              HasSubstr("no switch 'nothing'"));
  EXPECT_THAT(Mistake("build --//hz3/config:set=borrow //..."), HasSubstr("no value"));
  EXPECT_THAT(Mistake("build --turbo //..."), HasSubstr("'--turbo' is none of the options"));
  EXPECT_THAT(Mistake("make //..."), HasSubstr("'make' is not build, run or test"));
  EXPECT_THAT(Mistake("run"), HasSubstr("no target"));
  EXPECT_THAT(Mistake("run //bench:repro //bench:gate"), HasSubstr("one target"));
}

TEST(FindProgram, KnowsShortLabelsAndAliases) {
  const testlib::TempDir root;
  std::filesystem::create_directories(root.path() + "/bench/gate");
  const std::string repro = root.Write("bench/repro", "");
  const std::string gate = root.Write("bench/gate/gate", "");
  EXPECT_EQ(FindProgram(root.path(), "//bench:repro"), repro);
  EXPECT_EQ(FindProgram(root.path(), "//bench/gate"), gate);
  EXPECT_EQ(FindProgram(root.path(), "//bench/gate:gate"), gate);
  EXPECT_EQ(FindProgram(root.path(), "//bench:gate"), gate) << "an alias";
  EXPECT_EQ(FindProgram(root.path(), "//bench:peers"), "");
}

}  // namespace
}  // namespace hz3::docs
