// Under RLIMIT_AS and RLIMIT_DATA malloc serves what fits and then returns NULL with ENOMEM; once
// blocks are freed, it serves again. The limit may stand before the program starts, or come later.

#include <malloc.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "testing/lib/allocator_under_test.h"
#include "testing/lib/process_memory.h"
#include "testing/lib/subprocess.h"
#include "testing/lib/test_main.h"

namespace hz3::testlib {
namespace {

// Blocks that hold each other: exhausting memory needs no memory beside them.
struct Link {
  Link* next;
};

struct Chain {
  Link* first = nullptr;
  std::size_t bytes = 0;
  int error = 0;

  // Allocates until malloc fails or `most` bytes are held.
  void Grow(std::size_t block_bytes, std::size_t most) {
    while (bytes < most) {
      errno = 0;
      auto* link = static_cast<Link*>(malloc(Opaque(block_bytes)));
      error = errno;
      if (link == nullptr) return;
      link->next = first;
      first = link;
      bytes += block_bytes;
    }
  }

  void Free() {
    while (first != nullptr) {
      Link* next = first->next;
      free(first);
      first = next;
    }
    bytes = 0;
  }
};

[[noreturn]] void Fail(const char* what, std::size_t bytes) {
  std::fprintf(stderr, "%s, with %zu MiB held\n", what, bytes / kMiB);
  std::fflush(stderr);
  _Exit(1);
}

// Fills the heap under a limit, empties it, and fills it again; ends the process when something is
// wrong.
void ExhaustTwice(std::size_t block_bytes, std::size_t limit) {
  Chain chain;
  chain.Grow(block_bytes, limit);
  if (chain.bytes >= limit) Fail("the limit was not noticed", chain.bytes);
  if (chain.error != ENOMEM) Fail("errno is not ENOMEM", chain.bytes);
  if (chain.bytes < limit / 3)
    Fail("failed although two thirds of the limit are free", chain.bytes);
  const std::size_t first = chain.bytes;
  chain.Free();
  chain.Grow(block_bytes, first / 10 * 9);
  if (chain.bytes < first / 10 * 9) Fail("what was freed is not usable", chain.bytes);
  chain.Free();
  // Another kind of block than before: nothing may be bound to the old kind.
  chain.Grow(block_bytes > 10000 ? 500 : 50000, first / 2);
  if (chain.bytes < first / 2) Fail("what was freed does not serve other sizes", chain.bytes);
  chain.Free();
}

struct Limit {
  const char* name;
  ResourceLimit limit;
  std::vector<std::size_t> block_bytes;
};

const std::vector<std::size_t> kBlockBytes = {64, 1000, 8000, 30000, 300'000, 3'000'000};

std::vector<Limit> Limits() {
  return {{"RLIMIT_AS of 512 MiB", {RLIMIT_AS, 512 * kMiB}, kBlockBytes},
          {"RLIMIT_AS of 1 GiB", {RLIMIT_AS, 1024 * kMiB}, {20'000, 300'000}},
          {"RLIMIT_DATA of 256 MiB", {RLIMIT_DATA, 256 * kMiB}, kBlockBytes}};
}

TEST(Rlimit, ThatStandsBeforeTheProgramStartsIsReachedAndSurvived) {
  for (const Limit& limit : Limits()) {
    for (const std::size_t block_bytes : limit.block_bytes) {
      const RunResult result = RunProgram(
          {SelfPath(), "--child", std::to_string(block_bytes), std::to_string(limit.limit.bytes)},
          {.limits = {limit.limit}});
      EXPECT_TRUE(result.ok()) << limit.name << ", blocks of " << block_bytes << ": " << result;
    }
  }
}

TEST(Rlimit, ThatComesLaterIsReachedAndSurvived) {
  for (const std::size_t block_bytes : kBlockBytes) {
    const RunResult result = RunInChild([&] {
      free(malloc(Opaque(block_bytes)));
      // The address space that is already reserved stays ours; what is written counts as data.
      const rlimit value = {256 * kMiB, 256 * kMiB};
      if (setrlimit(RLIMIT_DATA, &value) != 0) Fail("setrlimit", 0);
      ExhaustTwice(block_bytes, value.rlim_cur);
    });
    EXPECT_TRUE(result.ok()) << "blocks of " << block_bytes << ": " << result;
  }
}

// An arena that was reserved before still serves; without one malloc says ENOMEM. Either way
// nothing crashes.
TEST(Rlimit, OnAddressSpaceThatComesLaterCrashesNothing) {
  for (const std::size_t block_bytes : kBlockBytes) {
    const RunResult result = RunInChild([&] {
      free(malloc(Opaque(block_bytes)));
      const rlimit value = {512 * kMiB, 512 * kMiB};
      if (setrlimit(RLIMIT_AS, &value) != 0) Fail("setrlimit", 0);
      Chain chain;
      chain.Grow(block_bytes, 600 * kMiB);
      if (chain.bytes < 600 * kMiB && chain.error != ENOMEM) Fail("not ENOMEM", chain.bytes);
      chain.Free();
      free(malloc(Opaque(block_bytes)));
    });
    EXPECT_TRUE(result.ok()) << "blocks of " << block_bytes << ": " << result;
  }
}

TEST(Rlimit, IsSurvivedByEightThreadsThatReachItTogether) {
  const RunResult result =
      RunProgram({SelfPath(), "--child", "threads"}, {.limits = {{RLIMIT_AS, 1024 * kMiB}}});
  EXPECT_TRUE(result.ok()) << result;
}

TEST(Rlimit, LeavesRoomForASingleLargeBlock) {
  const RunResult result =
      RunProgram({SelfPath(), "--child", "single"}, {.limits = {{RLIMIT_AS, 1024 * kMiB}}});
  EXPECT_TRUE(result.ok()) << result;
}

void ThreadsReachTheLimitTogether() {
  std::vector<Chain> chains(8);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < chains.size(); ++i) {
    threads.emplace_back([&chains, i] {
      chains[i].Grow(i % 2 == 0 ? 9000 : 700, 400 * kMiB);
      if (chains[i].error != ENOMEM && chains[i].bytes < 400 * kMiB) Fail("no ENOMEM", 0);
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::size_t held = 0;
  for (Chain& chain : chains) held += chain.bytes;
  for (Chain& chain : chains) chain.Free();
  if (held < 300 * kMiB) Fail("less than a third of the limit served", held);
  Chain again;
  again.Grow(9000, held / 2);
  if (again.bytes < held / 2) Fail("what was freed is not usable", again.bytes);
  again.Free();
}

void OneLargeBlock() {
  for (std::size_t bytes = 4 * kMiB; bytes <= 256 * kMiB; bytes *= 4) {
    auto* block = static_cast<char*>(malloc(Opaque(bytes)));
    if (block == nullptr) Fail("a block of a quarter of the limit was refused", bytes);
    block[0] = block[bytes - 1] = 1;
    free(block);
  }
}

}  // namespace

int ChildMain(const std::vector<std::string>& arguments) {
  if (arguments.at(0) == "threads") {
    ThreadsReachTheLimitTogether();
  } else if (arguments.at(0) == "single") {
    OneLargeBlock();
  } else {
    ExhaustTwice(std::stoul(arguments.at(0)), std::stoul(arguments.at(1)));
  }
  return 0;
}

}  // namespace hz3::testlib
