// On a machine whose pages are not of 4 KiB a program says so at its first allocation and ends.
// Arguments: a program whose sysconf(3) reports other pages.

#include <csignal>
#include <string>

#include "gtest/gtest.h"
#include "testing/lib/subprocess.h"
#include "testing/lib/test_main.h"

namespace hz3::testlib {
namespace {

TEST(PageSize, OtherThan4KiBEndsTheProgramWithOneClearLine) {
  ASSERT_FALSE(TestArguments().empty()) << "name the program";
  const std::string program = TestArguments().front();
  for (const char* bytes : {"16384", "65536"}) {
    const RunResult result =
        RunProgram({program}, {.environment = {{"HZ3_TEST_PAGE_BYTES", bytes}}});
    EXPECT_EQ(result.signal, SIGABRT) << result;
    EXPECT_EQ(result.err, "hz3: this build needs pages of 4 KiB; the machine has others\n");
    EXPECT_EQ(result.out, "");
  }
  EXPECT_TRUE(RunProgram({program}, {.environment = {{"HZ3_TEST_PAGE_BYTES", "4096"}}}).ok());
}

}  // namespace
}  // namespace hz3::testlib
