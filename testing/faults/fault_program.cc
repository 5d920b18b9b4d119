// A program that uses every part of the allocator while system calls fail by the plan in
// HZ3_FAULT_PLAN (fault_plan.h), and again after the plan was cleared. During the faults each
// allocation works or returns NULL with ENOMEM; after them all of them work, nothing is lost, and
// what was used has come back.
//
// Exit code 0 and one line of figures, or 1 and one line that says what was wrong. No exceptions,
// no static objects that allocate: memory may be out before main.

#include <malloc.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "hz3/malloc_extension.h"
#include "testing/faults/os_calls.h"
#include "testing/lib/checked_heap.h"
#include "testing/lib/random.h"

namespace hz3::testlib {
namespace {

constexpr size_t kKiB = 1024;
constexpr size_t kMiB = 1024 * kKiB;
constexpr uint64_t kSteps = 800;
// Room enough for everything that this program does, however it lies.
constexpr size_t kRoomyArena = 4096 * kMiB;

[[noreturn]] void Die(const char* what, size_t value) {
  dprintf(STDERR_FILENO, "fault_program: %s (%zu)\n", what, value);
  _exit(1);
}

void Require(const CheckedHeap& heap) {
  if (!heap.ok()) Die(heap.error(), 0);
}

// ---- parts of the work; each frees what it allocates

template <size_t n>
void FreeAll(CheckedHeap& heap, std::array<Block, n>& blocks) {
  for (Block& block : blocks) {
    if (block.live()) heap.Free(block);
  }
}

void MixSizes(CheckedHeap& heap, uint64_t seed, size_t largest) {
  Random random(seed);
  std::array<Block, 200> blocks;
  for (uint64_t step = 0; step < kSteps; ++step) {
    Block& block = blocks[random.Below(blocks.size())];
    if (!block.live()) {
      block = heap.AllocateRandomly(random, largest, seed << 32 | step);
    } else if (block.resizable() && random.Below(4) == 0) {
      heap.Resize(block, LogUniformSize(random, largest), random.Below(2) == 0);
    } else {
      heap.Free(block);
    }
  }
  FreeAll(heap, blocks);
}

// All pages written, so that what is freed is there to be given back.
void WriteAndFree(size_t bytes) {
  auto* block = static_cast<char*>(malloc(bytes));
  if (block == nullptr) return;
  for (size_t at = 0; at < bytes; at += 4 * kKiB) block[at] = 1;
  free(block);
}

void UseWholeSlots(CheckedHeap& heap) {
  std::array<Block, 6> blocks;
  for (size_t i = 0; i < blocks.size(); ++i) {
    blocks[i] = heap.Allocate(Entry::kMalloc, (3 + 4 * i) * kMiB, 1, i);
  }
  // Moves by pages, in place, and back.
  for (size_t mib : {5u, 40u, 41u, 9u, 100u, 3u, 1u}) {
    if (blocks[2].live()) heap.Resize(blocks[2], mib * kMiB);
  }
  FreeAll(heap, blocks);
  for (size_t mib : {600u, 30u, 3u}) {
    Block block = heap.Allocate(Entry::kCalloc, mib * kMiB, 1, mib);
    if (block.live()) heap.Free(block);
    WriteAndFree(mib < 100 ? mib * kMiB : kMiB);
  }
}

// A soft limit that is exceeded makes every page that is freed go back at once.
void GiveMemoryBack() {
  hz3_set_soft_limit(4 * kMiB);
  for (size_t i = 0; i < 10; ++i) WriteAndFree((i + 1) * 700 * kKiB);
  hz3_set_soft_limit(SIZE_MAX);
  malloc_trim(0);
}

struct Visitor {
  CheckedHeap* heap;
  std::array<Block, 100> blocks;
};

void* FreeAndFill(void* argument) {
  auto& visitor = *static_cast<Visitor*>(argument);
  for (size_t i = 0; i < visitor.blocks.size(); ++i) {
    Block& block = visitor.blocks[i];
    if (block.live()) visitor.heap->Free(block);
    block = visitor.heap->Allocate(Entry::kMalloc, 100 + i * 500, 1, i);
  }
  MixSizes(*visitor.heap, 77, 300 * kKiB);
  return nullptr;
}

// Blocks go from this thread to another and back.
void UseThreads(CheckedHeap& heap) {
  Visitor visitor = {&heap, {}};
  for (size_t i = 0; i < visitor.blocks.size(); ++i) {
    visitor.blocks[i] = heap.Allocate(Entry::kCalloc, 60 + i * 300, 1, i);
  }
  for (int turn = 0; turn < 3; ++turn) {
    pthread_t thread;
    // May fail when the thread's own memory cannot be had.
    if (pthread_create(&thread, nullptr, FreeAndFill, &visitor) == 0) pthread_join(thread, nullptr);
  }
  FreeAll(heap, visitor.blocks);
}

// Blocks of which a part is freed, one way or the other, and the rest dies with its heap.
void UseFirstClassHeap(bool must_work) {
  hz3_heap* heap = hz3_heap_create();
  if (heap == nullptr && (must_work || errno != ENOMEM))
    Die("hz3_heap_create failed; errno", static_cast<size_t>(errno));
  for (size_t i = 0; heap != nullptr && i < 300; ++i) {
    const size_t bytes = i * i * 50;
    auto* block = static_cast<char*>(hz3_heap_allocate(heap, bytes + 1));
    if (block == nullptr && (must_work || errno != ENOMEM)) Die("no block of", bytes);
    if (block == nullptr) continue;
    block[0] = block[bytes] = 7;
    if (i % 3 == 0) hz3_heap_free(heap, block);
    if (i % 3 == 1) free(block);
  }
  hz3_heap_destroy(heap);
}

void UseFork(CheckedHeap& heap, bool must_work) {
  Block inherited = heap.Allocate(Entry::kMalloc, 5000, 1, 5);
  const pid_t pid = fork();
  if (pid == 0) {
    alarm(10);
    if (inherited.live()) heap.Free(inherited);
    MixSizes(heap, 99, 200 * kKiB);
    Require(heap);
    _exit(0);
  }
  int status = 0;
  if (pid > 0 && (waitpid(pid, &status, 0) != pid || status != 0)) {
    Die("a child of fork did not end well; status", static_cast<size_t>(status));
  }
  if (pid < 0 && must_work) Die("fork failed; errno", static_cast<size_t>(errno));
  if (inherited.live()) heap.Free(inherited);
}

void Work(CheckedHeap& heap, bool must_work) {
  MixSizes(heap, 1, 64 * kKiB);
  MixSizes(heap, 2, 4 * kMiB);
  UseWholeSlots(heap);
  GiveMemoryBack();
  UseThreads(heap);
  UseFirstClassHeap(must_work);
  UseFork(heap, must_work);
  MixSizes(heap, 3, 16 * kMiB);
  Require(heap);
}

void ReportCalls() {
  FaultPlan& plan = ActivePlan();
  for (unsigned i = 0; i < kOsCalls; ++i) {
    const auto calls = static_cast<unsigned long long>(plan.calls(static_cast<OsCall>(i)));
    dprintf(STDOUT_FILENO, "%s=%llu ", kOsCallNames[i], calls);
  }
}

}  // namespace

int Main() {
  CheckedHeap heap(CheckedHeap::Failures::kAllowed);
  Work(heap, false);
  ReportCalls();
  ActivePlan().Clear();
  // An arena that had to be made while addresses were refused stays as small as it is.
  const bool roomy = hz3_arena_bytes() >= kRoomyArena;
  if (roomy) heap.set_failures(CheckedHeap::Failures::kForbidden);
  const uint64_t failed = heap.failed();
  // hz3 remembers for 10 ms that the system refused memory.
  usleep(30'000);
  for (int turn = 0; turn < 2; ++turn) Work(heap, roomy);
  hz3_purge();
  dprintf(STDOUT_FILENO, "failed_calls=%llu failed_allocations=%llu committed=%zu live=%zu\n",
          static_cast<unsigned long long>(ActivePlan().failed()),
          static_cast<unsigned long long>(failed), hz3_committed_bytes(), mallinfo2().uordblks);
  return 0;
}

}  // namespace hz3::testlib

int main() { return hz3::testlib::Main(); }
