// Threads come, hand blocks to each other, and go; what they used comes back.
// Argument --threads_in_turn=N: how many threads start and end one after another.

#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <barrier>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "testing/lib/allocator_under_test.h"
#include "testing/lib/block.h"
#include "testing/lib/process_memory.h"
#include "testing/lib/random.h"
#include "testing/lib/subprocess.h"
#include "testing/lib/test_main.h"
#include "testing/lib/watchdog.h"

namespace hz3::testlib {
namespace {

constexpr int kThreadsAtOnce = 1000;
constexpr int kThreadsInTurn = 20'000;
constexpr std::size_t kStackBytes = 128 * kKiB;
constexpr unsigned kHangSeconds = 100;

int ThreadsInTurn() {
  constexpr std::string_view kFlag = "--threads_in_turn=";
  for (const std::string& argument : TestArguments()) {
    if (argument.starts_with(kFlag)) return std::stoi(argument.substr(kFlag.size()));
  }
  return kThreadsInTurn;
}

// A thread with a small stack: 1,000 of them must fit anywhere.
class SmallThread {
 public:
  using Body = void* (*)(void*);

  SmallThread(Body body, void* argument) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kStackBytes);
    started_ = pthread_create(&thread_, &attributes, body, argument) == 0;
    pthread_attr_destroy(&attributes);
    EXPECT_TRUE(started_) << "pthread_create";
  }

  void Join() {
    if (started_) pthread_join(thread_, nullptr);
  }
  void Cancel() {
    if (started_) pthread_cancel(thread_);
  }

 private:
  pthread_t thread_ = {};
  bool started_ = false;
};

// ---- many at once

struct Holder {
  std::array<char*, 40> blocks = {};
  std::uint64_t id = 0;
  Holder* next = nullptr;
  std::barrier<>* barrier = nullptr;
  bool intact = true;

  static std::size_t Size(std::size_t i) { return 16 + i * i * 5; }

  void Allocate() {
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      blocks[i] = static_cast<char*>(malloc(Opaque(Size(i))));
      FillPattern(blocks[i], Size(i), id + i);
    }
  }

  void FreeHalf(std::size_t first) {
    for (std::size_t i = first; i < blocks.size(); i += 2) {
      intact &= HasPattern(blocks[i], Size(i), id + i);
      free(blocks[i]);
    }
  }

  // Each thread frees half of its own blocks and half of its neighbour's.
  static void* Body(void* argument) {
    auto* self = static_cast<Holder*>(argument);
    self->Allocate();
    self->barrier->arrive_and_wait();
    self->FreeHalf(0);
    self->next->FreeHalf(1);
    return nullptr;
  }
};

TEST(Threads, AThousandAtOnceHoldBlocksAndFreeEachOthers) {
  const Watchdog watchdog("1,000 threads at once", kHangSeconds);
  std::barrier<> barrier(kThreadsAtOnce);
  std::vector<Holder> holders(kThreadsAtOnce);
  for (std::size_t i = 0; i < holders.size(); ++i) {
    holders[i].id = i * 1000;
    holders[i].next = &holders[(i + 1) % holders.size()];
    holders[i].barrier = &barrier;
  }
  std::vector<SmallThread> threads;
  threads.reserve(holders.size());
  for (Holder& holder : holders) threads.emplace_back(Holder::Body, &holder);
  for (SmallThread& thread : threads) thread.Join();
  for (const Holder& holder : holders) EXPECT_TRUE(holder.intact) << "thread " << holder.id / 1000;
}

// ---- many in turn

void* AllocateSomeAndEnd(void* left_behind) {
  void* blocks[24];
  for (std::size_t i = 0; i < 24; ++i) {
    const std::size_t size = std::size_t{8} << i / 2;
    FillPattern(blocks[i] = malloc(Opaque(size)), size < 4096 ? size : 4096, i);
  }
  for (void* block : blocks) free(block);
  free(*static_cast<void**>(left_behind));
  *static_cast<void**>(left_behind) = malloc(Opaque(std::size_t{3000}));
  return nullptr;
}

void RunInTurn(int count, SmallThread::Body body, void* argument) {
  for (int i = 0; i < count; ++i) SmallThread(body, argument).Join();
}

void ExpectNoGrowth(std::size_t before, std::size_t allowed) {
  const std::size_t after = ResidentBytes();
  EXPECT_LE(after, before + allowed)
      << "from " << before / kKiB << " KiB to " << after / kKiB << " KiB";
}

