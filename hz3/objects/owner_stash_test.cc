#include "hz3/objects/owner_stash.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

const SizeClass kClass(4);

void* Object(uintptr_t i) { return reinterpret_cast<void*>((i + 1) * 64); }
size_t NumberOf(void* object) { return reinterpret_cast<uintptr_t>(object) / 64 - 1; }

std::vector<void*> Objects(size_t first, size_t n) {
  std::vector<void*> objects;
  for (size_t i = first; i < first + n; ++i) objects.push_back(Object(i));
  return objects;
}

class OwnerStashTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!kConfig.owner_stash) GTEST_SKIP() << "this build's owner_stash is off";
  }

  const unsigned capacity_ = OwnerStash::CapacityOf(kClass);
  std::unique_ptr<OwnerStash> stash_ = std::make_unique<OwnerStash>();
};

TEST_F(OwnerStashTest, GivesTheLastPutFirst) {
  const std::vector<void*> in = Objects(0, 8);
  EXPECT_EQ(stash_->Put(kClass, in.data(), 8), 8u);
  EXPECT_EQ(stash_->count(), 8u);
  void* out[8];
  ASSERT_EQ(stash_->Take(out, 3), 3u);
  EXPECT_EQ(std::vector<void*>(out, out + 3), Objects(5, 3));
  ASSERT_EQ(stash_->Take(out, 8), 5u);
  EXPECT_EQ(std::vector<void*>(out, out + 5), Objects(0, 5));
  EXPECT_EQ(stash_->Take(out, 8), 0u);
}

TEST_F(OwnerStashTest, TakesWhatThereIsRoomForFromTheEndOfTheBatch) {
  const std::vector<void*> first = Objects(0, capacity_ - 2);
  ASSERT_EQ(stash_->Put(kClass, first.data(), capacity_ - 2), capacity_ - 2);
  const std::vector<void*> second = Objects(1000, 5);
  EXPECT_EQ(stash_->Put(kClass, second.data(), 5), 2u);
  EXPECT_EQ(stash_->Put(kClass, second.data(), 3), 0u) << "it is full";
  EXPECT_EQ(stash_->count(), capacity_);
  void* out[2];
  ASSERT_EQ(stash_->Take(out, 2), 2u);
  EXPECT_EQ(std::vector<void*>(out, out + 2), Objects(1003, 2));
}

TEST_F(OwnerStashTest, CapacityIsTheClassesShareOfTheBytesAndNoneForMediumOnes) {
  for (unsigned c = 1; c <= kSmallClasses; ++c) {
    const SizeClass size_class(static_cast<uint8_t>(c));
    const unsigned capacity = OwnerStash::CapacityOf(size_class);
    EXPECT_GE(capacity, 8u);
    EXPECT_LE(capacity, OwnerStash::kMaxEntries);
    EXPECT_LE(size_t{capacity} * kClassTable[c].size,
              std::max(kConfig.stash_bytes, 8 * size_t{kClassTable[c].size}));
  }
  const SizeClass medium(static_cast<uint8_t>(kFirstMediumClass));
  EXPECT_EQ(OwnerStash::CapacityOf(medium), 0u);
  const std::vector<void*> run = Objects(0, 1);
  EXPECT_EQ(stash_->Put(medium, run.data(), 1), 0u);
}

TEST_F(OwnerStashTest, NeitherLosesNorDoublesObjectsBetweenThreads) {
  constexpr size_t kEach = 20000;
  constexpr size_t kPutters = 2;
  std::vector<std::atomic<int>> taken(kEach * kPutters);
  std::atomic<size_t> total{0};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kPutters; ++t) {
    threads.emplace_back([&, t] {
      for (size_t next = t * kEach; next < (t + 1) * kEach;) {
        const size_t n = std::min<size_t>(17, (t + 1) * kEach - next);
        std::vector<void*> batch = Objects(next, n);
        // The end of the batch goes first: put until nothing is left of it.
        for (unsigned left = static_cast<unsigned>(n); left > 0;) {
          left -= stash_->Put(kClass, batch.data(), left);
          if (left > 0) std::this_thread::yield();
        }
        next += n;
      }
    });
    threads.emplace_back([&] {
      while (total.load() < kEach * kPutters) {
        void* out[32];
        const unsigned n = stash_->Take(out, 32);
        for (unsigned i = 0; i < n; ++i) ++taken[NumberOf(out[i])];
        total += n;
        if (n == 0) std::this_thread::yield();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& count : taken) ASSERT_EQ(count.load(), 1);
}

}  // namespace
}  // namespace hz3
