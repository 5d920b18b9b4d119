// The thread of hz3_start_background_purge in a whole process: what it leaves alone (signals,
// forks, the end of the process) and what it gives back. Lane fast has none, and says so.

#include <dirent.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/malloc_extension.h"
#include "testing/lib/process_memory.h"
#include "testing/lib/subprocess.h"
#include "testing/lib/test_main.h"

namespace hz3::testlib {
namespace {

constexpr const char* kVariable = "HZ3_BACKGROUND_PURGE_MS";

template <typename F>
bool Eventually(F condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    usleep(5000);
  }
  return true;
}

// The id of the thread, or "" when there is none.
std::string PurgeThread() {
  std::string found;
  DIR* tasks = opendir("/proc/self/task");
  while (const dirent* entry = readdir(tasks)) {
    std::ifstream file(std::string("/proc/self/task/") + entry->d_name + "/comm");
    std::string name;
    if (std::getline(file, name) && name == "hz3-purge") found = entry->d_name;
  }
  closedir(tasks);
  return found;
}

bool LaneHasNone() { return hz3_start_background_purge(1000) != 0 && errno == ENOTSUP; }

class BackgroundPurge : public ::testing::Test {
 protected:
  void SetUp() override {
    if (LaneHasNone()) GTEST_SKIP() << "lane " << hz3_lane() << " has no such thread";
  }
  void TearDown() override { hz3_stop_background_purge(); }

  static RunResult RunSelf(const std::string& what, const std::string& interval = "") {
    RunOptions options;
    options.timeout = std::chrono::seconds(60);
    if (!interval.empty()) options.environment = {{kVariable, interval}};
    return RunProgram({SelfPath(), "--child", what}, options);
  }
};

TEST(BackgroundPurgeLane, InLaneFastItIsRefused) {
  if (std::string(hz3_lane()) != "fast") GTEST_SKIP() << "this is lane " << hz3_lane();
  errno = 0;
  EXPECT_EQ(hz3_start_background_purge(100), -1);
  EXPECT_EQ(errno, ENOTSUP);
}

TEST_F(BackgroundPurge, ThereIsNoThreadUnlessSomebodyAsks) {
  const RunResult result = RunSelf("look");
  EXPECT_EQ(result.out, "none\n") << result;
}

TEST_F(BackgroundPurge, TheEnvironmentMayAskForIt) {
  EXPECT_EQ(RunSelf("look", "50").out, "thread\n");
  EXPECT_EQ(RunSelf("look", "0").out, "none\n");
  const RunResult result = RunSelf("look", "often");
  EXPECT_EQ(result.out, "none\n");
  EXPECT_NE(result.err.find("hz3: HZ3_BACKGROUND_PURGE_MS=often is ignored"), std::string::npos)
      << result;
}

TEST_F(BackgroundPurge, RefusesIntervalsThatAreNone) {
  for (const size_t ms : {size_t{0}, size_t{3600001}, SIZE_MAX}) {
    errno = 0;
    EXPECT_EQ(hz3_start_background_purge(ms), -1);
    EXPECT_EQ(errno, EINVAL);
  }
}

TEST_F(BackgroundPurge, MemoryOfAnIdleProcessGoesBackWithoutACall) {
  hz3_start_background_purge(50);
  const size_t before = ResidentBytes();
  {
    std::vector<std::string> blocks;
    for (int i = 0; i < 20000; ++i) blocks.emplace_back(4000, 'x');
  }
  // Resident memory is read without allocating.
  EXPECT_TRUE(Eventually([&] { return ResidentBytes() < before + 8 * kMiB; }))
      << ResidentBytes() / kMiB << " MiB";
}

TEST_F(BackgroundPurge, TheThreadEndsWhenItIsStopped) {
  ASSERT_EQ(hz3_start_background_purge(3600000), 0);
  EXPECT_TRUE(Eventually([] { return !PurgeThread().empty(); }));
  hz3_stop_background_purge();
  EXPECT_TRUE(Eventually([] { return PurgeThread().empty(); }));
  ASSERT_EQ(hz3_start_background_purge(3600000), 0);
  EXPECT_TRUE(Eventually([] { return !PurgeThread().empty(); }));
}

TEST_F(BackgroundPurge, TheThreadHasAllSignalsBlocked) {
  ASSERT_EQ(hz3_start_background_purge(1000), 0);
  ASSERT_TRUE(Eventually([] { return !PurgeThread().empty(); }));
  std::ifstream file("/proc/self/task/" + PurgeThread() + "/status");
  unsigned long long blocked = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("SigBlk:")) blocked = std::strtoull(line.c_str() + 7, nullptr, 16);
  }
  for (const int signal : {SIGINT, SIGTERM, SIGCHLD, SIGALRM, SIGUSR1, SIGPROF, SIGHUP}) {
    EXPECT_NE(blocked >> (signal - 1) & 1, 0u) << strsignal(signal);
  }
}

