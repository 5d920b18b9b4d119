#include "hz3/base/lease.h"

#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

TEST(Lease, LetsOneThreadInAtATime) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 20000;
  Lease lease;
  // Plain: only the lease keeps the threads apart.
  uint64_t count = 0;
  int inside = 0;
  bool overlapped = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) {
        LeaseHolder hold(lease);
        overlapped |= ++inside != 1;
        ++count;
        --inside;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(overlapped);
  EXPECT_EQ(count, uint64_t{kThreads} * kRounds);
}

TEST(Lease, TryLockSucceedsOnlyWhileNobodyHoldsIt) HZ3_NO_ANALYSIS {
  Lease lease;
  ASSERT_TRUE(lease.TryLock());
  EXPECT_FALSE(lease.TryLock());
  lease.Unlock();
  ASSERT_TRUE(lease.TryLock());
  lease.Unlock();
}

// Holders that keep it far longer than anybody spins: waiters sleep, and each must be woken.
TEST(Lease, WakesEveryoneWhoSleepsOnIt) HZ3_NO_ANALYSIS {
  constexpr int kThreads = 6;
  Lease lease;
  std::atomic<int> served{0};
  lease.Lock();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      LeaseHolder hold(lease);
      std::this_thread::sleep_for(milliseconds(2));
      ++served;
    });
  }
  std::this_thread::sleep_for(milliseconds(30));
  EXPECT_EQ(served.load(), 0);
  lease.Unlock();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(served.load(), kThreads);
}

TEST(Lease, KeepsErrnoWhenItSleepsAndWakes) HZ3_NO_ANALYSIS {
  Lease lease;
  lease.Lock();
  int errno_after_lock = 0;
  std::thread waiter([&] {
    errno = 1234;
    lease.Lock();
    lease.Unlock();
    errno_after_lock = errno;
  });
  std::this_thread::sleep_for(milliseconds(20));
  errno = 4321;
  lease.Unlock();
  EXPECT_EQ(errno, 4321);
  waiter.join();
  EXPECT_EQ(errno_after_lock, 1234);
}

TEST(Lease, IsFreeAgainAfterAResetInAForkedChild) HZ3_NO_ANALYSIS {
  Lease lease;
  lease.Lock();
  lease.ResetAfterFork();
  EXPECT_TRUE(lease.TryLock());
  lease.Unlock();
}

TEST(FutexWait, ReturnsAtOnceWhenTheWordHasChanged) {
  std::atomic<uint32_t> word{1};
  const auto start = steady_clock::now();
  FutexWait(&word, 0, 10000000);
  EXPECT_LT(steady_clock::now() - start, milliseconds(5000));
}

TEST(FutexWait, ReturnsAfterItsTimeAndKeepsErrno) {
  std::atomic<uint32_t> word{0};
  errno = 77;
  const auto start = steady_clock::now();
  FutexWait(&word, 0, 20000);
  EXPECT_EQ(errno, 77);
  // A signal may end it early; a wait that is no wait at all takes microseconds.
  EXPECT_GT(steady_clock::now() - start, milliseconds(10));
}

TEST(FutexWake, EndsAWaitLongBeforeItsTime) {
  std::atomic<uint32_t> word{0};
  const auto start = steady_clock::now();
  std::thread waiter([&] {
    while (word.load() == 0) FutexWait(&word, 0, 60000000);
  });
  std::this_thread::sleep_for(milliseconds(20));
  word.store(1);
  FutexWake(&word, 1);
  waiter.join();
  EXPECT_LT(steady_clock::now() - start, milliseconds(30000));
}

}  // namespace
}  // namespace hz3
