#include "hz3/objects/span.h"

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

// Never touched: a span only computes with addresses.
char* const kBase = reinterpret_cast<char*>(uintptr_t{0x100000000});

SizeClass Class(unsigned c) { return SizeClass(static_cast<uint8_t>(c)); }
uint32_t OffsetOf(void* object) {
  return static_cast<uint32_t>(static_cast<char*>(object) - kBase);
}

TEST(Span, HandsOutEachObjectOnceUntilItIsFullForEveryClass) {
  for (unsigned c = 1; c <= kSmallClasses; ++c) {
    Span span;
    span.Open(Class(c));
    const unsigned objects = kClassTable[c].objects;
    EXPECT_TRUE(span.AllFree());
    EXPECT_EQ(span.free_count(), objects);
    std::set<uint32_t> offsets;
    void* out[7];
    while (const unsigned n = span.Take(kBase, out, 7)) {
      for (unsigned i = 0; i < n; ++i) {
        EXPECT_EQ(OffsetOf(out[i]) % kClassTable[c].size, 0u);
        EXPECT_LE(OffsetOf(out[i]) + kClassTable[c].size, kClassTable[c].pages * kPageSize);
        EXPECT_TRUE(offsets.insert(OffsetOf(out[i])).second) << "handed out twice";
      }
      EXPECT_EQ(span.free_count(), objects - offsets.size());
    }
    EXPECT_EQ(offsets.size(), objects) << "class " << c;
  }
}

TEST(Span, TakesNoMoreThanIsWanted) {
  Span span;
  span.Open(Class(1));
  void* out[kMaxObjects + 1] = {};
  EXPECT_EQ(span.Take(kBase, out, 70), 70u);
  EXPECT_NE(out[69], nullptr);
  EXPECT_EQ(out[70], nullptr);
  EXPECT_EQ(span.Take(kBase, out, 0), 0u);
  EXPECT_EQ(span.Take(kBase, out, kMaxObjects), kMaxObjects - 70);
}

TEST(Span, FreeTellsDoubleFreesAndWhatIsNoObject) {
  for (unsigned c : {1u, 3u, 20u, kSmallClasses}) {
    const ClassInfo& info = kClassTable[c];
    Span span;
    span.Open(Class(c));
    void* out[kMaxObjects];
    ASSERT_EQ(span.Take(kBase, out, kMaxObjects), info.objects);
    for (uint32_t offset = 0; offset < info.pages * kPageSize; ++offset) {
      const bool object = offset % info.size == 0 && offset / info.size < info.objects;
      ASSERT_EQ(span.ObjectNumber(offset), object ? offset / info.size : kMaxObjects);
      ASSERT_EQ(span.Free(offset), object ? FreeResult::kFreed : FreeResult::kNotAnObject)
          << info.size << " at " << offset;
      if (object) {
        ASSERT_TRUE(span.IsFree(offset / info.size));
        ASSERT_EQ(span.Free(offset), FreeResult::kDoubleFree);
      }
    }
    EXPECT_TRUE(span.AllFree());
  }
}

TEST(Span, MailBecomesFreeObjectsWhenItIsCollected) {
  Span span;
  span.Open(Class(2));
  void* out[kMaxObjects];
  ASSERT_EQ(span.Take(kBase, out, kMaxObjects), kClassTable[2].objects);
  EXPECT_FALSE(span.HasMail());
  EXPECT_EQ(span.Post(0, 0b1001), 0u);
  EXPECT_EQ(span.Post(1, 0b10), 0u);
  EXPECT_TRUE(span.HasMail());
  EXPECT_EQ(span.MailCount(), 3u);
  EXPECT_EQ(span.free_count(), 0u) << "not before it is collected";
  unsigned bad;
  ASSERT_TRUE(span.Collect(&bad));
  EXPECT_EQ(span.free_count(), 3u);
  EXPECT_FALSE(span.HasMail());
  EXPECT_TRUE(span.IsFree(0) && span.IsFree(3) && span.IsFree(65));
  EXPECT_FALSE(span.IsFree(1));
  EXPECT_EQ(span.Take(kBase, out, kMaxObjects), 3u);
}