// The C library sends all threads a signal for that, and waits until each has answered it.
TEST_F(BackgroundPurge, TheProcessMayChangeItsUserAndGroup) {
  const RunResult result = RunSelf("setresuid", "1000");
  EXPECT_TRUE(result.ok()) << result;
}

TEST_F(BackgroundPurge, AForkHasNoneAndMayStartOneWhileTheParentsGoesOn) {
  ASSERT_EQ(hz3_start_background_purge(1), 0);
  for (int i = 0; i < 50; ++i) {
    const RunResult result = RunInChild([] {
      if (!PurgeThread().empty()) _exit(1);
      std::vector<std::string> blocks(2000, std::string(1000, 'x'));
      if (hz3_start_background_purge(1) != 0) _exit(2);
      if (!Eventually([] { return !PurgeThread().empty(); })) _exit(3);
    });
    ASSERT_TRUE(result.ok()) << result;
    std::vector<std::string> blocks(100, std::string(100000, 'x'));
  }
  EXPECT_FALSE(PurgeThread().empty());
}

TEST_F(BackgroundPurge, AProcessEndsAsIfItWereNotThere) {
  for (const char* how : {"return", "exit", "pthread_exit"}) {
    const RunResult result = RunSelf(how, "10");
    EXPECT_TRUE(result.ok()) << how << ": " << result;
  }
}

TEST_F(BackgroundPurge, ThreadsThatAllocateAllTheTimeAreServedRight) {
  ASSERT_EQ(hz3_start_background_purge(1), 0);
  std::vector<std::thread> threads;
  std::vector<int> good(4, 0);
  for (size_t t = 0; t < good.size(); ++t) {
    threads.emplace_back([&good, t] {
      for (int round = 0; round < 300; ++round) {
        std::vector<std::string> blocks;
        for (size_t i = 0; i < 200; ++i)
          blocks.emplace_back(1 + i * 37 % 3000, static_cast<char>(t));
        for (const std::string& block : blocks) {
          if (block.find_first_not_of(static_cast<char>(t)) != std::string::npos) return;
        }
        // Idle now and then, so that the bins are robbed.
        if (round % 20 == 0) usleep(5000);
      }
      good[t] = 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, std::vector<int>(4, 1));
}

}  // namespace

int ChildMain(const std::vector<std::string>& arguments) {
  const std::string what = arguments.empty() ? "" : arguments[0];
  if (what == "look") {
    // The thread names itself a moment after it began.
    const bool wanted = std::getenv(kVariable) != nullptr && std::atoi(std::getenv(kVariable)) > 0;
    if (wanted) Eventually([] { return !PurgeThread().empty(); });
    std::puts(PurgeThread().empty() ? "none" : "thread");
    return 0;
  }
  if (what == "setresuid") {
    Eventually([] { return !PurgeThread().empty(); });
    alarm(20);
    constexpr auto kAsItIs = static_cast<uid_t>(-1);
    return setresuid(kAsItIs, kAsItIs, kAsItIs) == 0 ? 0 : 3;
  }
  if (what == "return") return 0;
  if (what == "exit") std::exit(0);
  if (what == "pthread_exit") {
    std::thread([] { usleep(50'000); }).detach();
    pthread_exit(nullptr);  // the process ends with code 0 when its last thread does
  }
  return 2;
}

}  // namespace hz3::testlib
