// One short round of all acts of stress.cc, and its command line. Arguments: the program.

#include <algorithm>
#include <cstdio>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/lib/subprocess.h"
#include "testing/lib/test_main.h"

namespace hz3::testlib {
namespace {

using ::testing::HasSubstr;

std::string Program() { return TestArguments().empty() ? "" : TestArguments().front(); }

class Stress : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(Program(), "") << "name the program"; }
};

TEST_F(Stress, ARoundOfAllActsFindsNothing) {
  const RunResult result =
      RunProgram({Program(), "--minutes=0", "--seconds=3", "--threads=6", "--forks=500"},
                 {.timeout = std::chrono::minutes(10)});
  std::fputs(result.out.c_str(), stdout);
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_THAT(result.out, HasSubstr("stress: 8 of 8 acts well, lane "));
  EXPECT_THAT(result.out, Not(HasSubstr("not on hz3")));
}

TEST_F(Stress, AnActThatFindsSomethingIsReportedWithItsCommand) {
  const RunResult result = RunProgram(
      {Program(), "--minutes=0", "--seconds=0.1", "--only=dlopen", "--plugin=/no/such/library"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("/no/such/library"));
  EXPECT_THAT(result.out, HasSubstr("repeat with: "));
  EXPECT_THAT(result.out, HasSubstr("--act=dlopen --seed=1"));
  EXPECT_THAT(result.out, HasSubstr("stress: 0 of 1 acts well"));
}

TEST_F(Stress, AMistakeInTheCommandLineIsOneLine) {
  for (const char* flag :
       {"--only=mix,sing", "--act=sing", "--threads=0", "--threads=257", "--minutes=x", "sing"}) {
    const RunResult result = RunProgram({Program(), flag});
    EXPECT_EQ(result.exit_code, 2) << flag;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_EQ(result.out, "");
  }
}

}  // namespace
}  // namespace hz3::testlib
