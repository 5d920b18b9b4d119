// A process under a memory limit of a real control group: with HZ3_LIMIT=cgroup it survives a
// workload whose free but resident memory would exceed the limit, and one that asks for more than
// there is. The same without hz3's limit is killed, which shows that the test means something.
//
// The group is made below the test's own (version 1), or below or beside it (version 2, where a
// group with processes can have no controlled groups below it). Where that is not allowed the tests
// skip and say why.

#include <malloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "testing/integration/extension.h"
#include "testing/integration/pinned_blocks.h"
#include "testing/lib/allocator_under_test.h"
#include "testing/lib/process_memory.h"
#include "testing/lib/subprocess.h"
#include "testing/lib/test_main.h"

namespace hz3::testlib {
namespace {

constexpr std::size_t kLimit = 128 * kMiB;

// -- the program under the limit ------------------------------------------------------------------

[[noreturn]] void Fail(const char* what, std::size_t block_bytes, std::size_t held) {
  std::fprintf(stderr, "%s: blocks of %zu bytes, %zu held, %zu committed, limit %zu\n", what,
               block_bytes, held, Hz3().committed_bytes(), Hz3().limit());
  std::fflush(stderr);
  _Exit(1);
}

// Threads that hold what they have freed in their bins, and sleep.
class Sleepers {
 public:
  // Returns when all of them sleep. None frees before all have written their blocks.
  Sleepers(int count, std::size_t block_bytes, std::size_t bytes) : count_(count) {
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this, block_bytes, bytes] {
        PinnedBlocks blocks;
        if (!blocks.Fill(block_bytes, bytes)) Fail("a sleeper found no memory", block_bytes, 0);
        ArriveAndWait(filled_);
        blocks.Thin(16);
        Arrive(asleep_);
        Await([this] { return awake_; });
      });
    }
    Await([this] { return asleep_ == count_; });
  }
  ~Sleepers() {
    Change([this] { awake_ = true; });
    for (std::thread& thread : threads_) thread.join();
  }
  Sleepers(const Sleepers&) = delete;
  Sleepers& operator=(const Sleepers&) = delete;

 private:
  template <typename F>
  void Change(F change) {
    {
      std::lock_guard<std::mutex> hold(mutex_);
      change();
    }
    changed_.notify_all();
  }
  template <typename F>
  void Await(F condition) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, condition);
  }
  void Arrive(int& arrived) {
    Change([&arrived] { ++arrived; });
  }
  void ArriveAndWait(int& arrived) {
    Arrive(arrived);
    Await([this, &arrived] { return arrived == count_; });
  }

  const int count_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int filled_ = 0;
  int asleep_ = 0;
  bool awake_ = false;
  std::vector<std::thread> threads_;
};

// 88 MiB are written and freed but for a sixteenth, in bins of sleeping threads and in holes that
// no large block fits into; then 50 MiB are written in one piece, and again in other sizes.
void WorkInWaves() {
  const Sleepers sleepers(8, 16 * kKiB, 11 * kMiB);
  for (const std::size_t bytes : {50 * kMiB, 3 * kMiB, 700 * kKiB}) {
    std::vector<void*> blocks;
    for (std::size_t n = 0; n < 50 * kMiB / bytes; ++n) {
      void* block = malloc(Opaque(bytes));
      if (block == nullptr) Fail("a wave found no memory", bytes, n * bytes);
      std::memset(block, 2, bytes);
      blocks.push_back(block);
    }
    for (void* block : blocks) free(block);
  }
}

// Writes blocks until malloc fails, for several sizes; ends well when each time it failed with
// ENOMEM, not early, and served again after the blocks were freed.
void AskForMoreThanThereIs() {
  struct Link {
    Link* next;
  };
  for (const std::size_t bytes :
       {std::size_t{100}, std::size_t{3000}, 20 * kKiB, 300 * kKiB, 5 * kMiB}) {
    Link* first = nullptr;
    std::size_t held = 0;
    for (; held < 2 * kLimit; held += bytes) {
      errno = 0;
      void* block = malloc(Opaque(bytes));
      if (block == nullptr) break;
      std::memset(block, 3, bytes);
      first = new (block) Link{first};
    }
    if (held >= kLimit) Fail("it did not fail", bytes, held);
    if (errno != ENOMEM) Fail("it failed without ENOMEM", bytes, held);
    if (held < kLimit / 2) Fail("it failed early", bytes, held);
    while (first != nullptr) {
      Link* next = first->next;
      free(first);
      first = next;
    }
  }
}

// -- the group ------------------------------------------------------------------------------------

// Where the memory controller keeps the group of this process.
struct Place {
  std::string directory;  // empty: not found
  bool v1 = false;
};

std::vector<std::string> Lines(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// The mount point of a hierarchy whose root is the real root.
std::string MountOf(const std::string& type, const std::string& option) {
  for (const std::string& line : Lines("/proc/self/mountinfo")) {
    std::istringstream words(line);
    std::string ignored, root, mount, word, found_type, source, options;
    words >> ignored >> ignored >> ignored >> root >> mount;
    while (words >> word && word != "-") {
    }
    words >> found_type >> source >> options;
    const bool has =
        option.empty() || ("," + options + ",").find("," + option + ",") != std::string::npos;
    if (found_type == type && has && root == "/") return mount;
  }
  return "";
}

Place OwnGroup() {
  Place v2;
  for (const std::string& line : Lines("/proc/self/cgroup")) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1);
    if (controllers.find(",memory,") != std::string::npos) {
      const std::string mount = MountOf("cgroup", "memory");
      return {mount.empty() ? "" : mount + group, true};
    }
    if (controllers == ",,") {
      const std::string mount = MountOf("cgroup2", "");
      if (!mount.empty()) v2.directory = mount + group;
    }
  }
  return v2;
}

