// A fixed arena of HZ3_ARENA_MIB: as much memory as it says, in more address space, so that what is
// free serves whatever is asked for, also when it lies scattered.

#include <malloc.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/config/config.h"
#include "testing/integration/extension.h"
#include "testing/lib/allocator_under_test.h"
#include "testing/lib/process_memory.h"
#include "testing/lib/subprocess.h"
#include "testing/lib/test_main.h"

namespace hz3::testlib {
namespace {

constexpr std::size_t kArena = 64 * kMiB;

// Blocks of one size, held in memory that is not malloc's.
class Held {
 public:
  explicit Held(std::size_t bytes) : bytes_(bytes) {}
  // Until malloc fails.
  void Fill() {
    while (count_ < kMost) {
      errno = 0;
      void* p = malloc(Opaque(bytes_));
      if (p == nullptr) break;
      *static_cast<char*>(p) = 'x';
      blocks_[count_++] = p;
    }
    error_ = errno;
  }
  // All but each k-th.
  void Thin(std::size_t k) {
    for (std::size_t i = 0; i < count_; ++i) {
      if (i % k == 0) continue;
      free(blocks_[i]);
      blocks_[i] = nullptr;
    }
  }
  std::size_t live_bytes() const {
    std::size_t live = 0;
    for (std::size_t i = 0; i < count_; ++i) live += blocks_[i] != nullptr ? bytes_ : 0;
    return live;
  }
  std::size_t block_bytes() const { return bytes_; }
  int error() const { return error_; }

 private:
  static constexpr std::size_t kMost = 1 << 16;
  const std::size_t bytes_;
  std::size_t count_ = 0;
  int error_ = 0;
  void* blocks_[kMost];
};

Held page_blocks(4096);
Held eight_page_blocks(32768);
Held large_blocks(256 * 1024);
Held huge_blocks(4 * kMiB);

[[noreturn]] void Fail(const char* what, std::size_t figure) {
  std::fprintf(stderr, "%s: %zu\n", what, figure);
  std::fflush(stderr);
  _Exit(1);
}

void ExpectAtLeast(const char* what, std::size_t bytes, std::size_t least) {
  if (bytes < least) Fail(what, bytes);
  if (bytes > kArena) Fail("more than the arena has", bytes);
}

// Every second page stays live, so that no two free pages are neighbours.
void LongerRunsFromScatteredPages(Held* longer) {
  page_blocks.Fill();
  ExpectAtLeast("blocks of a page", page_blocks.live_bytes(), kArena / 100 * 97);
  if (page_blocks.error() != ENOMEM) Fail("errno", static_cast<std::size_t>(page_blocks.error()));
  page_blocks.Thin(2);
  longer->Fill();
  // What is left at the end is less than one block more.
  ExpectAtLeast("longer blocks in the freed half", longer->live_bytes() + longer->block_bytes(),
                kArena / 100 * 47);
  ExpectAtLeast("all together", longer->live_bytes() + page_blocks.live_bytes(),
                kArena / 100 * 97 - longer->block_bytes());
}

void RunScenario(const std::string& name) {
  if (name == "medium") {
    LongerRunsFromScatteredPages(&eight_page_blocks);
  } else if (name == "large") {
    LongerRunsFromScatteredPages(&large_blocks);
  } else if (name == "huge") {
    LongerRunsFromScatteredPages(&huge_blocks);
  } else if (name == "another thread") {
    std::thread([] { page_blocks.Fill(); }).join();
    page_blocks.Thin(2);
    eight_page_blocks.Fill();
    ExpectAtLeast("all together", eight_page_blocks.live_bytes() + page_blocks.live_bytes(),
                  kArena / 100 * 94);
  } else if (name == "size") {
    if (Hz3().arena_bytes() != kArena) Fail("arena_bytes", Hz3().arena_bytes());
    if (Hz3().limit() != SIZE_MAX) Fail("limit", Hz3().limit());
  }
  std::printf("fine\n");
}

class Arena : public ::testing::TestWithParam<const char*> {};

TEST_P(Arena, ServesAllThatIsFree) {
  if (kConfig.hardened) GTEST_SKIP() << "SKIP: built with hardened=true: blocks take more pages";
  const RunResult result =
      RunProgram({SelfPath(), "--child", GetParam()},
                 {.environment = {{"HZ3_ARENA_MIB", std::to_string(kArena / kMiB)}}});
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_EQ(result.out, "fine\n");
}

// Where more address space than the arena itself is refused, it does without.
TEST(ArenaWithoutSlack, Works) {
  const RunResult result = RunProgram(
      {SelfPath(), "--child", "size"},
      {.environment = {{"HZ3_ARENA_MIB", std::to_string(kArena / kMiB)}},
       .limits = {{RLIMIT_AS, 180 * kMiB}}});
  EXPECT_TRUE(result.ok()) << result;
}

INSTANTIATE_TEST_SUITE_P(Shapes, Arena,
                         ::testing::Values("size", "medium", "large", "huge", "another thread"),
                         [](const auto& test) {
                           std::string name = test.param;
                           for (char& c : name) c = c == ' ' ? '_' : c;
                           return name;
                         });

}  // namespace

int ChildMain(const std::vector<std::string>& arguments) {
  RunScenario(arguments.at(0));
  return 0;
}

}  // namespace hz3::testlib
