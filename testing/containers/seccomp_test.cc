#include "testing/containers/seccomp.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "gtest/gtest.h"
#include "testing/lib/subprocess.h"

namespace hz3::testlib {
namespace {

constexpr int kNoFilters = 77;

// What a child under a filter says that it gets from two calls each of getppid and of madvise.
RunResult UnderFilter(const std::vector<RefusedCall>& calls) {
  return RunInChild([&] {
    static char page[2 * 4096] __attribute__((aligned(4096)));
    const std::string why_not = RefuseCalls(calls);
    if (!why_not.empty()) _exit(kNoFilters);
    errno = 0;
    const bool ppid = syscall(SYS_getppid) >= 0;
    const int ppid_error = errno;
    errno = 0;
    const bool free = madvise(page, 4096, MADV_DONTNEED) == 0;
    const int free_error = errno;
    const bool normal = madvise(page, 4096, MADV_NORMAL) == 0;
    std::printf("%d %d %d %d %d", ppid, ppid_error, free, free_error, normal);
    std::fflush(stdout);
  });
}

std::string Text(const std::vector<int>& values) {
  std::string text;
  for (int value : values) text += (text.empty() ? "" : " ") + std::to_string(value);
  return text;
}

TEST(Seccomp, ACallIsRefusedWithItsErrnoAndOthersGoOn) {
  const RunResult result = UnderFilter({{SYS_getppid, EPERM}});
  if (result.exit_code == kNoFilters) GTEST_SKIP() << "SKIP: no filter can be set here";
  EXPECT_EQ(result.out, Text({0, EPERM, 1, 0, 1})) << result;
}

TEST(Seccomp, OneValueOfAnArgumentIsRefusedAndTheOthersAreNot) {
  const RunResult result = UnderFilter(
      {{SYS_madvise, ENOSYS, RefusedCall::Argument{2, MADV_DONTNEED}}, {SYS_getppid, ENOSYS}});
  if (result.exit_code == kNoFilters) GTEST_SKIP() << "SKIP: no filter can be set here";
  EXPECT_EQ(result.out, Text({0, ENOSYS, 0, ENOSYS, 1})) << result;
}

}  // namespace
}  // namespace hz3::testlib
