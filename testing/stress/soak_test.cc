// A short soak is flat, one that leaks is not, and mistakes are told. Arguments: the program.

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/lib/subprocess.h"
#include "testing/lib/temp_dir.h"
#include "testing/lib/test_main.h"

namespace hz3::testlib {
namespace {

using ::testing::HasSubstr;

class Soak : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_FALSE(TestArguments().empty()) << "name the program"; }

  // Teeth so small that the heap is old after a few seconds.
  static RunResult Run(std::vector<std::string> flags) {
    flags.insert(flags.begin(), {TestArguments().front(), "--tooth=1", "--low_mib=4",
                                 "--high_mib=16", "--busy=0.3", "--threads=3"});
    return RunProgram(flags, {.timeout = std::chrono::minutes(3)});
  }
};

TEST_F(Soak, OfTwelveSecondsIsFlat) {
  const TempDir directory;
  const std::string file = directory.path() + "/curve.json";
  const RunResult result = Run({"--minutes=0.2", "--bound_pct=15", "--json=" + file});
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_THAT(result.out, HasSubstr("RSS/live is flat"));
  EXPECT_THAT(result.out, Not(HasSubstr("libc")));
  std::ifstream stream(file);
  const std::string json{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  EXPECT_THAT(json, HasSubstr("\"flat\": true"));
}

TEST_F(Soak, OfAProgramThatLeaksGrows) {
  const RunResult result = Run({"--minutes=0.12", "--bound_pct=15", "--leak=300"});
  EXPECT_EQ(result.exit_code, 1) << result;
  EXPECT_THAT(result.out, HasSubstr("RSS/live GROWS"));
}

TEST_F(Soak, WithAMistakeInTheCommandLineIsOneLine) {
  for (const char* flag : {"--threads=0", "--busy=0", "--low_mib=17", "--tooth=0", "--minutes=0.01",
                           "--minutes=x", "word"}) {
    const RunResult result = Run({flag});
    EXPECT_EQ(result.exit_code, 2) << flag;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
}

}  // namespace
}  // namespace hz3::testlib