bool WriteTo(const std::string& path, const std::string& text) {
  std::FILE* file = std::fopen(path.c_str(), "we");
  if (file == nullptr) return false;
  const bool written = std::fputs(text.c_str(), file) >= 0;
  return std::fclose(file) == 0 && written;
}

// A group with a limit of kLimit, and no swap.
class LimitedGroup {
 public:
  LimitedGroup() {
    const Place own = OwnGroup();
    if (own.directory.empty()) {
      why_not_ = "no memory controller is mounted";
      return;
    }
    std::vector<std::filesystem::path> parents = {own.directory};
    if (!own.v1) parents.push_back(parents[0].parent_path());
    for (const std::filesystem::path& parent : parents) {
      if (Make(parent / ("hz3_test." + std::to_string(getpid())), own.v1)) return;
    }
  }
  ~LimitedGroup() {
    // A process that was killed leaves it a moment later.
    for (int i = 0; !path_.empty() && rmdir(path_.c_str()) != 0 && errno == EBUSY && i < 1000;
         ++i) {
      usleep(1000);
    }
  }
  LimitedGroup(const LimitedGroup&) = delete;
  LimitedGroup& operator=(const LimitedGroup&) = delete;

  // Empty when the group stands.
  const std::string& why_not() const { return why_not_; }
  // Whether the group cannot swap: only then is a process killed at the limit for sure.
  bool cannot_swap() const { return cannot_swap_; }

  RunResult Run(const std::string& work, const std::string& limit) const {
    return RunProgram({"/bin/sh", "-c", "echo $$ > \"$0\" && exec \"$@\"", path_ + "/cgroup.procs",
                       SelfPath(), "--child", work},
                      {.environment = {{"HZ3_LIMIT", limit}, {"HZ3_SOFT_LIMIT", limit}}});
  }

 private:
  bool Make(const std::string& path, bool v1) {
    if (!v1) WriteTo(path.substr(0, path.rfind('/')) + "/cgroup.subtree_control", "+memory");
    if (mkdir(path.c_str(), 0755) != 0) {
      why_not_ = "no group can be made: " + path + ": " + std::strerror(errno);
      return false;
    }
    const char* file = v1 ? "/memory.limit_in_bytes" : "/memory.max";
    if (!WriteTo(path + file, std::to_string(kLimit))) {
      why_not_ = "no limit can be set: " + path + file + ": " + std::strerror(errno);
      rmdir(path.c_str());
      return false;
    }
    cannot_swap_ = v1 ? WriteTo(path + "/memory.memsw.limit_in_bytes", std::to_string(kLimit))
                      : WriteTo(path + "/memory.swap.max", "0");
    path_ = path;
    why_not_.clear();
    return true;
  }

  std::string path_;
  std::string why_not_;
  bool cannot_swap_ = false;
};

class CgroupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!group_.why_not().empty()) GTEST_SKIP() << group_.why_not();
  }

  LimitedGroup group_;
};

TEST_F(CgroupTest, TheLimitsAreSharesOfTheGroups) {
  const RunResult result = group_.Run("limits", "cgroup");
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_EQ(result.out, std::to_string(kLimit / 100 * 90 / 4096 * 4096) + " " +
                            std::to_string(kLimit / 100 * 75 / 4096 * 4096) + "\n");
}

TEST_F(CgroupTest, AProcessWhoseFreeMemoryWouldExceedTheLimitSurvives) {
  const RunResult result = group_.Run("waves", "cgroup");
  EXPECT_TRUE(result.ok()) << result;
}

TEST_F(CgroupTest, AProcessThatAsksForMoreThanThereIsGetsEnomemAndSurvives) {
  const RunResult result = group_.Run("exhaust", "cgroup");
  EXPECT_TRUE(result.ok()) << result;
}

TEST_F(CgroupTest, AProgramThatSetsTheLimitsItselfSurvivesTheSame) {
  for (const char* work : {"set waves", "set exhaust"}) {
    const RunResult result = group_.Run(work, "0");
    EXPECT_TRUE(result.ok()) << work << ": " << result;
  }
}

TEST_F(CgroupTest, WithoutALimitTheSameIsKilled) {
  if (!group_.cannot_swap()) GTEST_SKIP() << "the group can swap";
  for (const char* work : {"waves", "exhaust"}) {
    const RunResult result = group_.Run(work, "0");
    EXPECT_EQ(result.signal, SIGKILL) << work << ": " << result;
    EXPECT_FALSE(result.timed_out);
  }
}

}  // namespace

int ChildMain(const std::vector<std::string>& arguments) {
  std::string work = arguments.empty() ? "" : arguments[0];
  if (work.starts_with("set ")) {
    if (Hz3().set_limit_from_cgroup(90) != 0 || Hz3().set_soft_limit_from_cgroup(75) != 0) return 3;
    work.erase(0, 4);
  }
  if (work == "limits") {
    std::printf("%zu %zu\n", Hz3().limit(), Hz3().soft_limit());
  } else if (work == "waves") {
    WorkInWaves();
  } else if (work == "exhaust") {
    AskForMoreThanThereIs();
  } else {
    return 2;
  }
  return 0;
}

}  // namespace hz3::testlib
