#include "hz3/objects/owner_stash.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

constexpr SizeClass kClass{3};
constexpr unsigned kFirst = OwnerStash::FirstOf(kClass);
constexpr unsigned kMost = OwnerStash::MostOf(kClass);

// Addresses that stand for two threads.
constexpr char kPuts = 0;
constexpr char kTakes = 0;

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
    stash_.Init(kClass, first_entries_, most_entries_);
  }
  unsigned Put(const std::vector<void*>& objects) {
    if (objects.empty()) return 0;  // it has no address, and memcpy wants one
    return stash_.Put(objects.data(), static_cast<unsigned>(objects.size()), &kPuts);
  }
  std::vector<void*> Take(unsigned want) {
    if (want == 0) return {};
    std::vector<void*> out(want);
    out.resize(stash_.Take(out.data(), want));
    return out;
  }
  void* first_entries_[kFirst + 1];
  void* most_entries_[kMost + 1];
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

TEST_F(OwnerStashTest, TakesNoMoreThanItsRoomFromTheEndOfABatch) {
  ASSERT_EQ(Put(Pointers(1, kFirst - 2)), kFirst - 2);
  EXPECT_FALSE(stash_.TooSmallFor(&kTakes));
  const std::vector<void*> batch = Pointers(1000, 5);
  EXPECT_EQ(Put(batch), 2u);
  EXPECT_TRUE(stash_.TooSmallFor(&kTakes));
  EXPECT_FALSE(stash_.TooSmallFor(&kPuts)) << "who hands nothing over has bins of his own";
  EXPECT_EQ(stash_.count(), kFirst);
  EXPECT_EQ(Put(batch), 0u);
  EXPECT_EQ(Take(2), (std::vector<void*>{batch[3], batch[4]}));
}

TEST_F(OwnerStashTest, LeavesWhatItIsToldToKeep) {
  const std::vector<void*> objects = Pointers(1, 8);
  ASSERT_EQ(Put(objects), 8u);
  void* out[8];
  EXPECT_EQ(stash_.Take(out, 8, 6), 2u);
  EXPECT_EQ(out[0], objects[6]);
  EXPECT_EQ(stash_.Take(out, 8, 6), 0u);
  EXPECT_EQ(stash_.Take(out, 8, 7), 0u);
  EXPECT_EQ(stash_.count(), 6u);
}

TEST_F(OwnerStashTest, GrownItHoldsMoreAndWhatItHeld) {
  ASSERT_LT(2 * kFirst, kMost);
  ASSERT_EQ(Put(Pointers(1, kFirst + 1)), kFirst);
  EXPECT_FALSE(stash_.Grow(kFirst + 1, kMost)) << "its room was another one";
  ASSERT_TRUE(stash_.Grow(kFirst, 2 * kFirst));
  EXPECT_FALSE(stash_.TooSmallFor(&kTakes));
  EXPECT_EQ(stash_.room(), 2 * kFirst);
  EXPECT_EQ(Put(Pointers(1000, kFirst + 1)), kFirst);
  ASSERT_TRUE(stash_.Grow(2 * kFirst, kMost));
  EXPECT_EQ(Take(kFirst), Pointers(1001, kFirst));
  EXPECT_EQ(Take(kMost), Pointers(2, kFirst));
}

TEST_F(OwnerStashTest, IdleItLosesRoomUntilItIsAsItBegan) {
  EXPECT_TRUE(stash_.WasIdle());
  stash_.NoteUse();
  EXPECT_FALSE(stash_.WasIdle());
  EXPECT_TRUE(stash_.WasIdle());
  EXPECT_EQ(stash_.Shrink(kClass), 0u);
  ASSERT_TRUE(stash_.Grow(kFirst, 3 * kFirst));
  ASSERT_EQ(Put(Pointers(1, 3 * kFirst)), 3 * kFirst);
  EXPECT_EQ(stash_.Shrink(kClass), 3 * kFirst - 3 * kFirst / 2);
  EXPECT_EQ(stash_.room(), 3 * kFirst / 2);
  EXPECT_EQ(Put(Pointers(1, 1)), 0u) << "holds more than it has room for";
  EXPECT_EQ(Take(3 * kFirst), Pointers(1, 3 * kFirst)) << "and loses nothing";
  EXPECT_TRUE(Put(Pointers(1, 3 * kFirst)) < 3 * kFirst && stash_.TooSmallFor(&kTakes));
  EXPECT_EQ(stash_.Shrink(kClass), kFirst / 2);
  EXPECT_FALSE(stash_.TooSmallFor(&kTakes)) << "nobody has met it full with this room";
  EXPECT_EQ(stash_.Shrink(kClass), 0u);
  EXPECT_EQ(stash_.room(), kFirst);
}

TEST_F(OwnerStashTest, ItsRoomIsTheClassesShareOfTheBytes) {
  unsigned entries = 0;
  for (unsigned number = 1; number < kClasses; ++number) {
    const SizeClass c(static_cast<uint8_t>(number));
    const size_t size = InfoOf(c).size;
    const bool large = size > kMaxSmallSize;
    const size_t first = large ? kConfig.run_stash_bytes : kConfig.stash_bytes;
    const size_t most = large ? kConfig.run_stash_most_bytes : kConfig.stash_most_bytes;
    const size_t begins = OwnerStash::FirstOf(c);
    const size_t grows = OwnerStash::MostOf(c);
    EXPECT_GE(begins, large ? std::min<size_t>(first / size, OwnerStash::kFirstEntries) : 8u)
        << number;
    EXPECT_LE(begins, OwnerStash::kFirstEntries) << number;
    EXPECT_GE(grows, begins) << number;
    EXPECT_LE(grows, OwnerStash::kMaxEntries) << number;
    if (large || begins > 8) {
      EXPECT_LE(begins * size, first) << number;
    }
    if (grows > begins) {
      EXPECT_LE(grows * size, most) << number;
    }
    entries += static_cast<unsigned>(begins + grows);
  }
  EXPECT_EQ(entries, kStashEntries);
  for (const SizeClass none : {SizeClass(0), SizeClass(kTagLarge)}) {
    EXPECT_EQ(OwnerStash::FirstOf(none), 0u);
    EXPECT_EQ(OwnerStash::MostOf(none), 0u);
  }
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
  constexpr unsigned kEach = kFirst;
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
  // Its room changes meanwhile.
  std::atomic<bool> done{false};
  std::thread changer([&] {
    for (unsigned step = 0; !done.load(std::memory_order_relaxed); ++step) {
      const unsigned room = stash_.room();
      if (step % 3 < 2) {
        stash_.Grow(room, std::min(2 * room, kMost));
      } else {
        stash_.Shrink(kClass);
      }
    }
  });
  for (std::thread& thread : threads) thread.join();
  done.store(true, std::memory_order_relaxed);
  changer.join();
  std::vector<void*> all = Take(OwnerStash::kMaxEntries);
  for (const auto& mine : held) all.insert(all.end(), mine.begin(), mine.end());
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, Pointers(1, kThreads * kEach));
}

}  // namespace
}  // namespace hz3
