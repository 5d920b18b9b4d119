// Moves of pages where the kernel moves only what lies within one mapping, as before Linux 6.17: a
// filter says so in its place.
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/os_memory.h"
#include "hz3/base/words.h"
#include "testing/containers/seccomp.h"
#include "testing/lib/subprocess.h"

namespace hz3::testlib {
namespace {

constexpr int kNoFilters = 77;
constexpr int kNoMoves = 78;
constexpr size_t kBlock = 4 * kSegmentSize + 5 * kPageSize;

char ValueAt(size_t i) { return static_cast<char>(1 + i / kPageSize % 100); }

// Moves a block while moves of these lengths get EFAULT. Exits with 0 when all pages are at their
// new place, and read as zero at the old one.
RunResult MoveWhileRefused(const std::vector<size_t>& refused_bytes) {
  return RunInChild([&] {
    OsMemory& os = SystemMemory();
    constexpr size_t kReserved = 10 * kSegmentSize;
    char* const from = static_cast<char*>(os.Reserve(kReserved, kSegmentSize));
    if (from == nullptr || !os.Commit(from, kReserved)) _exit(1);
    char* const to = from + 5 * kSegmentSize;
    if (!os.Move(from, to, kBlock)) _exit(kNoMoves);
    for (size_t i = 0; i < kBlock; i += kPageSize) from[i] = ValueAt(i);
    std::vector<RefusedCall> calls;
    for (const size_t bytes : refused_bytes) {
      calls.push_back({SYS_mremap, EFAULT, {{1, static_cast<unsigned>(bytes)}}});
    }
    if (!RefuseCalls(calls).empty()) _exit(kNoFilters);
    if (!os.Move(from, to, kBlock)) _exit(2);
    for (size_t i = 0; i < kBlock; i += kPageSize) {
      if (to[i] != ValueAt(i)) _exit(3);
      if (from[i] != 0) _exit(4);
    }
    _exit(0);
  });
}

class Moves : public ::testing::TestWithParam<std::vector<size_t>> {};

TEST_P(Moves, OutOfSeveralMappingsLoseNothing) {
  const RunResult result = MoveWhileRefused(GetParam());
  if (result.exit_code == kNoFilters) GTEST_SKIP() << "SKIP: no filter can be set here";
  if (result.exit_code == kNoMoves) GTEST_SKIP() << "SKIP: this kernel does not move pages";
  EXPECT_EQ(result.exit_code, 0);
}

// The whole only; then a mapping ends in every slot; then everywhere.
INSTANTIATE_TEST_SUITE_P(
    Of, Moves,
    ::testing::Values(std::vector<size_t>{kBlock}, std::vector<size_t>{kBlock, kSegmentSize},
                      std::vector<size_t>{kBlock, kSegmentSize, 5 * kPageSize}));

}  // namespace
}  // namespace hz3::testlib
