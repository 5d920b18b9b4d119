#include "hz3/thread/remote_stash.h"

#include <map>
#include <random>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

struct StashWithRoom : RemoteStash {
  StashWithRoom() { SetRoom(entries); }
  Entry entries[kEntries];
};

// Never looked into by the stash: any distinct values serve.
void* Object(uintptr_t number) { return reinterpret_cast<void*>(0x10000 + number * 16); }

using Key = std::pair<unsigned, unsigned>;  // owner, class
using Groups = std::map<Key, std::vector<void*>>;

Groups DeliverAll(RemoteStash& stash, unsigned* calls = nullptr) {
  Groups groups;
  stash.Deliver([&](ShardId owner, SizeClass c, void** objects, unsigned n) {
    EXPECT_GT(n, 0u);
    std::vector<void*>& group = groups[{owner.value(), c.value()}];
    group.insert(group.end(), objects, objects + n);
    if (calls != nullptr) ++*calls;
  });
  return groups;
}

TEST(RemoteStash, BeginsEmptyAndDeliversNothing) {
  StashWithRoom stash;
  EXPECT_EQ(stash.count(), 0u);
  EXPECT_EQ(stash.bytes(), 0u);
  EXPECT_TRUE(DeliverAll(stash).empty());
}

TEST(RemoteStash, WithoutRoomTakesNothing) {
  RemoteStash stash;
  EXPECT_FALSE(stash.Add(Object(1), ClassOf(64), ShardId(1)));
  EXPECT_EQ(stash.count(), 0u);
  EXPECT_TRUE(DeliverAll(stash).empty());
}

TEST(RemoteStash, CountsObjectsAndTheBytesOfTheirClasses) {
  StashWithRoom stash;
  EXPECT_TRUE(stash.Add(Object(1), ClassOf(64), ShardId(1)));
  EXPECT_TRUE(stash.Add(Object(2), ClassOf(1000), ShardId(2)));
  EXPECT_EQ(stash.count(), 2u);
  EXPECT_EQ(stash.bytes(), size_t{64} + InfoOf(ClassOf(1000)).size);
}

TEST(RemoteStash, TakesAsManyEntriesAsItHasAndNoMore) {
  StashWithRoom stash;
  for (unsigned i = 0; i < RemoteStash::kEntries; ++i) {
    ASSERT_TRUE(stash.Add(Object(i), ClassOf(16), ShardId(1))) << i;
  }
  EXPECT_FALSE(stash.Add(Object(999), ClassOf(16), ShardId(1)));
  EXPECT_EQ(stash.count(), RemoteStash::kEntries);
  EXPECT_EQ(stash.bytes(), RemoteStash::kEntries * size_t{16});
  const Groups groups = DeliverAll(stash);
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups.begin()->second.size(), RemoteStash::kEntries) << "the refused one is not there";
}

TEST(RemoteStash, NeverHoldsMoreThanItsBytes) {
  StashWithRoom stash;
  const SizeClass largest(kSmallClasses);
  unsigned taken = 0;
  while (stash.Add(Object(taken), largest, ShardId(1))) ++taken;
  EXPECT_EQ(taken, RemoteStash::kMaxBytes / InfoOf(largest).size);
  EXPECT_LE(stash.bytes(), RemoteStash::kMaxBytes);
  EXPECT_TRUE(stash.Add(Object(999), ClassOf(16), ShardId(1))) << "a smaller one still fits";
}

TEST(RemoteStash, DeliversEachGroupOfOwnerAndClassOnceInTheOrderOfArrival) {
  StashWithRoom stash;
  stash.Add(Object(1), ClassOf(16), ShardId(1));
  stash.Add(Object(2), ClassOf(32), ShardId(1));
  stash.Add(Object(3), ClassOf(16), ShardId(2));
  stash.Add(Object(4), ClassOf(16), ShardId(1));
  stash.Add(Object(5), ClassOf(32), ShardId(1));
  unsigned calls = 0;
  const Groups groups = DeliverAll(stash, &calls);
  EXPECT_EQ(calls, 3u);
  const unsigned c16 = ClassOf(16).value();
  const unsigned c32 = ClassOf(32).value();
  EXPECT_EQ(groups, (Groups{{{1, c16}, {Object(1), Object(4)}},
                            {{1, c32}, {Object(2), Object(5)}},
                            {{2, c16}, {Object(3)}}}));
}

TEST(RemoteStash, IsEmptyAfterADeliveryAndServesAgain) {
  StashWithRoom stash;
  while (stash.Add(Object(7), SizeClass(kSmallClasses), ShardId(3))) {
  }
  DeliverAll(stash);
  EXPECT_EQ(stash.count(), 0u);
  EXPECT_EQ(stash.bytes(), 0u);
  EXPECT_TRUE(DeliverAll(stash).empty());
  EXPECT_TRUE(stash.Add(Object(8), ClassOf(16), ShardId(3)));
  EXPECT_EQ(DeliverAll(stash).size(), 1u);
}

TEST(RemoteStash, WhateverGoesInComesOutOnceWithItsOwnerAndClass) {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    RemoteStash stash;
    std::set<std::tuple<unsigned, unsigned, void*>> in;
    for (uintptr_t i = 0; i < 200; ++i) {
      const SizeClass c(static_cast<uint8_t>(1 + random() % kSmallClasses));
      const ShardId owner(static_cast<uint8_t>(random() % 5));
      if (stash.Add(Object(i), c, owner)) in.emplace(owner.value(), c.value(), Object(i));
    }
    std::set<std::tuple<unsigned, unsigned, void*>> out;
    for (const auto& [key, objects] : DeliverAll(stash)) {
      for (void* object : objects) {
        EXPECT_TRUE(out.emplace(key.first, key.second, object).second) << "delivered twice";
      }
    }
    EXPECT_EQ(out, in);
  }
}

}  // namespace
}  // namespace hz3
