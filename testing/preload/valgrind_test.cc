// Under valgrind: memcheck takes hz3's malloc for one it may replace when it is told the library's
// name, and finds mistakes of the program then; or it leaves hz3 alone and watches it at work.

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/lib/subprocess.h"
#include "testing/lib/test_main.h"
#include "testing/preload/session.h"

namespace hz3::testlib {
namespace {

using ::testing::HasSubstr;

constexpr int kFoundErrors = 99;
const std::string kReplaced = "--soname-synonyms=somalloc=*hakozuna*";
const std::string kLeftAlone = "--soname-synonyms=somalloc=nouserintercepts";

RunResult RunUnderValgrind(const std::string& option, std::vector<std::string> command) {
  command.insert(command.begin(),
                 {"valgrind", "--error-exitcode=" + std::to_string(kFoundErrors), option});
  return RunProgram(command, {.environment = {{"LD_PRELOAD", LibraryUnderTest()}},
                              .timeout = std::chrono::minutes(4)});
}

// A shell that sorts, pipes and forks.
const std::vector<std::string> kShell = {
    "bash", "-c",
    "x=$(printf '%s\\n' {1..300} | sort -rn | head -3); echo $x; echo {1..2000} | wc -w"};

// Long lists and threads of C++'s and C's allocations.
const std::vector<std::string> kPython = {
    "python3", "-c",
    "import threading, json\n"
    "work = lambda: json.loads(json.dumps([{'k' * i: [i] * i} for i in range(80)]))\n"
    "threads = [threading.Thread(target=work) for _ in range(3)]\n"
    "[t.start() for t in threads]; [t.join() for t in threads]; print(len(work()))"};

class Valgrind : public ::testing::Test {
 protected:
  void SetUp() override { HZ3_NEEDS_PROGRAMS("valgrind"); }
};

TEST_F(Valgrind, MayReplaceHz3ByItsOwnMalloc) {
  const RunResult result = RunUnderValgrind(kReplaced, kShell);
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_EQ(result.out, "300 299 298\n2000\n");
  EXPECT_THAT(result.err, HasSubstr("ERROR SUMMARY: 0 errors"));
  EXPECT_THAT(result.err, Not(HasSubstr("total heap usage: 0 allocs")));
}

TEST_F(Valgrind, FindsNothingWrongInHz3AtWork) {
  const RunResult result = RunUnderValgrind(kLeftAlone, kShell);
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_EQ(result.out, "300 299 298\n2000\n");
  EXPECT_THAT(result.err, HasSubstr("total heap usage: 0 allocs")) << "else hz3 did not run";
}

TEST_F(Valgrind, FindsNothingWrongInHz3WithThreads) {
  HZ3_NEEDS_PROGRAMS("python3");
  const RunResult result = RunUnderValgrind(kLeftAlone, kPython);
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_EQ(result.out, "80\n");
  EXPECT_THAT(result.err, HasSubstr("total heap usage: 0 allocs")) << "else hz3 did not run";
}

}  // namespace
}  // namespace hz3::testlib
