// fork in a process whose other threads allocate leaves the child a working heap, and never hangs.

#include <malloc.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "testing/lib/allocator_under_test.h"
#include "testing/lib/block.h"
#include "testing/lib/process_memory.h"
#include "testing/lib/random.h"
#include "testing/lib/watchdog.h"

namespace hz3::testlib {
namespace {

constexpr int kForks = 200;
constexpr unsigned kChildSeconds = 40;
constexpr unsigned kTestSeconds = 200;
constexpr int kSuccess = 42;

// ---- handlers of the program, registered before any other code of the process could

struct HandlerCounts {
  int prepare = 0;
  int parent = 0;
  int child = 0;
};

HandlerCounts early_counts;
HandlerCounts late_counts;

// Enough sizes that bins are missed and the slow path is taken while hz3 is in the middle of its
// own handlers.
void UseHeap() {
  std::array<void*, 60> blocks;
  std::size_t size = 16;
  for (void*& block : blocks) {
    block = malloc(Opaque(size));
    size += size / 6;
  }
  for (void* block : blocks) free(block);
  free(malloc(Opaque(3 * kMiB)));
}

[[gnu::constructor(101)]] void RegisterBeforeMain() {
  pthread_atfork([] { ++early_counts.prepare, UseHeap(); },
                 [] { ++early_counts.parent, UseHeap(); }, [] { ++early_counts.child, UseHeap(); });
}

void RegisterLate() {
  pthread_atfork([] { ++late_counts.prepare, UseHeap(); }, [] { ++late_counts.parent, UseHeap(); },
                 [] { ++late_counts.child, UseHeap(); });
}

// ---- threads that keep the heap busy

class BusyThreads {
 public:
  explicit BusyThreads(std::uint64_t count) {
    for (std::uint64_t id = 0; id < count; ++id) threads_.emplace_back([this, id] { Work(id); });
  }
  ~BusyThreads() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    for (std::atomic<void*>& slot : slots_) free(slot.load());
  }

 private:
  // Blocks pass from thread to thread through the slots, so that remote frees are in flight too.
  void Work(std::uint64_t id) {
    Random random(id);
    while (!stop_) {
      void* block = malloc(Opaque(LogUniformSize(random, 200 * kKiB)));
      free(slots_[random.Below(slots_.size())].exchange(block));
      if (random.Below(5000) == 0) malloc_trim(0);
    }
  }

  std::atomic<bool> stop_{false};
  std::array<std::atomic<void*>, 500> slots_ = {};
  std::vector<std::thread> threads_;
};

// ---- what children do

// Blocks that main and other threads made before the forks.
class Inherited {
 public:
  Inherited() {
    for (int i = 0; i < 8; ++i) std::thread([this] { Add(); }).join();
    Add();
  }
  ~Inherited() { FreeAll(); }

  bool IsIntact() const {
    bool intact = true;
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      intact &= HasPattern(blocks_[i], Size(i), i);
    }
    return intact;
  }

  void FreeAll() {
    for (void* block : blocks_) free(block);
    blocks_.clear();
  }

 private:
  static std::size_t Size(std::size_t i) { return 16 + i * 97 % 9000; }
  void Add() {
    for (int i = 0; i < 60; ++i) {
      const std::size_t size = Size(blocks_.size());
      void* block = malloc(Opaque(size));
      FillPattern(block, size, blocks_.size());
      blocks_.push_back(block);
    }
  }
  std::vector<void*> blocks_;
};

bool AllocateAndCheck(std::uint64_t seed) {
  Random random(seed);
  std::vector<std::pair<void*, std::size_t>> blocks;
  for (std::uint64_t i = 0; i < 150; ++i) {
    const std::size_t size = LogUniformSize(random, 100 * kKiB);
    blocks.emplace_back(malloc(Opaque(size)), size);
    FillPattern(blocks.back().first, size, i);
  }
  bool intact = true;
  for (std::uint64_t i = 0; i < blocks.size(); ++i) {
    intact &= HasPattern(blocks[i].first, blocks[i].second, i);
    free(blocks[i].first);
  }
  return intact;
}

// Waits for a child and returns its exit code, or minus the signal that ended it.
int Await(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) return -1000;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

template <typename Body>
pid_t Fork(Body body) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  signal(SIGALRM, SIG_DFL);
  alarm(kChildSeconds);
  _exit(body() ? kSuccess : 1);
}

bool ForkAgain() {
  return Await(Fork([] { return AllocateAndCheck(2); })) == kSuccess && AllocateAndCheck(3);
}

