#include "hz3/base/thread_barrier.h"

#include <atomic>
#include <cerrno>
#include <thread>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

TEST(ThreadBarrier, KeepsErrnoAndAnswersTheSameTwice) {
  errno = EILSEQ;
  const bool first = BarrierOnAllThreads();
  EXPECT_EQ(BarrierOnAllThreads(), first);
  EXPECT_EQ(errno, EILSEQ);
}

// Dekker's protocol with plain accesses on one side: never may both miss the other's store.
TEST(ThreadBarrier, OrdersPlainStoresAndLoadsOfAnotherThread) {
  if (!BarrierOnAllThreads()) GTEST_SKIP() << "membarrier is not to be had here";
  for (int round = 0; round < 2000; ++round) {
    std::atomic<int> busy{0};
    std::atomic<int> revoked{0};
    std::atomic<int> started{0};
    int saw_revoked = 0;
    std::thread owner([&] {
      started.store(1, std::memory_order_relaxed);
      busy.store(1, std::memory_order_relaxed);
      std::atomic_signal_fence(std::memory_order_seq_cst);
      saw_revoked = revoked.load(std::memory_order_relaxed);
    });
    while (round % 2 == 0 && started.load(std::memory_order_relaxed) == 0) {
    }
    revoked.store(1, std::memory_order_relaxed);
    ASSERT_TRUE(BarrierOnAllThreads());
    const int saw_busy = busy.load(std::memory_order_relaxed);
    owner.join();
    ASSERT_TRUE(saw_busy == 1 || saw_revoked == 1) << "round " << round;
  }
}

}  // namespace
}  // namespace hz3