TEST(Threads, ManyOneAfterAnotherLeaveNothingBehind) {
  const Watchdog watchdog("threads one after another", 10 * kHangSeconds);
  void* left_behind = nullptr;
  RunInTurn(1000, AllocateSomeAndEnd, &left_behind);
  const std::size_t before = ResidentBytes();
  RunInTurn(ThreadsInTurn(), AllocateSomeAndEnd, &left_behind);
  ExpectNoGrowth(before, 2 * kMiB);
  free(left_behind);
}

void* FillEightMiBAndFreeIt(void*) {
  std::vector<std::unique_ptr<char[]>> blocks;
  for (int i = 0; i < 256; ++i) {
    blocks.push_back(std::make_unique<char[]>(Opaque(32 * kKiB)));
    FillPattern(blocks.back().get(), 32 * kKiB, 1);
  }
  return nullptr;
}

TEST(Threads, WhatAnEndedThreadUsedServesTheNext) {
  RunInTurn(5, FillEightMiBAndFreeIt, nullptr);
  const std::size_t before = ResidentBytes();
  RunInTurn(50, FillEightMiBAndFreeIt, nullptr);
  ExpectNoGrowth(before, 16 * kMiB);
}

// ---- blocks that others free

TEST(Threads, BlocksThatOneThreadMakesAndAnotherFreesAreReused) {
  const Watchdog watchdog("producer and consumer", kHangSeconds);
  constexpr std::size_t kBatch = 2000;
  std::vector<char*> blocks(kBatch);
  std::barrier<> turn(2);
  std::atomic<int> damaged{0};
  std::size_t before = 0;
  std::thread consumer([&] {
    for (int round = 0; round < 200; ++round) {
      turn.arrive_and_wait();
      for (std::size_t i = 0; i < kBatch; ++i) {
        damaged += !HasPattern(blocks[i], 64 + i % 512, i);
        free(blocks[i]);
      }
      if (round == 20) before = ResidentBytes();
      turn.arrive_and_wait();
    }
  });
  for (int round = 0; round < 200; ++round) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      blocks[i] = static_cast<char*>(malloc(Opaque(64 + i % 512)));
      FillPattern(blocks[i], 64 + i % 512, i);
    }
    turn.arrive_and_wait();
    turn.arrive_and_wait();
  }
  consumer.join();
  EXPECT_EQ(damaged, 0);
  ExpectNoGrowth(before, 8 * kMiB);
}

TEST(Threads, BlocksOutliveTheThreadThatMadeThem) {
  std::vector<char*> blocks;
  for (std::uint64_t i = 0; i < 300; ++i) {
    std::thread([&] {
      for (std::size_t size = 16; size <= 64 * kKiB; size *= 4) {
        blocks.push_back(static_cast<char*>(malloc(Opaque(size))));
        FillPattern(blocks.back(), size, size);
      }
    }).join();
  }
  std::size_t i = 0;
  while (i < blocks.size()) {
    for (std::size_t size = 16; size <= 64 * kKiB; size *= 4, ++i) {
      EXPECT_TRUE(HasPattern(blocks[i], size, size));
      free(blocks[i]);
    }
  }
}

// ---- destructors of thread-local things

struct AllocatesAtThreadExit {
  std::vector<std::string> lines;
  ~AllocatesAtThreadExit() {
    std::vector<std::string> more;
    for (int i = 0; i < 200; ++i) more.push_back(std::string(100, 'x') + std::to_string(i));
    lines.clear();
    ended += more.back() == std::string(100, 'x') + "199";
  }
  static std::atomic<int> ended;
};

std::atomic<int> AllocatesAtThreadExit::ended{0};

TEST(ThreadExit, DestructorsOfThreadLocalsMayAllocate) {
  const int before = AllocatesAtThreadExit::ended;
  for (int i = 0; i < 500; ++i) {
    std::thread([] {
      thread_local AllocatesAtThreadExit object;
      object.lines.assign(50, std::string(300, 'y'));
    }).join();
  }
  EXPECT_EQ(AllocatesAtThreadExit::ended - before, 500);
}

pthread_key_t rearming_key;
std::atomic<int> rearming_calls{0};

// Sets its key again, so that it is called as often as the system allows: surely after hz3's own
// destructor.
void RearmingDestructor(void* block) {
  ++rearming_calls;
  FillPattern(block, 64 * kKiB, 1);
  free(block);
  void* small = malloc(Opaque(std::size_t{40}));
  void* next = malloc(Opaque(64 * kKiB));
  free(small);
  if (rearming_calls % PTHREAD_DESTRUCTOR_ITERATIONS != 0) {
    pthread_setspecific(rearming_key, next);
  } else {
    free(next);
  }
}

