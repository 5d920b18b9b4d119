// A program with raised privileges does not listen to the environment of who started it.
// Arguments: environment_program, which is linked with hz3 (ld.so itself ignores LD_PRELOAD there).

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/lib/subprocess.h"
#include "testing/lib/temp_dir.h"
#include "testing/lib/test_main.h"

namespace hz3::testlib {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// Debian's "nobody".
constexpr const char* kNobody = "65534";

const RunOptions kEnvironment = {.environment = {{"HZ3_ARENA_MIB", "64"},
                                                 {"HZ3_LIMIT", "32"},
                                                 {"HZ3_SOFT_LIMIT", "16"},
                                                 {"HZ3_BACKGROUND_PURGE_MS", "1000"}}};

std::string Program() { return TestArguments().empty() ? "" : TestArguments().front(); }

TEST(Environment, IsObeyedByAnOrdinaryProgram) {
  const RunResult result = RunProgram({Program()}, kEnvironment);
  EXPECT_THAT(result.out, StartsWith("secure=0 arena=64 limit=33554432 soft=16777216\n")) << result;
}

TEST(Environment, IsIgnoredByASetuidProgram) {
  if (geteuid() != 0) GTEST_SKIP() << "SKIP: only root can make a program setuid root";
  if (!FindProgram("setpriv")) GTEST_SKIP() << "SKIP: setpriv is not installed";
  const TempDir directory;
  const std::string copy = directory.path() + "/setuid";
  std::filesystem::copy_file(Program(), copy);
  ASSERT_EQ(chmod(directory.path().c_str(), 0755), 0);
  ASSERT_EQ(chmod(copy.c_str(), 04755), 0) << strerror(errno);
  RunOptions options = kEnvironment;
  options.directory = "/";
  const RunResult result = RunProgram(
      {"setpriv", "--reuid", kNobody, "--regid", kNobody, "--clear-groups", copy}, options);
  if (result.out.starts_with("secure=0")) {
    GTEST_SKIP() << "SKIP: " << directory.path() << " is mounted nosuid";
  }
  if (!result.ok())
    GTEST_SKIP() << "SKIP: another user cannot run what is in a folder of ours: " << result;
  EXPECT_THAT(result.out, HasSubstr("secure=1 "));
  EXPECT_THAT(result.out, Not(HasSubstr("arena=64 ")));
  EXPECT_THAT(result.out, HasSubstr("limit=18446744073709551615 soft=18446744073709551615\n"));
  EXPECT_THAT(result.out, HasSubstr("\nthreads=1\n"));
}

}  // namespace
}  // namespace hz3::testlib