bool StartThreads() {
  std::atomic<int> good{0};
  std::thread first([&] { good += AllocateAndCheck(4); });
  std::thread second([&] { good += AllocateAndCheck(5); });
  first.join();
  second.join();
  return good == 2;
}

bool Execute() {
  execl("/bin/sh", "sh", "-c", "exit 42", nullptr);
  return false;
}

bool FreeInherited(Inherited& inherited) {
  const bool intact = inherited.IsIntact();
  inherited.FreeAll();
  malloc_trim(0);
  return intact && AllocateAndCheck(6);
}

bool ChildOfKind(int kind, Inherited& inherited) {
  switch (kind) {
    case 0:
      return AllocateAndCheck(1);
    case 1:
      return FreeInherited(inherited);
    case 2:
      return ForkAgain();
    case 3:
      return StartThreads();
    default:
      return AllocateAndCheck(1) && Execute();
  }
}

TEST(Fork, ChildrenOfAThreadedProcessAllocateForkStartThreadsAndExec) {
  const Watchdog watchdog("fork while threads allocate", kTestSeconds);
  Inherited inherited;
  const BusyThreads busy(4);
  for (int i = 0; i < kForks; ++i) {
    const int kind = i % 5;
    ASSERT_EQ(Await(Fork([&] { return ChildOfKind(kind, inherited); })), kSuccess)
        << "fork " << i << ", kind " << kind << " (-14: it hung)";
  }
  EXPECT_TRUE(inherited.IsIntact());
}

TEST(Fork, SeveralThreadsMayForkAtOnce) {
  const Watchdog watchdog("threads that fork", kTestSeconds);
  const BusyThreads busy(2);
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 15; ++j)
        good += Await(Fork([] { return AllocateAndCheck(7); })) == kSuccess;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 60);
}

// A cache that its thread is giving back is half empty when the child finds it.
TEST(Fork, ThreadsMayEndWhileAnotherForks) {
  const Watchdog watchdog("fork while threads end", kTestSeconds);
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!stop) std::thread([] { AllocateAndCheck(9); }).join();
    });
  }
  int good = 0;
  for (int i = 0; i < 300; ++i)
    good += Await(Fork([] { return AllocateAndCheck(10); })) == kSuccess;
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 300);
}

TEST(Fork, TheParentsHeapIsAsItWas) {
  const std::size_t before = ResidentBytes();
  Inherited inherited;
  for (int i = 0; i < 50; ++i)
    ASSERT_EQ(Await(Fork([&] { return FreeInherited(inherited); })), kSuccess);
  EXPECT_TRUE(inherited.IsIntact());
  EXPECT_LE(ResidentBytes(), before + 16 * kMiB);
}

TEST(Fork, HandlersOfTheProgramMayAllocateWhereverTheyStandInTheOrder) {
  const Watchdog watchdog("malloc in atfork handlers", kTestSeconds);
  RegisterLate();
  early_counts = late_counts = HandlerCounts();
  const BusyThreads busy(4);
  for (int i = 0; i < 30; ++i) {
    const pid_t child = Fork(
        [] { return early_counts.child == 1 && late_counts.child == 1 && AllocateAndCheck(8); });
    ASSERT_EQ(Await(child), kSuccess) << "fork " << i << " (-14: it hung)";
  }
  EXPECT_EQ(early_counts.prepare, 30);
  EXPECT_EQ(late_counts.parent, 30);
}

TEST(Fork, SpawnedProgramsRunWhileThreadsAllocate) {
  const Watchdog watchdog("posix_spawn and system", kTestSeconds);
  const BusyThreads busy(4);
  for (int i = 0; i < 20; ++i) {
    pid_t pid = 0;
    char name[] = "sh";
    char option[] = "-c";
    char script[] = "exit 42";
    char* const arguments[] = {name, option, script, nullptr};
    ASSERT_EQ(posix_spawn(&pid, "/bin/sh", nullptr, nullptr, arguments, environ), 0);
    EXPECT_EQ(Await(pid), 42);
    EXPECT_EQ(WEXITSTATUS(system("exit 7")), 7);
  }
}

TEST(Vfork, ChildMayExec) {
  const BusyThreads busy(2);
  for (int i = 0; i < 20; ++i) {
    const pid_t pid = vfork();
    if (pid == 0) {
      execl("/bin/sh", "sh", "-c", "exit 42", nullptr);
      _exit(1);
    }
    EXPECT_EQ(Await(pid), 42);
  }
}

}  // namespace
}  // namespace hz3::testlib
