#include "hz3/objects/owner_stash.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

constexpr SizeClass kClass{3};
constexpr unsigned kCapacity = OwnerStash::CapacityOf(kClass);

// Pointers that are told apart by their number and never followed.
std::vector<void*> Pointers(uintptr_t first, unsigned n) {
  std::vector<void*> pointers;
  for (unsigned i = 0; i < n; ++i) pointers.push_back(reinterpret_cast<void*>(first + i));
  return pointers;
}

class OwnerStashTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!kConfig.owner_stash) GTEST_SKIP() << "this build has no owner stash";
    stash_.SetRoom(room_);
  }
  unsigned Put(const std::vector<void*>& objects) {
    if (objects.empty()) return 0;  // it has no address, and memcpy wants one
    return stash_.Put(kClass, objects.data(), static_cast<unsigned>(objects.size()));
  }
  std::vector<void*> Take(unsigned want) {
    if (want == 0) return {};
    std::vector<void*> out(want);
    out.resize(stash_.Take(out.data(), want));
    return out;
  }
  void* room_[kCapacity + 1];
  OwnerStash stash_;
};

TEST_F(OwnerStashTest, GivesBackWhatWasPutTheLastFirst) {
  const std::vector<void*> objects = Pointers(1, 8);
  EXPECT_TRUE(Take(4).empty());
  EXPECT_EQ(Put(objects), 8u);
  EXPECT_EQ(stash_.count(), 8u);
  EXPECT_EQ(Take(3), std::vector<void*>(objects.begin() + 5, objects.end()));
  EXPECT_EQ(Take(100), std::vector<void*>(objects.begin(), objects.begin() + 5));
  EXPECT_EQ(stash_.count(), 0u);
  EXPECT_TRUE(Take(1).empty());
}

TEST_F(OwnerStashTest, TakesNoMoreThanItsCapacityFromTheEndOfABatch) {
  ASSERT_EQ(Put(Pointers(1, kCapacity - 2)), kCapacity - 2);
  const std::vector<void*> batch = Pointers(1000, 5);
  EXPECT_EQ(Put(batch), 2u);
  EXPECT_EQ(stash_.count(), kCapacity);
  EXPECT_EQ(Put(batch), 0u);
  EXPECT_EQ(Take(2), (std::vector<void*>{batch[3], batch[4]}));
}

TEST_F(OwnerStashTest, ItsCapacityIsTheClassesShareOfTheBytes) {
  unsigned entries = 0;
  for (unsigned number = 1; number < kClasses; ++number) {
    const SizeClass c(static_cast<uint8_t>(number));
    const size_t capacity = OwnerStash::CapacityOf(c);
    const bool large = InfoOf(c).size > kMaxSmallSize;
    const size_t most = large ? kConfig.run_stash_bytes : kConfig.stash_bytes;
    EXPECT_GE(capacity, large ? most / InfoOf(c).size : 8u) << number;
    EXPECT_LE(capacity, OwnerStash::kMaxEntries) << number;
    if (large || capacity > 8) {
      EXPECT_LE(capacity * InfoOf(c).size, most) << number;
    }
    entries += static_cast<unsigned>(capacity);
  }
  EXPECT_EQ(entries, kStashEntries);
  EXPECT_EQ(OwnerStash::CapacityOf(SizeClass(0)), 0u);
  EXPECT_EQ(OwnerStash::CapacityOf(SizeClass(kTagLarge)), 0u);
}

TEST_F(OwnerStashTest, IsUsableInTheChildOfAFork) {
  ASSERT_EQ(Put(Pointers(1, 4)), 4u);
  stash_.LockForFork();
  stash_.ResetAfterFork();
  EXPECT_EQ(Take(8), Pointers(1, 4));
  stash_.LockForFork();
  stash_.UnlockAfterFork();
  EXPECT_EQ(Put(Pointers(1, 4)), 4u);
}

TEST_F(OwnerStashTest, LosesAndDoublesNothingBetweenThreads) {
  constexpr unsigned kThreads = 4;
  constexpr unsigned kEach = 50;
  std::vector<std::vector<void*>> held(kThreads);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < kThreads; ++t) {
    held[t] = Pointers(1 + t * kEach, kEach);
    threads.emplace_back([this, &mine = held[t]] {
      for (unsigned step = 0; step < 20000; ++step) {
        const size_t n = std::min<size_t>(mine.size(), step % 23);
        mine.resize(mine.size() -
                    Put(std::vector<void*>(mine.end() - static_cast<ptrdiff_t>(n), mine.end())));
        for (void* object : Take(step % 19)) mine.push_back(object);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<void*> all = Take(OwnerStash::kMaxEntries);
  for (const auto& mine : held) all.insert(all.end(), mine.begin(), mine.end());
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, Pointers(1, kThreads * kEach));
}

}  // namespace
}  // namespace hz3
