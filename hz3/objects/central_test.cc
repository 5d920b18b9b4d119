#include "hz3/objects/central.h"

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

constexpr SizeClass kClass{1};  // of 256 objects, so that each list is reached

// A table of spans, and their list.
class CentralTest : public ::testing::Test {
 protected:
  Span& At(uint32_t place) { return table_[place]; }
  void Update(uint32_t place) { central_.Update(table_.data(), At(place)); }
  void Remove(uint32_t place) { central_.Remove(table_.data(), At(place)); }
  // Opens a span with so many free objects and lists it.
  void Add(uint32_t place, unsigned free) {
    At(place).Open(kClass, PageIndex(0));
    Take(place, kMaxObjects - free);
  }
  void Take(uint32_t place, unsigned n) {
    std::vector<void*> out(n);
    At(place).Take(memory_.data(), out.data(), n);
    Update(place);
  }
  std::set<uint32_t> Listed() {
    std::set<uint32_t> places;
    central_.ForEach(table_.data(), [&](Span& span) {
      const auto place = static_cast<uint32_t>(&span - table_.data());
      EXPECT_TRUE(places.insert(place).second) << "listed twice";
    });
    return places;
  }

  std::array<Span, 64> table_;
  std::array<char, kPageSize> memory_;  // of all of them: nobody looks
  Central central_;
};

TEST_F(CentralTest, IsEmptyAtFirst) {
  EXPECT_EQ(central_.Fullest(), kNoIndex);
  EXPECT_TRUE(Listed().empty());
}

TEST_F(CentralTest, OffersTheFullestSpanFirst) {
  if (!kConfig.fullest_first) GTEST_SKIP() << "this build refills from any span";
  Add(1, 200);
  Add(2, 3);
  Add(3, 40);
  EXPECT_EQ(central_.Fullest(), 2u);
  Take(2, 3);
  EXPECT_EQ(central_.Fullest(), 3u);
  Take(3, 40);
  EXPECT_EQ(central_.Fullest(), 1u);
  Take(1, 200);
  EXPECT_EQ(central_.Fullest(), kNoIndex);
}

TEST_F(CentralTest, AFullSpanComesBackWhenAnObjectIsFreed) {
  Add(7, 0);
  EXPECT_EQ(central_.Fullest(), kNoIndex);
  char memory[32] = {};
  void* const object = memory + 16;
  FreeResult result;
  ASSERT_EQ(At(7).FreeRow(memory, &object, 1, &result), 1u);
  Update(7);
  EXPECT_EQ(central_.Fullest(), 7u);
}

TEST_F(CentralTest, TakesASpanOutOfAnyPlaceInItsList) {
  for (uint32_t victim : {1u, 2u, 3u}) {
    for (uint32_t place : {1u, 2u, 3u}) Add(place, 100);
    Remove(victim);
    std::set<uint32_t> rest{1, 2, 3};
    rest.erase(victim);
    EXPECT_EQ(Listed(), rest);
    for (uint32_t place : rest) Remove(place);
    EXPECT_EQ(central_.Fullest(), kNoIndex);
  }
}

TEST_F(CentralTest, RemovingASpanTwiceDoesNoHarm) {
  Add(1, 9);
  Add(2, 9);
  Remove(1);
  Remove(1);
  EXPECT_EQ(Listed(), std::set<uint32_t>{2});
}

TEST_F(CentralTest, ASpanMayBeTakenOutWhileAllAreVisited) {
  for (uint32_t place = 0; place < 6; ++place) Add(place, 7);
  unsigned visits = 0;
  central_.ForEach(table_.data(), [&](Span& span) {
    ++visits;
    central_.Remove(table_.data(), span);
  });
  EXPECT_EQ(visits, 6u);
  EXPECT_EQ(central_.Fullest(), kNoIndex);
}

TEST_F(CentralTest, KnowsTheOnlySpanWithRoom) {
  Add(1, 100);
  EXPECT_TRUE(central_.HasOnly(At(1)));
  Add(2, 0);
  EXPECT_TRUE(central_.HasOnly(At(1))) << "a full span has no room";
  Add(3, 100);
  EXPECT_FALSE(central_.HasOnly(At(1))) << "one in the same list";
  EXPECT_FALSE(central_.HasOnly(At(3)));
  Take(3, 99);
  EXPECT_FALSE(central_.HasOnly(At(1))) << "one in another list";
  Take(3, 1);
  EXPECT_TRUE(central_.HasOnly(At(1)));
}

TEST_F(CentralTest, AgreesWithAMapOverRandomSteps) {
  constexpr unsigned kSeed = 5;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  std::mt19937 random(kSeed);
  std::map<uint32_t, unsigned> free_of;
  for (int step = 0; step < 20000; ++step) {
    const uint32_t place = static_cast<uint32_t>(random() % 60);
    const auto known = free_of.find(place);
    if (known == free_of.end()) {
      const unsigned free = static_cast<unsigned>(random() % (kMaxObjects + 1));
      Add(place, free);
      free_of[place] = free;
    } else if (random() % 4 == 0) {
      Remove(place);
      free_of.erase(known);
    } else {
      const unsigned n = static_cast<unsigned>(random() % (known->second + 1));
      Take(place, n);
      known->second -= n;
    }
    std::set<uint32_t> expected;
    unsigned least = Central::kBuckets;
    for (const auto& [listed, free] : free_of) {
      if (free == 0) continue;
      expected.insert(listed);
      least = std::min(least, Central::BucketOf(free));
    }
    ASSERT_EQ(Listed(), expected) << "step " << step;
    const uint32_t fullest = central_.Fullest();
    ASSERT_EQ(fullest == kNoIndex, expected.empty());
    if (fullest != kNoIndex && kConfig.fullest_first) {
      ASSERT_EQ(Central::BucketOf(free_of.at(fullest)), least) << "step " << step;
    }
  }
}

}  // namespace
}  // namespace hz3
