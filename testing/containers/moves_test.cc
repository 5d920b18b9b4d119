// Moves of pages out of a range that lies in several mappings, as huge pages and earlier moves
// leave them behind. The call that would move the whole is refused: before Linux 6.17 it unmaps the
// destination and then fails, later it can end halfway; so it must not be made.
#include <sys/mman.h>
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

struct Range {
  size_t start;
  size_t bytes;
};

// Moves a block of which these ranges are mappings of their own. Exits with 0 when all pages are at
// their new place, and read as zero at the old one.
RunResult MoveOutOf(const std::vector<Range>& mappings) {
  return RunInChild([&] {
    OsMemory& os = SystemMemory();
    constexpr size_t kReserved = 10 * kSegmentSize;
    char* const from = static_cast<char*>(os.Reserve(kReserved, kSegmentSize));
    if (from == nullptr || !os.Commit(from, kReserved)) _exit(1);
    char* const to = from + 5 * kSegmentSize;
    char* const probe = to + kBlock + kSegmentSize / 2;
    if (!os.Move(probe, probe + kPageSize, kPageSize)) _exit(kNoMoves);
    for (size_t i = 0; i < kBlock; i += kPageSize) from[i] = ValueAt(i);
    for (const auto& [start, bytes] : mappings) {
      if (madvise(from + start, bytes, MADV_DONTDUMP) != 0) _exit(2);
    }
    constexpr unsigned kNewBytes = 2;
    if (!RefuseCalls({{SYS_mremap, EPERM, {{kNewBytes, unsigned{kBlock}}}}}).empty()) {
      _exit(kNoFilters);
    }
    if (!os.Move(from, to, kBlock)) _exit(3);
    for (size_t i = 0; i < kBlock; i += kPageSize) {
      if (to[i] != ValueAt(i)) _exit(4);
      if (from[i] != 0) _exit(5);
    }
    _exit(0);
  });
}

class Moves : public ::testing::TestWithParam<std::vector<Range>> {};

TEST_P(Moves, OutOfSeveralMappingsLoseNothing) {
  const RunResult result = MoveOutOf(GetParam());
  if (result.exit_code == kNoFilters) GTEST_SKIP() << "SKIP: no filter can be set here";
  if (result.exit_code == kNoMoves) GTEST_SKIP() << "SKIP: this kernel does not move pages (MREMAP_DONTUNMAP)";
  EXPECT_EQ(result.exit_code, 0);
}

// A slot; pages at the start of a slot, and in the middle; the last pages.
INSTANTIATE_TEST_SUITE_P(
    Of, Moves,
    ::testing::Values(std::vector<Range>{{kSegmentSize, kSegmentSize}},
                      std::vector<Range>{{0, 7 * kPageSize},
                                         {2 * kSegmentSize + 9 * kPageSize, kPageSize}},
                      std::vector<Range>{{4 * kSegmentSize + kPageSize, 4 * kPageSize}}));

}  // namespace
}  // namespace hz3::testlib
