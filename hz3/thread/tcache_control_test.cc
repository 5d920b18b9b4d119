#include "hz3/thread/tcache_control.h"

#include <chrono>
#include <thread>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

// Stands where the registry stands: sets what only the registry may.
class Process : public TcacheControl {
 public:
  explicit Process(size_t arena_bytes) { arena_bytes_ = arena_bytes; }
  void set_threads(uint32_t threads) { threads_ = threads; }
  void set_waiting(bool waiting) { waiting_ = waiting; }
  std::atomic<uint32_t>& answers() { return answers_; }
};

constexpr size_t kLargeArena = size_t{1} << 40;

TEST(TcacheControl, OneThreadMayHoldTheMostAndNoThreadCountsAsOne) {
  Process process(kLargeArena);
  EXPECT_EQ(process.ThreadBytes(), kConfig.tcache_max_bytes);
  process.set_threads(1);
  EXPECT_EQ(process.ThreadBytes(), kConfig.tcache_max_bytes);
}

TEST(TcacheControl, ThreadsShareTheTotalDownToTheLeastPart) {
  Process process(kLargeArena);
  size_t before = kConfig.tcache_max_bytes;
  for (uint32_t n = 1; n <= 10000; ++n) {
    process.set_threads(n);
    const size_t part = process.ThreadBytes();
    ASSERT_LE(part, before) << n;
    ASSERT_GE(part, kConfig.tcache_min_bytes) << n;
    ASSERT_TRUE(part * n <= kConfig.tcache_total_bytes || part == kConfig.tcache_min_bytes) << n;
    before = part;
  }
  EXPECT_EQ(before, kConfig.tcache_min_bytes);
}

TEST(TcacheControl, ALimitCountsLikeAnArenaOfItsSize) {
  Process process(kLargeArena);
  Process small_arena(size_t{64} << 20);
  process.LimitCaches(size_t{64} << 20);
  for (uint32_t n : {1u, 7u, 100u}) {
    process.set_threads(n);
    small_arena.set_threads(n);
    EXPECT_EQ(process.ThreadBytes(), small_arena.ThreadBytes()) << n;
  }
  small_arena.LimitCaches(kLargeArena);
  EXPECT_EQ(process.ThreadBytes(), small_arena.ThreadBytes()) << "the smaller of the two";
  process.set_threads(1);
  process.LimitCaches(SIZE_MAX);
  EXPECT_EQ(process.ThreadBytes(), kConfig.tcache_max_bytes);
}

TEST(TcacheControl, ThreadsDoNotGetLessThanTheirPartOfTheTotal) {
  Process process(kLargeArena);
  const uint32_t n =
      static_cast<uint32_t>(2 * kConfig.tcache_total_bytes / kConfig.tcache_max_bytes);
  process.set_threads(n);
  EXPECT_EQ(process.ThreadBytes(), kConfig.tcache_total_bytes / n);
}

TEST(TcacheControl, UnderASmallArenaAllThreadsTogetherHideAtMostItsPart) {
  const size_t arena = size_t{64} << 20;
  Process process(arena);
  for (uint32_t n = 1; n <= 200; ++n) {
    process.set_threads(n);
    ASSERT_LE(process.ThreadBytes() * n, arena / TcacheControl::kArenaPart) << n;
    ASSERT_GT(process.ThreadBytes(), 0u);
  }
}

TEST(TcacheControl, ScarcityIsAFlag) {
  Process process(kLargeArena);
  EXPECT_FALSE(process.scarce());
  process.set_scarce(true);
  EXPECT_TRUE(process.scarce());
  process.set_scarce(false);
  EXPECT_FALSE(process.scarce());
}

TEST(TcacheControl, AnAnswerIsCountedAndWakesALeaderThatWaits) {
  Process process(kLargeArena);
  process.NoteAnswer();
  EXPECT_EQ(process.answers(), 1u);
  process.set_waiting(true);
  const auto start = std::chrono::steady_clock::now();
  std::thread leader([&] {
    while (process.answers() == 1) FutexWait(&process.answers(), 1, 20000000);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // let it fall asleep
  process.NoteAnswer();
  leader.join();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

}  // namespace
}  // namespace hz3