void* SetRearmingKey(void*) {
  pthread_setspecific(rearming_key, malloc(Opaque(64 * kKiB)));
  return nullptr;
}

TEST(ThreadExit, KeyDestructorsThatArmThemselvesAgainMayAllocateAndLeakNothing) {
  constexpr int kThreads = 2000;
  ASSERT_EQ(pthread_key_create(&rearming_key, RearmingDestructor), 0);
  RunInTurn(200, SetRearmingKey, nullptr);
  const std::size_t before = ResidentBytes();
  rearming_calls = 0;
  RunInTurn(kThreads, SetRearmingKey, nullptr);
  EXPECT_EQ(rearming_calls, kThreads * PTHREAD_DESTRUCTOR_ITERATIONS);
  ExpectNoGrowth(before, 8 * kMiB);
  pthread_key_delete(rearming_key);
}

// ---- cancelled threads

void* AllocateUntilCancelled(void* started) {
  static_cast<std::atomic<int>*>(started)->fetch_add(1);
  Random random(1);
  while (true) {
    void* blocks[8];
    for (void*& block : blocks) block = malloc(Opaque(random.Between(1, 40000)));
    for (void* block : blocks) free(block);
    pthread_testcancel();
  }
  return nullptr;
}

void CancelThreads(int rounds) {
  for (int round = 0; round < rounds; ++round) {
    std::atomic<int> started{0};
    std::vector<SmallThread> threads;
    for (int i = 0; i < 10; ++i) threads.emplace_back(AllocateUntilCancelled, &started);
    while (started < 10) usleep(100);
    for (SmallThread& thread : threads) thread.Cancel();
    for (SmallThread& thread : threads) thread.Join();
  }
}

TEST(ThreadExit, CancelledThreadsGiveEverythingBack) {
  const Watchdog watchdog("cancelled threads", kHangSeconds);
  CancelThreads(10);
  const std::size_t before = ResidentBytes();
  CancelThreads(30);
  ExpectNoGrowth(before, 8 * kMiB);
}

// ---- before main and after exit

char* early_block = nullptr;

[[gnu::constructor(101)]] void AllocateBeforeMain() {
  early_block = static_cast<char*>(malloc(Opaque(std::size_t{5000})));
  FillPattern(early_block, 5000, 77);
  free(malloc(Opaque(3 * kMiB)));
}

TEST(Process, BlocksFromBeforeMainAreOrdinaryBlocks) {
  ASSERT_NE(early_block, nullptr);
  EXPECT_TRUE(HasPattern(early_block, 5000, 77));
  early_block = static_cast<char*>(realloc(early_block, 100000));
  EXPECT_TRUE(HasPattern(early_block, 5000, 77, 4992));
  free(early_block);
}

bool report_exit = false;

void UseHeapAtExit(const char* when) {
  auto words = std::make_unique<std::vector<std::string>>(300, std::string(90, 'z'));
  void* large = calloc(1, Opaque(5 * kMiB));
  const bool good = words->back().size() == 90 && IsZero(large, 5 * kMiB);
  free(large);
  if (good) [[maybe_unused]]
    const ssize_t written = write(STDOUT_FILENO, when, 1);
}

[[gnu::destructor(101)]] void UseHeapInLastDestructor() {
  if (report_exit) UseHeapAtExit("d");
}

TEST(Process, ExitHandlersAndDestructorsMayAllocate) {
  const auto body = [] {
    report_exit = true;
    atexit([] { UseHeapAtExit("a"); });
    static AllocatesAtThreadExit object;
    object.lines.assign(50, std::string(300, 'y'));
  };
  const RunResult result = RunInChild(body, /*run_exit_handlers=*/true);
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_EQ(result.out, "ad");
}

TEST(Process, MayExitWhileOtherThreadsAllocate) {
  for (int i = 0; i < 20; ++i) {
    const auto body = [] {
      static std::atomic<int> started{0};
      for (int thread = 0; thread < 4; ++thread) {
        std::thread([] { AllocateUntilCancelled(&started); }).detach();
      }
      while (started < 4) usleep(100);
    };
    const RunResult result = RunInChild(body, /*run_exit_handlers=*/true);
    ASSERT_TRUE(result.ok()) << result;
  }
}

}  // namespace
}  // namespace hz3::testlib
