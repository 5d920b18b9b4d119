#include "hz3/objects/central.h"

#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"

namespace hz3 {
namespace {

const SizeClass kClass(1);
constexpr unsigned kObjects = kClassTable[1].objects;

class CentralTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(arena_.Init(os_, kSegmentSize, false, sizeof(Span)));
    ASSERT_EQ(arena_.TakeSlots(1), 0u);
  }
  void TearDown() override { arena_.Destroy(); }

  Span& SpanAt(uint32_t page) { return arena_.page_record<Span>(PageIndex(page)); }
  char* AddressOf(uint32_t page) { return arena_.segmap().AddressOf(PageIndex(page)); }
  void Update(uint32_t page) { central_.Update(arena_, PageIndex(page), SpanAt(page)); }
  // A span with `free` free objects.
  void Add(uint32_t page, unsigned free) {
    SpanAt(page).Open(kClass);
    Take(page, kObjects - free);
  }
  void Take(uint32_t page, unsigned n) {
    void* out[kMaxObjects];
    ASSERT_EQ(SpanAt(page).Take(AddressOf(page), out, n), n);
    Update(page);
  }
  void Free(uint32_t page, unsigned object) {
    ASSERT_EQ(SpanAt(page).Free(object * kClassTable[1].size), FreeResult::kFreed);
    Update(page);
  }
  std::set<uint32_t> Members() {
    std::set<uint32_t> members;
    central_.ForEach(arena_, [&](PageIndex page, Span&) {
      EXPECT_TRUE(members.insert(page.value()).second) << "listed twice";
    });
    return members;
  }

  FakeOsMemory os_;
  Arena arena_;
  Central central_;
};

TEST_F(CentralTest, HasNothingAtFirst) {
  EXPECT_EQ(central_.Fullest(), kNoIndex);
  EXPECT_TRUE(Members().empty());
}

TEST_F(CentralTest, GivesTheFullestSpanThatHasAFreeObject) {
  if (!kConfig.fullest_first) GTEST_SKIP() << "this build's fullest_first is off";
  Add(0, kObjects);
  EXPECT_EQ(central_.Fullest(), 0u);
  Add(1, 100);
  EXPECT_EQ(central_.Fullest(), 1u);
  Add(2, 3);
  EXPECT_EQ(central_.Fullest(), 2u);
  Add(3, 0);
  EXPECT_EQ(central_.Fullest(), 2u) << "a full span is in no list";
  Take(2, 3);
  EXPECT_EQ(central_.Fullest(), 1u);
  Free(3, 5);
  EXPECT_EQ(central_.Fullest(), 3u) << "it is back with its first free object";
  EXPECT_EQ(Members(), (std::set<uint32_t>{0, 1, 3}));
}

TEST_F(CentralTest, RemovedSpansAreGoneAndRemovingTwiceDoesNoHarm) {
  for (uint32_t page = 0; page < 4; ++page) Add(page, 9);
  central_.Remove(arena_, SpanAt(1));
  central_.Remove(arena_, SpanAt(1));
  central_.Remove(arena_, SpanAt(3));
  EXPECT_EQ(Members(), (std::set<uint32_t>{0, 2}));
  central_.Remove(arena_, SpanAt(0));
  central_.Remove(arena_, SpanAt(2));
  EXPECT_EQ(central_.Fullest(), kNoIndex);
}

TEST_F(CentralTest, KnowsWhetherASpanIsTheOnlyOneWithRoom) {
  Add(0, 50);
  EXPECT_TRUE(central_.HasOnly(SpanAt(0)));
  Add(1, 51);
  EXPECT_FALSE(central_.HasOnly(SpanAt(0)));
  EXPECT_FALSE(central_.HasOnly(SpanAt(1)));
  central_.Remove(arena_, SpanAt(1));
  EXPECT_TRUE(central_.HasOnly(SpanAt(0)));
  Add(2, 1);
  EXPECT_FALSE(central_.HasOnly(SpanAt(0))) << "in another list";
}

TEST_F(CentralTest, ASpanMayBeTakenOutWhileAllAreVisited) {
  for (uint32_t page = 0; page < 6; ++page) Add(page, 7);
  unsigned visits = 0;
  central_.ForEach(arena_, [&](PageIndex, Span& span) {
    ++visits;
    central_.Remove(arena_, span);
  });
  EXPECT_EQ(visits, 6u);
  EXPECT_EQ(central_.Fullest(), kNoIndex);
}

// The fullest is exact up to the list: no span of a lower list exists.
TEST_F(CentralTest, ListsAgreeWithTheSpansOverRandomSteps) {
  constexpr uint64_t kSeed = 8;
  constexpr uint32_t kSpans = 40;
  std::mt19937_64 random(kSeed);
  for (uint32_t page = 0; page < kSpans; ++page) Add(page, kObjects);
  for (int step = 0; step < 5000; ++step) {
    SCOPED_TRACE(::testing::Message() << "seed " << kSeed << ", step " << step);
    const uint32_t page = static_cast<uint32_t>(random() % kSpans);
    const unsigned free = SpanAt(page).free_count();
    if (random() % 2 == 0) {
      Take(page, static_cast<unsigned>(random() % (free + 1)));
    } else {
      const unsigned object = static_cast<unsigned>(random() % kObjects);
      if (!SpanAt(page).IsFree(object)) Free(page, object);
    }
    std::set<uint32_t> with_room;
    unsigned least_bucket = Central::kBuckets;
    for (uint32_t i = 0; i < kSpans; ++i) {
      if (SpanAt(i).free_count() == 0) continue;
      with_room.insert(i);
      least_bucket = std::min(least_bucket, Central::BucketOf(SpanAt(i).free_count()));
    }
    ASSERT_EQ(Members(), with_room);
    if (with_room.empty()) {
      ASSERT_EQ(central_.Fullest(), kNoIndex);
    } else if (kConfig.fullest_first) {
      ASSERT_EQ(Central::BucketOf(SpanAt(central_.Fullest()).free_count()), least_bucket);
    }
  }
}

}  // namespace
}  // namespace hz3
