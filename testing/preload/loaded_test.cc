// The library is really loaded, really used, and does not get in the way of small programs.

#include <string>

#include "gtest/gtest.h"
#include "testing/lib/process_memory.h"
#include "testing/lib/subprocess.h"
#include "testing/lib/test_main.h"
#include "testing/preload/session.h"

namespace hz3::testlib {
namespace {

TEST(Preload, TheLibraryIsMappedInTheChild) {
  Session session(LibraryUnderTest());
  const RunResult result = session.Run({"cat", "/proc/self/maps"});
  EXPECT_NE(result.out.find(LibraryUnderTest()), std::string::npos) << result;
}

TEST(Preload, WithoutItTheLibraryIsNotMapped) {
  Session session("");
  const RunResult result = session.Run({"cat", "/proc/self/maps"});
  EXPECT_EQ(result.out.find(LibraryUnderTest()), std::string::npos) << result;
}

// The second argument of this test is the probe, the third the lane that it must find.
TEST(Preload, MallocNewAndTheExtensionAllComeFromTheLibrary) {
  ASSERT_EQ(TestArguments().size(), 3u);
  const std::string& probe = TestArguments()[1];
  const RunResult result =
      RunProgram({probe}, {.environment = {{"LD_PRELOAD", LibraryUnderTest()}}});
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_NE(result.out.find("lane " + TestArguments()[2] + "\n"), std::string::npos) << result;
  std::size_t symbols = 0;
  for (std::size_t at = 0; (at = result.out.find(" from ", at)) != std::string::npos; ++at) {
    ++symbols;
    EXPECT_EQ(result.out.substr(at + 6, LibraryUnderTest().size()), LibraryUnderTest()) << result;
  }
  EXPECT_GT(symbols, 15u) << result;
}

TEST(Preload, EveryLibraryOfAProgramBindsMallocToIt) {
  ExpectMallocComesFromLibrary({"ls", "/"});
  ExpectMallocComesFromLibrary({"bash", "-c", "true"});
}

TEST(Preload, LsRunsUnderAnAddressSpaceLimit) {
  for (const std::size_t limit : {1024 * kMiB, 512 * kMiB, 128 * kMiB}) {
    const RunOptions plain = {.limits = {{RLIMIT_AS, limit}}};
    RunOptions preloaded = plain;
    preloaded.environment = {{"LD_PRELOAD", LibraryUnderTest()}};
    const RunResult expected = RunProgram({"ls", "-la", "/etc"}, plain);
    const RunResult actual = RunProgram({"ls", "-la", "/etc"}, preloaded);
    EXPECT_EQ(actual.exit_code, 0) << limit / kMiB << " MiB: " << actual;
    EXPECT_EQ(actual.out, expected.out);
    EXPECT_EQ(actual.err, expected.err);
  }
}

TEST(Preload, ShellPipelinesAndManyShortProcessesRun) {
  ExpectSameWithPreload([](Session& session) {
    session.Run(
        {"bash", "-c",
         "for i in $(seq 60); do echo $i | sed s/1/one/ | tr a-z A-Z; done;"
         "printf '%s\\n' {1..3000} | sort -rn | head -50 | awk '{ s += $1 } END { print s }'"});
  });
}

TEST(Preload, ExitCodesAndSignalsPassThrough) {
  RunOptions options = {.environment = {{"LD_PRELOAD", LibraryUnderTest()}}};
  EXPECT_EQ(RunProgram({"sh", "-c", "exit 42"}, options).exit_code, 42);
  EXPECT_EQ(RunProgram({"sh", "-c", "kill -TERM $$"}, options).signal, 15);
}

}  // namespace
}  // namespace hz3::testlib
