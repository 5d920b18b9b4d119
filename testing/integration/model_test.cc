// Random programs against a model of the heap (testing/lib/checked_heap.h): through every entry
// point, what is live is known, does not overlap, is aligned, and keeps every byte until it is
// freed, by whichever thread. A failing run prints the command that repeats it; HZ3_TEST_SEED=N and
// HZ3_TEST_STEPS=N choose another run.

#include <malloc.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "testing/lib/checked_heap.h"
#include "testing/lib/heap_user.h"
#include "testing/lib/test_main.h"

namespace hz3::testlib {
namespace {

constexpr std::uint64_t kDefaultSeed = 20260101;
constexpr std::uint64_t kDefaultSteps = 200'000;
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
         " HZ3_TEST_STEPS=" + std::to_string(Steps()) + " " + SelfPath() +
         " --gtest_filter=" + test->test_suite_name() + "." + test->name();
}

TEST(Model, OneThreadNeverSeesTwoLiveBlocksOverlapOrAByteChange) {
  CheckedHeap heap;
  HeapUser user(heap, {.seed = Seed(), .blocks = 600});
  for (std::uint64_t step = 0; step < Steps() && heap.ok(); ++step) {
    user.Step();
    if (step % 50'000 == 0) malloc_trim(0);
  }
  user.FreeAll();
  EXPECT_TRUE(heap.ok()) << heap.error() << "\n" << RepeatCommand();
}

void ExchangingThread(std::uint64_t id, CheckedHeap& heap, Exchange& exchange) {
  HeapUser user(heap, {.seed = Seed() + id, .exchange = &exchange});
  for (std::uint64_t step = 0; step < Steps() / 3 && heap.ok(); ++step) user.Step();
  user.FreeAll();
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
  exchange.FreeAll(heap);
  EXPECT_TRUE(heap.ok()) << heap.error() << "\n" << RepeatCommand();
}

}  // namespace
}  // namespace hz3::testlib
