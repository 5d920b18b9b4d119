// Random programs against a model of the heap (testing/lib/checked_heap.h): through every entry
// point, what is live is known, does not overlap, is aligned, and keeps every byte until it is freed,
// by whichever thread. A failing run prints the command that repeats it; HZ3_TEST_SEED=N and
// HZ3_TEST_STEPS=N choose another run.

#include <malloc.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "testing/lib/checked_heap.h"
#include "testing/lib/process_memory.h"
#include "testing/lib/random.h"
#include "testing/lib/test_main.h"

namespace hz3::testlib {
namespace {

constexpr std::uint64_t kDefaultSeed = 20260101;
constexpr std::uint64_t kDefaultSteps = 200'000;
constexpr std::size_t kLargestSize = 300 * kKiB;
constexpr std::size_t kHugeSize = 24 * kMiB;
constexpr unsigned kThreads = 8;

std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}
std::uint64_t Seed() { return FromEnvironment("HZ3_TEST_SEED", kDefaultSeed); }
std::uint64_t Steps() { return FromEnvironment("HZ3_TEST_STEPS", kDefaultSteps); }

std::string RepeatCommand() {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  return "repeat with: HZ3_TEST_SEED=" + std::to_string(Seed()) +
         " HZ3_TEST_STEPS=" + std::to_string(Steps()) + " " + SelfPath() + " --gtest_filter=" +
         test->test_suite_name() + "." + test->name();
}

// One block in 200 is of many pages.
std::size_t Largest(Random& random) { return random.Below(200) == 0 ? kHugeSize : kLargestSize; }

void Change(CheckedHeap& heap, Random& random, Block& block) {
  if (block.resizable() && random.Below(4) == 0) {
    heap.Resize(block, LogUniformSize(random, Largest(random)), random.Below(2) == 0);
  } else {
    heap.Free(block);
  }
}

TEST(Model, OneThreadNeverSeesTwoLiveBlocksOverlapOrAByteChange) {
  Random random(Seed());
  CheckedHeap heap;
  std::vector<Block> blocks(600);
  for (std::uint64_t step = 0; step < Steps() && heap.ok(); ++step) {
    Block& block = blocks[random.Below(blocks.size())];
    if (block.live()) {
      Change(heap, random, block);
    } else {
      block = heap.AllocateRandomly(random, Largest(random), step);
    }
    if (step % 50'000 == 0) malloc_trim(0);
  }
  for (Block& block : blocks) {
    if (block.live()) heap.Free(block);
  }
  EXPECT_TRUE(heap.ok()) << heap.error() << "\n" << RepeatCommand();
}

// Where threads leave blocks for others; a slot that is taken gives its old block in exchange.
class Exchange {
 public:
  Block Swap(std::size_t slot, const Block& block) {
    const std::lock_guard<std::mutex> lock(mutexes_[slot % mutexes_.size()]);
    return std::exchange(slots_[slot % slots_.size()], block);
  }

  std::size_t size() const { return slots_.size(); }

 private:
  std::array<Block, 1024> slots_;
  std::array<std::mutex, 64> mutexes_;
};

void ExchangingThread(std::uint64_t id, CheckedHeap& heap, Exchange& exchange) {
  Random random(Seed() + id);
  std::vector<Block> own(100);
  for (std::uint64_t step = 0; step < Steps() / 3 && heap.ok(); ++step) {
    Block& block = own[random.Below(own.size())];
    if (!block.live()) {
      block = heap.AllocateRandomly(random, Largest(random), id << 40 | step);
    } else if (random.Below(2) == 0) {
      Change(heap, random, block);
    } else {
      block = exchange.Swap(random.Below(exchange.size()), block);
    }
  }
  for (Block& block : own) {
    if (block.live()) heap.Free(block);
  }
}

// The same seed gives each thread the same program; how they meet is the scheduler's.
TEST(Model, EightThreadsThatExchangeBlocksNeverSeeAnOverlapOrAByteChange) {
  CheckedHeap heap;
  Exchange exchange;
  std::vector<std::thread> threads;
  for (std::uint64_t id = 1; id <= kThreads; ++id) {
    threads.emplace_back(ExchangingThread, id, std::ref(heap), std::ref(exchange));
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t slot = 0; slot < exchange.size(); ++slot) {
    Block block = exchange.Swap(slot, Block());
    if (block.live()) heap.Free(block);
  }
  EXPECT_TRUE(heap.ok()) << heap.error() << "\n" << RepeatCommand();
}

}  // namespace
}  // namespace hz3::testlib
