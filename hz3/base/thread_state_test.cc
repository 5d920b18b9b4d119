#include "hz3/base/thread_state.h"

#include <atomic>
#include <cerrno>
#include <thread>
#include <unistd.h>

#include "gtest/gtest.h"
#include "hz3/base/lease.h"

namespace hz3 {
namespace {

TEST(ThreadState, IsReadAfterTheNameWhateverTheNameHolds) {
  EXPECT_EQ(ParseThreadStat("12 (cat) R 1 2 3"), ThreadState::kRuns);
  EXPECT_EQ(ParseThreadStat("12 (a) R (b) S 1"), ThreadState::kSleeps);
  EXPECT_EQ(ParseThreadStat("12 (x) D 1"), ThreadState::kSleeps);
  EXPECT_EQ(ParseThreadStat("12 (x) Z 1"), ThreadState::kUnknown);
  EXPECT_EQ(ParseThreadStat("12 (x)"), ThreadState::kUnknown);
  EXPECT_EQ(ParseThreadStat("12 (x) "), ThreadState::kUnknown);
  EXPECT_EQ(ParseThreadStat("12 x R"), ThreadState::kUnknown);
  EXPECT_EQ(ParseThreadStat(""), ThreadState::kUnknown);
}

TEST(ThreadState, TheCallerRuns) {
  if (access("/proc/self/task", R_OK) != 0) GTEST_SKIP() << "no /proc here";
  EXPECT_EQ(StateOf(ThisThreadId()), ThreadState::kRuns);
}

TEST(ThreadState, WhoWaitsSleeps) {
  if (access("/proc/self/task", R_OK) != 0) GTEST_SKIP() << "no /proc here";
  std::atomic<int32_t> id{0};
  std::atomic<uint32_t> word{0};
  std::thread sleeper([&] {
    id = ThisThreadId();
    while (word == 0) FutexWait(&word, 0, 1000000);
  });
  while (id == 0) std::this_thread::yield();
  // It falls asleep some time soon.
  while (StateOf(id) != ThreadState::kSleeps) std::this_thread::yield();
  word = 1;
  FutexWake(&word, 1);
  sleeper.join();
}

TEST(ThreadState, IsUnknownOfNoThread) {
  errno = EILSEQ;
  EXPECT_EQ(StateOf(0), ThreadState::kUnknown);
  EXPECT_EQ(StateOf(-5), ThreadState::kUnknown);
  EXPECT_EQ(StateOf(0x7fffffff), ThreadState::kUnknown);
  EXPECT_EQ(errno, EILSEQ);
}

}  // namespace
}  // namespace hz3
