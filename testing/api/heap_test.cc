// First-class heaps in a program that runs on hz3: random use against a model, by many threads,
// with plain free among the ways back; heaps that are destroyed with all that lives in them; ten
// thousand of them; forks; misuse.
//
// A failure prints HZ3_TEST_SEED; set it to see the same again.

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hz3/malloc_extension.h"
#include "testing/lib/random.h"
#include "testing/lib/subprocess.h"
#include "testing/lib/test_main.h"

namespace hz3::testlib {
namespace {

using ::testing::HasSubstr;

constexpr size_t kMiB = size_t{1} << 20;

uint64_t Seed() {
  const char* text = std::getenv("HZ3_TEST_SEED");
  return text == nullptr ? 1 : std::strtoull(text, nullptr, 0);
}

struct Block {
  unsigned char* p = nullptr;
  size_t bytes = 0;
  unsigned char mark = 0;
  hz3_heap* heap = nullptr;
};

// Marks the ends of large blocks and all of small ones.
size_t MarkedBytes(const Block& block) { return std::min(block.bytes, size_t{5000}); }
void Mark(const Block& block) {
  memset(block.p, block.mark, MarkedBytes(block));
  block.p[block.bytes - 1] = block.mark;
}
bool IsMarked(const Block& block) {
  for (size_t i = 0; i < MarkedBytes(block); ++i) {
    if (block.p[i] != block.mark) return false;
  }
  return block.p[block.bytes - 1] == block.mark;
}

size_t RandomBytes(Random& random) {
  return LogUniformSize(random, random.Below(100) == 0 ? 5 * kMiB : 60'000);
}

Block Allocate(hz3_heap* heap, Random& random) {
  Block block;
  block.heap = heap;
  block.bytes = RandomBytes(random);
  block.mark = static_cast<unsigned char>(random.Next());
  const size_t align = size_t{1} << random.Below(14);
  const bool aligned = random.Below(4) == 0;
  void* p = aligned ? hz3_heap_allocate_aligned(heap, align, block.bytes)
                    : hz3_heap_allocate(heap, block.bytes);
  EXPECT_NE(p, nullptr);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % (aligned ? align : 16), 0u);
  EXPECT_GE(malloc_usable_size(p), block.bytes);
  block.p = static_cast<unsigned char*>(p);
  Mark(block);
  return block;
}

void Free(const Block& block, Random& random) {
  EXPECT_TRUE(IsMarked(block)) << "seed " << Seed();
  errno = EXDEV;
  if (random.Below(2) == 0) {
    hz3_heap_free(block.heap, block.p);
  } else {
    free(block.p);
  }
  EXPECT_EQ(errno, EXDEV);
}

// Heaps, and the blocks in them that some thread still means to free.
class Model {
 public:
  explicit Model(size_t heaps) : heaps_(heaps) {
    for (hz3_heap*& heap : heaps_) heap = hz3_heap_create();
  }
  ~Model() {
    for (hz3_heap* heap : heaps_) hz3_heap_destroy(heap);
  }

  // Each thread has a few heaps to itself now and then, and shares the others.
  void Work(uint64_t seed, int steps) {
    Random random(seed);
    std::vector<Block> own;
    for (int step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
      if (own.size() < 200 && random.Below(2) == 0) {
        own.push_back(Allocate(heaps_[random.Below(heaps_.size())], random));
      } else if (!own.empty()) {
        std::swap(own[random.Below(own.size())], own.back());
        Swap(own.back(), random);
        if (own.back().p != nullptr) Free(own.back(), random);
        own.pop_back();
      }
      if (random.Below(200) == 0) UseOneOfItsOwn(random);
    }
    // What is left dies with the heaps.
    for (const Block& block : own) EXPECT_TRUE(IsMarked(block));
  }

 private:
  static void UseOneOfItsOwn(Random& random) {
    hz3_heap* heap = hz3_heap_create();
    ASSERT_NE(heap, nullptr);
    std::vector<Block> blocks;
    for (int i = 0; i < 30; ++i) blocks.push_back(Allocate(heap, random));
    for (size_t i = 0; i < blocks.size(); i += 3) Free(blocks[i], random);
    for (size_t i = 1; i < blocks.size(); i += 3) EXPECT_TRUE(IsMarked(blocks[i]));
    hz3_heap_destroy(heap);
  }

  // Gives the block to another thread in exchange for one of its, or for none.
  void Swap(Block& block, Random& random) {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::swap(block, exchange_[random.Below(64)]);
  }

