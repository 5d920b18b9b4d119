// Acts of processes: forks, exits.

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "testing/stress/act.h"

namespace hz3::stress {
namespace {

using testlib::CheckedHeap;
using testlib::HeapUser;

constexpr size_t kLargest = size_t{1} << 20;
constexpr unsigned kChildSeconds = 60;
constexpr int kGoodChild = 42;
constexpr unsigned kBusyWhileForking = 3;

// Exit code of a child, or minus the signal that ended it.
int Await(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) Fail("waitpid: " + std::string(strerror(errno)));
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

pid_t Fork() {
  const pid_t pid = fork();
  if (pid < 0) Fail("fork: " + std::string(strerror(errno)));
  if (pid == 0) alarm(kChildSeconds);
  return pid;
}

void UseHeap(CheckedHeap& heap, uint64_t seed) {
  HeapUser user(heap, {.seed = seed, .blocks = 60, .largest = kLargest});
  for (int step = 0; step < 100; ++step) user.Step();
  user.FreeAll();
  Require(heap);
}

void UseHeapWithThreads(CheckedHeap& heap, uint64_t seed) {
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 3; ++i) threads.emplace_back(UseHeap, std::ref(heap), seed + i);
  for (std::thread& thread : threads) thread.join();
}

void RequireGood(int code, const char* what) {
  if (code != kGoodChild) {
    Fail(std::string(what) + " ended with " + std::to_string(code) + " (-14: it hung)");
  }
}

// What a child does, by its number; each allocates and frees what it inherited first.
[[noreturn]] void Child(unsigned number, CheckedHeap& heap, HeapUser& inherited) {
  inherited.FreeAll();
  UseHeap(heap, number);
  if (number % 3 == 1) {
    const pid_t grandchild = Fork();
    if (grandchild == 0) {
      UseHeap(heap, number + 1);
      _exit(kGoodChild);
    }
    RequireGood(Await(grandchild), "a grandchild");
  }
  if (number % 3 == 2) UseHeapWithThreads(heap, number);
  if (number % 2 == 0) execl("/bin/sh", "sh", "-c", "exit 42", nullptr);
  _exit(kGoodChild);
}

}  // namespace

void Forks(const ActOptions& options) {
  // Few: the processors are for the children, which have to allocate too.
  Crowd crowd(options, std::min(options.threads, kBusyWhileForking), kLargest);
  std::atomic<unsigned> next{0};
  std::vector<std::thread> forkers;
  for (uint64_t id = 0; id < 2; ++id) {
    forkers.emplace_back([&, id] {
      for (unsigned n = next.fetch_add(1); n < options.forks; n = next.fetch_add(1)) {
        HeapUser mine(crowd.heap(), {.seed = options.seed + 1000 + id, .largest = kLargest});
        for (int step = 0; step < 60; ++step) mine.Step();
        const pid_t pid = Fork();
        if (pid == 0) Child(n, crowd.heap(), mine);
        RequireGood(Await(pid), "a child of fork");
        mine.FreeAll();
      }
    });
  }
  for (std::thread& forker : forkers) forker.join();
}

// ---- exits

namespace {

bool allocates_at_exit = false;

void AllocateAtExit() {
  if (!allocates_at_exit) return;
  auto lines = std::make_unique<std::vector<std::string>>(300, std::string(90, 'z'));
  free(calloc(1, size_t{5} << 20));
}

struct StaticObject {
  ~StaticObject() { AllocateAtExit(); }
};
StaticObject static_object;

[[gnu::destructor(101)]] void LastDestructor() { AllocateAtExit(); }

}  // namespace

void ExitOnce(const ActOptions& options) {
  allocates_at_exit = true;
  atexit(AllocateAtExit);
  at_quick_exit(AllocateAtExit);
  // Never stopped: its threads run while the process ends.
  auto* crowd = new Crowd(options, options.threads, kLargest);
  usleep(static_cast<useconds_t>(options.seed % 7 * 1000));
  switch (options.seed % 5) {
    case 0:
      exit(kGoodExit);
    case 1:
      quick_exit(kGoodExit);
    case 2:
      _exit(kGoodExit);
    case 3:
      std::thread([] { exit(kGoodExit); }).join();
      break;
    default:
      // The last thread ends the process.
      std::thread([crowd] {
        usleep(2000);
        crowd->Stop();
        exit(kGoodExit);
      }).detach();
      pthread_exit(nullptr);
  }
  Fail("it did not exit");
}

void Exits(const ActOptions& options) {
  for (uint64_t n = 0; n == 0 || !TimeIsUp(options); ++n) {
    const pid_t pid = Fork();
    if (pid == 0) {
      // Exec: an exit with all of its handlers has to be this program's own.
      const std::string seed = "--seed=" + std::to_string(options.seed + n);
      const std::string threads = "--threads=" + std::to_string(options.threads);
      execl("/proc/self/exe", "stress", "--act=exit_once", seed.c_str(), threads.c_str(), nullptr);
      _exit(127);
    }
    const int code = Await(pid);
    if (code != kGoodExit) {
      Fail("a process that exits with seed " + std::to_string(options.seed + n) + " ended with " +
           std::to_string(code) + " (-14: it hung)");
    }
  }
}

}  // namespace hz3::stress
