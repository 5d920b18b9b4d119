// The helpers themselves: a test that leans on them must be able to fail.

#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "testing/lib/block.h"
#include "testing/lib/process_memory.h"
#include "testing/lib/random.h"
#include "testing/lib/subprocess.h"
#include "testing/lib/temp_dir.h"

namespace hz3::testlib {
namespace {

TEST(RunProgram, BringsBackOutputAndExitCode) {
  const RunResult result = RunProgram({"sh", "-c", "cat; echo bad >&2; exit 7"}, {.input = "in"});
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_EQ(result.out, "in");
  EXPECT_EQ(result.err, "bad\n");
}

TEST(RunProgram, ReportsTheSignalThatEndedTheChild) {
  const RunResult result = RunProgram({"sh", "-c", "kill -SEGV $$"});
  EXPECT_EQ(result.signal, SIGSEGV);
  EXPECT_FALSE(result.ok());
}

TEST(RunProgram, KillsWhatTakesTooLongWithItsChildren) {
  const RunResult result =
      RunProgram({"sh", "-c", "sleep 30 & sleep 30"}, {.timeout = std::chrono::milliseconds(50)});
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.signal, SIGKILL);
}

TEST(RunProgram, SetsEnvironmentDirectoryAndLimits) {
  const RunResult result = RunProgram(
      {"sh", "-c", "echo $HZ3_X; pwd; ulimit -v"},
      {.directory = "/usr", .environment = {{"HZ3_X", "42"}}, .limits = {{RLIMIT_AS, 512 * kMiB}}});
  EXPECT_EQ(result.out, "42\n/usr\n524288\n");
}

TEST(RunProgram, SaysSoWhenTheProgramIsMissing) {
  EXPECT_EQ(RunProgram({"hz3-no-such-program"}).exit_code, 127);
  EXPECT_FALSE(FindProgram("hz3-no-such-program").has_value());
  EXPECT_TRUE(FindProgram("sh").has_value());
}

TEST(RunInChild, TellsReturnFromAbort) {
  EXPECT_TRUE(RunInChild([] {}).ok());
  EXPECT_EQ(RunInChild([] { abort(); }).signal, SIGABRT);
  EXPECT_TRUE(RunInChild([] { pause(); }, false, std::chrono::milliseconds(20)).timed_out);
}

TEST(Pattern, IsFoundDamagedAtEveryByte) {
  for (const std::size_t size : {1u, 7u, 8u, 9u, 31u, 64u}) {
    std::vector<unsigned char> bytes(size);
    FillPattern(bytes.data(), size, 5);
    EXPECT_TRUE(HasPattern(bytes.data(), size, 5));
    EXPECT_FALSE(HasPattern(bytes.data(), size, 6));
    for (std::size_t i = 0; i < size; ++i) {
      bytes[i] ^= 0x40;
      EXPECT_FALSE(HasPattern(bytes.data(), size, 5)) << "byte " << i << " of " << size;
      bytes[i] ^= 0x40;
    }
  }
}

TEST(Pattern, CanBeCheckedForAPrefixOfTheBlock) {
  for (std::size_t size = 1; size < 40; ++size) {
    std::vector<unsigned char> bytes(size);
    FillPattern(bytes.data(), size, 9);
    for (std::size_t length = 0; length <= size; ++length) {
      std::vector<unsigned char> prefix(bytes.begin(),
                                        bytes.begin() + static_cast<std::ptrdiff_t>(length));
      EXPECT_TRUE(HasPattern(prefix.data(), size, 9, length)) << length << " of " << size;
      if (length == 0) continue;
      prefix[length - 1] ^= 1;
      EXPECT_FALSE(HasPattern(prefix.data(), size, 9, length)) << length << " of " << size;
    }
  }
}

TEST(IsZero, FindsTheOnlyByteThatIsNot) {
  std::vector<unsigned char> bytes(100);
  EXPECT_TRUE(IsZero(bytes.data(), bytes.size()));
  bytes[99] = 1;
  EXPECT_FALSE(IsZero(bytes.data(), bytes.size()));
  EXPECT_TRUE(IsZero(bytes.data(), 99));
}

TEST(LogUniformSize, StaysInRangeAndReachesBothEnds) {
  Random random(1);
  std::size_t small = 0;
  std::size_t large = 0;
  for (int i = 0; i < 10000; ++i) {
    const std::size_t size = LogUniformSize(random, 100000);
    ASSERT_GE(size, 1u);
    ASSERT_LE(size, 100000u);
    small += size < 64;
    large += size > 50000;
  }
  EXPECT_GT(small, 100u);
  EXPECT_GT(large, 100u);
}

TEST(ResidentBytes, GrowsWhenPagesAreTouched) {
  const std::size_t before = ResidentBytes();
  void* pages =
      mmap(nullptr, 32 * kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(pages, MAP_FAILED);
  FillPattern(pages, 32 * kMiB, 1);
  EXPECT_GE(ResidentBytes(), before + 31 * kMiB);
  munmap(pages, 32 * kMiB);
}

TEST(TempDir, VanishesWithItsContents) {
  std::string path;
  {
    const TempDir directory;
    path = directory.Write("a.txt", "x");
    EXPECT_TRUE(std::filesystem::exists(path));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace hz3::testlib
