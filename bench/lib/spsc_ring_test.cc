#include "bench/lib/spsc_ring.h"

#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "bench/lib/block.h"
#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

Block Numbered(uint64_t number) { return {reinterpret_cast<void*>(number + 1), number}; }

std::vector<uint64_t> DrainAll(SpscRing* ring) {
  std::vector<uint64_t> sizes;
  ring->Drain(ring->Pending(), [&](Block block) { sizes.push_back(block.size); });
  return sizes;
}

TEST(SpscRing, GivesBlocksBackInOrder) {
  SpscRing ring(8, SpscRing::kNoByteLimit);
  for (uint64_t i = 0; i < 5; ++i) ASSERT_TRUE(ring.Push(Numbered(i)));
  EXPECT_EQ(ring.Pending(), 5u);
  EXPECT_EQ(DrainAll(&ring), (std::vector<uint64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(ring.Pending(), 0u);
}

TEST(SpscRing, HoldsExactlyItsSlotsAlsoWhenTheyAreNoPowerOfTwo) {
  SpscRing ring(5, SpscRing::kNoByteLimit);
  for (int round = 0; round < 10; ++round) {
    for (uint64_t i = 0; i < 5; ++i) ASSERT_TRUE(ring.Push(Numbered(i)));
    ASSERT_FALSE(ring.Push(Numbered(5)));
    ASSERT_EQ(DrainAll(&ring).size(), 5u);
  }
}

TEST(SpscRing, HoldsNoMoreBytesThanItsLimit) {
  SpscRing ring(100, 1000);
  EXPECT_TRUE(ring.Push(Numbered(600)));
  EXPECT_TRUE(ring.Push(Numbered(400)));
  EXPECT_FALSE(ring.Push(Numbered(1)));
  EXPECT_EQ(DrainAll(&ring).size(), 2u);
  EXPECT_FALSE(ring.Push(Numbered(1001)));
  EXPECT_TRUE(ring.Push(Numbered(1000)));
}

TEST(SpscRing, APartialDrainLeavesTheRest) {
  SpscRing ring(1000, SpscRing::kNoByteLimit);
  for (uint64_t i = 0; i < 300; ++i) ASSERT_TRUE(ring.Push(Numbered(i)));
  ring.Drain(100, [](Block) {});
  EXPECT_EQ(ring.Pending(), 200u);
  EXPECT_EQ(DrainAll(&ring).front(), 100u);
}

TEST(SpscRing, CountsTheSlotsThatWereUsedAsTouched) {
  SpscRing ring(64, SpscRing::kNoByteLimit);
  EXPECT_EQ(ring.TouchedBytes(), 0u);
  ASSERT_TRUE(ring.Push(Numbered(1)));
  EXPECT_EQ(ring.TouchedBytes(), sizeof(Block));
  for (int i = 0; i < 200; ++i) {
    DrainAll(&ring);
    ASSERT_TRUE(ring.Push(Numbered(1)));
  }
  EXPECT_EQ(ring.TouchedBytes(), 64 * sizeof(Block));
}

// The pointer and the size of a block are two words: a consumer that saw a slot too early would
// find them not to match, or out of order.
TEST(SpscRing, AConsumerThreadSeesEveryBlockOnceInOrder) {
  constexpr uint64_t kBlocks = 300'000;
  SpscRing ring(256, SpscRing::kNoByteLimit);
  std::thread producer([&] {
    for (uint64_t i = 0; i < kBlocks; ++i) {
      while (!ring.Push(Numbered(i))) {
        ring.WaitForRoom(i, 1'000'000);
      }
    }
  });
  uint64_t next = 0;
  uint64_t wrong = 0;
  while (next < kBlocks) {
    const uint64_t pending = ring.Pending();
    if (pending == 0) std::this_thread::yield();
    ring.Drain(pending, [&](Block block) {
      const Block expected = Numbered(next++);
      wrong += block.size != expected.size || block.pointer != expected.pointer ? 1 : 0;
    });
    ring.WakeProducer();
  }
  producer.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(ring.Pending(), 0u);
}

TEST(SpscRing, AWaitingProducerIsWokenLongBeforeItsTimeLimit) {
  SpscRing ring(1, SpscRing::kNoByteLimit);
  ASSERT_TRUE(ring.Push(Numbered(1)));
  const auto begin = std::chrono::steady_clock::now();
  std::thread producer([&] {
    while (!ring.Push(Numbered(2))) ring.WaitForRoom(2, 100'000'000'000);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  DrainAll(&ring);
  ring.WakeProducer();
  producer.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  EXPECT_EQ(ring.Pending(), 1u);
}

}  // namespace
}  // namespace hz3::bench
