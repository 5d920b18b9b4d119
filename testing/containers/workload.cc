// A program with threads, remote frees, growth, a fork, and a time without memory, that needs
// nothing but malloc's usual functions: it runs linked with hz3, linked statically, and preloaded,
// where there is no /proc, as process 1, and under filters that refuse system calls.
//
//   workload         works; exit code 0 and malloc_stats on stderr, or 1 and one line
//   workload roomy   the same without the time without memory
//   workload large   only writes blocks of several slots, which would come by huge pages
//   workload misuse  frees a block twice
//
// For the time without memory HZ3_ARENA_MIB must be set: it comes when that much is in use.

#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "testing/lib/allocator_under_test.h"
#include "testing/lib/checked_heap.h"
#include "testing/lib/heap_user.h"

namespace hz3::testlib {
namespace {

constexpr size_t kKiB = 1024;
constexpr size_t kMiB = 1024 * kKiB;
constexpr unsigned kThreads = 4;
constexpr int kSteps = 2000;
constexpr uint64_t kSeed = 1;

[[noreturn]] void Die(const char* what) {
  dprintf(STDERR_FILENO, "workload: %s; errno %d\n", what, errno);
  _exit(1);
}

void Require(const CheckedHeap& heap) {
  if (!heap.ok()) Die(heap.error());
}

// Half of the blocks that leave a thread are freed by another.
void ExchangeBlocks(CheckedHeap& heap, uint64_t seed) {
  const auto exchange = std::make_unique<Exchange>();
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([&heap, &exchange, seed, i] {
      HeapUser::Options options;
      options.seed = seed * kThreads + i;
      options.usual = 20 * kKiB;
      options.largest = 500 * kKiB;
      options.exchange = exchange.get();
      HeapUser user(heap, options);
      for (int step = 0; step < kSteps; ++step) user.Step();
      user.FreeAll();
    });
  }
  for (std::thread& thread : threads) thread.join();
  exchange->FreeAll(heap);
  Require(heap);
}

// A thread that has freed much, keeps some of that in its bins, and sleeps until the end.
class Sleeper {
 public:
  Sleeper() : thread_(&Sleeper::Sleep, this) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return asleep_; });
  }
  ~Sleeper() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      awake_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;

 private:
  void Sleep() {
    std::vector<void*> blocks;
    for (int i = 0; i < 1000; ++i) blocks.push_back(malloc(Opaque(size_t{3} * kKiB)));
    for (void* block : blocks) free(block);
    std::unique_lock<std::mutex> lock(mutex_);
    asleep_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return awake_; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool asleep_ = false;
  bool awake_ = false;
  std::thread thread_;
};

// Takes all there is in blocks of `size`, says how much that was, and gives it back.
void RunOutOfMemory(size_t size) {
  struct Link {
    Link* next;
  };
  Link* first = nullptr;
  size_t held = 0;
  while (true) {
    errno = 0;
    void* block = malloc(Opaque(size));
    if (block == nullptr) break;
    memset(block, 5, size);
    first = new (block) Link{first};
    held += size;
  }
  if (errno != ENOMEM) Die("malloc failed with another errno than ENOMEM");
  dprintf(STDERR_FILENO, "  held_in_blocks_of_%zu %zu bytes\n", size, held);
  while (first != nullptr) {
    Link* next = first->next;
    free(first);
    first = next;
  }
}

// Zeroed, grown, and shrunk: what asks the kernel which pages there are, and moves them.
void Grow(CheckedHeap& heap) {
  for (int i = 0; i < 3; ++i) {
    std::array<Block, 4> blocks;
    for (size_t n = 0; n < blocks.size(); ++n) {
      blocks[n] = heap.Allocate(Entry::kCalloc, (n + 1) * 700 * kKiB, 1, n);
    }
    for (const size_t mib : {5u, 9u, 3u}) {
      for (Block& block : blocks) heap.Resize(block, mib * kMiB);
    }
    for (Block& block : blocks) heap.Free(block);
    malloc_trim(0);
  }
  Require(heap);
}

void Fork(CheckedHeap& heap) {
  Block block = heap.Allocate(Entry::kMalloc, 5000, 1, 1);
  const pid_t pid = fork();
  if (pid < 0) Die("fork failed");
  if (pid == 0) {
    alarm(30);
    heap.Free(block);
    Grow(heap);
    _exit(0);
  }
  int status = 0;
  if (waitpid(pid, &status, 0) != pid || status != 0) Die("the child of fork did not end well");
  heap.Free(block);
  Require(heap);
}

int Work(bool run_out_of_memory) {
  CheckedHeap heap;
  const Sleeper sleepers[2];
  ExchangeBlocks(heap, kSeed);
  Grow(heap);
  if (run_out_of_memory) {
    for (const size_t size : {size_t{200'000}, size_t{3'000}}) RunOutOfMemory(size);
  }
  // Calloc of pages that were in use a moment ago, few of which are there.
  for (int i = 0; i < 4; ++i) free(Opaque(calloc(Opaque(900 * kKiB), 1)));
  Fork(heap);
  ExchangeBlocks(heap, kSeed + 1);
  malloc_trim(0);
  malloc_stats();
  return 0;
}

int WriteLargeBlocks() {
  constexpr size_t kBytes = 5 * kMiB;
  std::array<char*, 16> blocks;
  for (size_t n = 0; n < blocks.size(); ++n) {
    blocks[n] = static_cast<char*>(malloc(Opaque(kBytes)));
    if (blocks[n] == nullptr) Die("no memory for a large block");
    memset(blocks[n], static_cast<int>(n), kBytes);
  }
  for (size_t n = 0; n < blocks.size(); ++n) {
    for (size_t i = 0; i < kBytes; i += 511) {
      if (blocks[n][i] != static_cast<char>(n)) Die("a large block has lost its contents");
    }
    free(blocks[n]);
  }
  malloc_stats();
  return 0;
}

int Misuse() {
  void* block = malloc(Opaque(size_t{100} * kKiB));
  free(block);
  free(Opaque(block));
  dprintf(STDERR_FILENO, "workload: a double free went unnoticed\n");
  return 1;
}

}  // namespace
}  // namespace hz3::testlib

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "misuse") return hz3::testlib::Misuse();
  if (what == "large") return hz3::testlib::WriteLargeBlocks();
  return hz3::testlib::Work(what != "roomy");
}