  std::vector<hz3_heap*> heaps_;
  std::mutex mutex_;
  std::map<size_t, Block> exchange_;
};

TEST(Heaps, RandomUseAgreesWithAModel) {
  Model model(5);
  model.Work(Seed(), 30'000);
}

TEST(Heaps, AnyThreadMayUseAnyHeap) {
  Model model(5);
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 8; ++i) {
    threads.emplace_back([&model, i] { model.Work(Seed() * 100 + i, 8'000); });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Heaps, AProfileOfEveryBlockGoesWithThem) {
  for (int round = 0; round < 2; ++round) {
    ASSERT_EQ(hz3_heap_profile_start(1), 0);
    {
      Model model(3);
      model.Work(Seed() + static_cast<uint64_t>(round), 5'000);
      // Half of the heaps' blocks are freed after the end of the sampling.
      ASSERT_EQ(hz3_heap_profile_stop(), 0);
      model.Work(Seed() + 10, 5'000);
    }
  }
}

TEST(Heaps, DestroyGivesEverythingBackAtOnce) {
  hz3_purge();
  const size_t before = hz3_committed_bytes();
  for (int round = 0; round < 3; ++round) {
    hz3_heap* heap = hz3_heap_create();
    for (int i = 0; i < 200'000; ++i) memset(hz3_heap_allocate(heap, 100), 1, 100);
    for (const size_t bytes : {50'000u, 700'000u, 9'000'000u}) {
      memset(hz3_heap_allocate(heap, bytes), 1, bytes);
    }
    EXPECT_GE(hz3_committed_bytes(), before + 29 * kMiB);
    hz3_heap_destroy(heap);
    hz3_purge();
    EXPECT_LE(hz3_committed_bytes(), before + 2 * kMiB);
  }
}

TEST(Heaps, FreedBlocksAreUsedAgain) {
  hz3_heap* heap = hz3_heap_create();
  hz3_purge();
  const size_t before = hz3_committed_bytes();
  for (int i = 0; i < 100'000; ++i) {
    for (const size_t bytes : {40u, 3'000u, 30'000u})
      hz3_heap_free(heap, hz3_heap_allocate(heap, bytes));
  }
  EXPECT_LE(hz3_committed_bytes(), before + kMiB);
  hz3_heap_destroy(heap);
}

TEST(Heaps, TenThousandOfThemTakeAFewPagesEach) {
  constexpr size_t kHeaps = 10'000;
  hz3_purge();
  const size_t before = hz3_committed_bytes();
  std::vector<hz3_heap*> heaps(kHeaps);
  std::vector<Block> blocks;
  Random random(Seed());
  for (hz3_heap*& heap : heaps) {
    heap = hz3_heap_create();
    ASSERT_NE(heap, nullptr);
    Block block;
    block.heap = heap;
    block.bytes = 200;
    block.mark = static_cast<unsigned char>(random.Next());
    block.p = static_cast<unsigned char*>(hz3_heap_allocate(heap, block.bytes));
    Mark(block);
    blocks.push_back(block);
  }
  // A span of the class has 2 pages.
  EXPECT_LE(hz3_committed_bytes() - before, kHeaps * 2 * 4096 + 4 * kMiB);
  for (const Block& block : blocks) ASSERT_TRUE(IsMarked(block));
  for (hz3_heap* heap : heaps) hz3_heap_destroy(heap);
  hz3_purge();
  EXPECT_LE(hz3_committed_bytes(), before + 2 * kMiB);
}

TEST(Heaps, ReallocMovesABlockOutOfItsHeapOrLeavesIt) {
  hz3_heap* heap = hz3_heap_create();
  auto* p = static_cast<char*>(hz3_heap_allocate(heap, 100));
  strcpy(p, "kept");
  auto* grown = static_cast<char*>(realloc(p, 100'000));
  ASSERT_NE(grown, nullptr);
  EXPECT_STREQ(grown, "kept");
  hz3_heap_destroy(heap);
  EXPECT_STREQ(grown, "kept") << "it is malloc's now";
  free(grown);
}

TEST(Heaps, EvenZeroBytesAreABlockOfTheirOwn) {
  hz3_heap* heap = hz3_heap_create();
  void* one = hz3_heap_allocate(heap, 0);
  void* two = hz3_heap_allocate(heap, 0);
  EXPECT_NE(one, nullptr);
  EXPECT_NE(one, two);
  hz3_heap_free(heap, one);
  hz3_heap_free(heap, nullptr);
  hz3_heap_destroy(heap);
  hz3_heap_destroy(nullptr);
}

TEST(Heaps, FailureIsNullWithErrnoAndTheHeapGoesOn) {
  hz3_heap* heap = hz3_heap_create();
  for (const size_t bytes : {SIZE_MAX, SIZE_MAX / 2, size_t{1} << 60}) {
    errno = 0;
    EXPECT_EQ(hz3_heap_allocate(heap, bytes), nullptr);
    EXPECT_EQ(errno, ENOMEM);
  }
  for (const size_t align : {size_t{0}, size_t{3}, size_t{48}}) {
    errno = 0;
    EXPECT_EQ(hz3_heap_allocate_aligned(heap, align, 10), nullptr);
    EXPECT_EQ(errno, EINVAL);
  }
  ASSERT_EQ(hz3_set_limit(hz3_committed_bytes() + 4 * kMiB), 0);
  errno = 0;
  while (hz3_heap_allocate(heap, 3'000) != nullptr) {
  }
  EXPECT_EQ(errno, ENOMEM);
  hz3_set_limit(SIZE_MAX);
  EXPECT_NE(hz3_heap_allocate(heap, 3'000), nullptr);
  hz3_heap_destroy(heap);
}

TEST(Heaps, TheWalkOverSegmentsKnowsTheirPages) {
  hz3_heap* heap = hz3_heap_create();
  memset(hz3_heap_allocate(heap, 3 * kMiB), 1, 3 * kMiB);
  for (int i = 0; i < 100; ++i) hz3_heap_allocate(heap, 40'000);
  size_t pages = 0;
  hz3_for_each_segment(
      [](const hz3_segment* segment, void* arg) {
        *static_cast<size_t*>(arg) += segment->private_pages;
        return 0;
      },
      &pages);
  EXPECT_EQ(pages, 3 * kMiB / 4096 + 100 * 10);
  hz3_heap_destroy(heap);
}

TEST(Heaps, AForkWhileOtherThreadsAllocateLeavesBothProcessesTheirHeaps) {
  hz3_heap* heap = hz3_heap_create();
  std::vector<Block> blocks;
  Random random(Seed());
  for (int i = 0; i < 100; ++i) blocks.push_back(Allocate(heap, random));
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&done, heap, t] {
      Random own(Seed() + t);
      while (!done) Free(Allocate(heap, own), own);
    });
  }
  for (int i = 0; i < 40 && !HasFailure(); ++i) {
    const RunResult result = RunInChild([&] {
      for (const Block& block : blocks) {
        if (!IsMarked(block)) _exit(1);
        hz3_heap_free(heap, block.p);
      }
      if (hz3_heap_allocate(heap, 100) == nullptr) _exit(2);
      hz3_heap_destroy(heap);
    });
    EXPECT_TRUE(result.ok()) << result;
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  for (const Block& block : blocks) EXPECT_TRUE(IsMarked(block));
  hz3_heap_destroy(heap);
}

// -- misuse
// -----------------------------------------------------------------------------------------

// What the process says before it aborts.
std::string ReportOf(const char* what) {
  const RunResult result = RunProgram({SelfPath(), "--child", what});
  EXPECT_EQ(result.signal, SIGABRT) << what << ": " << result;
  return result.err;
}

TEST(HeapMisuse, OfEachKindIsReportedInOneLineAndEndsTheProcess) {
  EXPECT_THAT(ReportOf("double free"), HasSubstr("hz3: double free"));
  EXPECT_THAT(ReportOf("double plain free"), HasSubstr("hz3: double free"));
  EXPECT_THAT(ReportOf("double free of a run"), HasSubstr("hz3: double free"));
  EXPECT_THAT(ReportOf("interior"), HasSubstr("interior pointer"));
  EXPECT_THAT(ReportOf("interior of a run"), HasSubstr("interior pointer"));
  EXPECT_THAT(ReportOf("interior of whole slots"), HasSubstr("interior pointer"));
  EXPECT_THAT(ReportOf("malloc's block"), HasSubstr("never gave out"));
  EXPECT_THAT(ReportOf("another heap's block"), HasSubstr("never gave out"));
  EXPECT_THAT(ReportOf("a local variable"), HasSubstr("never gave out"));
  EXPECT_THAT(ReportOf("a destroyed heap"), HasSubstr("hz3_heap_destroy"));
  EXPECT_THAT(ReportOf("destroyed twice"), HasSubstr("hz3_heap_destroy"));
}

void Misuse(const std::string& what) {
  hz3_heap* heap = hz3_heap_create();
  auto* small = static_cast<char*>(hz3_heap_allocate(heap, 100));
  auto* run = static_cast<char*>(hz3_heap_allocate(heap, 50'000));
  auto* slots = static_cast<char*>(hz3_heap_allocate(heap, 5 * kMiB));
  memset(run, 1, 50'000);
  memset(slots, 1, 5 * kMiB);
  const auto free_twice = [](auto free_once) {
    free_once();
    free_once();
  };
  int local = 0;
  if (what == "double free") free_twice([&] { hz3_heap_free(heap, small); });
  if (what == "double plain free") free_twice([&] { free(small); });
  if (what == "double free of a run") free_twice([&] { hz3_heap_free(heap, run); });
  if (what == "interior") hz3_heap_free(heap, small + 16);
  if (what == "interior of a run") hz3_heap_free(heap, run + 8192);
  if (what == "interior of whole slots") hz3_heap_free(heap, slots + 3 * kMiB);
  if (what == "malloc's block") hz3_heap_free(heap, malloc(100));
  if (what == "another heap's block") hz3_heap_free(hz3_heap_create(), small);
  if (what == "a local variable") hz3_heap_free(heap, &local);
  hz3_heap_destroy(heap);
  if (what == "a destroyed heap") hz3_heap_allocate(heap, 100);
  if (what == "destroyed twice") hz3_heap_destroy(heap);
}

}  // namespace

int ChildMain(const std::vector<std::string>& arguments) {
  Misuse(arguments.empty() ? "" : arguments[0]);
  return 0;
}

}  // namespace hz3::testlib