TEST(Span, ObjectsThatAreFreedTwiceByMailAreTold) {
  Span span;
  span.Open(Class(2));
  void* out[4];
  ASSERT_EQ(span.Take(kBase, out, 4), 4u);
  EXPECT_EQ(span.Post(0, 0b11), 0u);
  EXPECT_EQ(span.Post(0, 0b110) & 0b110u, 0b010u) << "still in the mail";
  unsigned bad;
  ASSERT_TRUE(span.Collect(&bad));
  EXPECT_EQ(span.Post(0, 0b1100), 0u);
  EXPECT_FALSE(span.Collect(&bad)) << "object 2 is free already";
  EXPECT_EQ(bad, 2u);
}

TEST(Span, PagesBehindTheFirstSayHowFarBackItIs) {
  Span span;
  span.Open(Class(5));
  EXPECT_EQ(span.back(), 0u);
  EXPECT_EQ(span.size_class(), Class(5));
  span.SetInterior(6);
  EXPECT_EQ(span.back(), 6u);
  EXPECT_EQ(span.size_class(), SizeClass(0));
  span.Open(Class(7));
  EXPECT_EQ(span.back(), 0u);
  span.Close();
  EXPECT_EQ(span.size_class(), SizeClass(0));
}

TEST(Span, AgreesWithASetOverRandomTakesFreesAndMail) {
  constexpr uint64_t kSeed = 3;
  std::mt19937_64 random(kSeed);
  for (unsigned c = 1; c <= kSmallClasses; c += 5) {
    SCOPED_TRACE(::testing::Message() << "seed " << kSeed << ", class " << c);
    const ClassInfo& info = kClassTable[c];
    Span span;
    span.Open(Class(c));
    std::set<uint32_t> live;
    unsigned in_mail = 0;
    for (int step = 0; step < 2000; ++step) {
      const unsigned what = static_cast<unsigned>(random() % 4);
      if (what == 0 || live.empty()) {
        void* out[40];
        const unsigned want = 1 + static_cast<unsigned>(random() % 40);
        const unsigned n = span.Take(kBase, out, want);
        ASSERT_EQ(n, std::min<size_t>(want, info.objects - live.size() - in_mail));
        for (unsigned i = 0; i < n; ++i) ASSERT_TRUE(live.insert(OffsetOf(out[i])).second);
      } else if (what == 3) {
        unsigned bad;
        ASSERT_TRUE(span.Collect(&bad));
        in_mail = 0;
      } else {
        const auto victim = std::next(live.begin(), static_cast<long>(random() % live.size()));
        const unsigned object = *victim / info.size;
        if (what == 1) {
          ASSERT_EQ(span.Free(*victim), FreeResult::kFreed);
        } else {
          ASSERT_EQ(span.Post(object / 64, uint64_t{1} << (object % 64)) >> (object % 64) & 1, 0u);
          ++in_mail;
        }
        live.erase(victim);
      }
      ASSERT_EQ(span.free_count(), info.objects - live.size() - in_mail);
      ASSERT_EQ(span.MailCount(), in_mail);
    }
  }
}

TEST(Span, LosesNoMailOfThreadsThatPostWhileTheOwnerCollects) {
  constexpr unsigned kThreads = 4;
  for (int round = 0; round < 200; ++round) {
    Span span;
    span.Open(Class(1));
    void* out[kMaxObjects];
    ASSERT_EQ(span.Take(kBase, out, kMaxObjects), kMaxObjects);
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (unsigned i = t; i < kMaxObjects; i += kThreads) {
          span.Post(i / 64, uint64_t{1} << (i % 64));
        }
      });
    }
    unsigned bad;
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(span.Collect(&bad));
    for (std::thread& thread : threads) thread.join();
    ASSERT_TRUE(span.Collect(&bad));
    ASSERT_TRUE(span.AllFree());
  }
}

}  // namespace
}  // namespace hz3
