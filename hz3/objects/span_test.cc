#include "hz3/objects/span.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/platform.h"

namespace hz3 {
namespace {

// A span over addresses that nobody touches.
struct SpanAt {
  explicit SpanAt(SizeClass size_class) : c(size_class) { span->Open(c, PageIndex(0)); }

  std::vector<unsigned> Take(unsigned want) {
    std::vector<void*> out(want);
    const unsigned got = span->Take(base, out.data(), want);
    std::vector<unsigned> offsets;
    for (unsigned i = 0; i < got; ++i) {
      offsets.push_back(static_cast<unsigned>(static_cast<char*>(out[i]) - base));
    }
    return offsets;
  }

  FreeResult Free(uint32_t offset) {
    void* const object = base + offset;
    FreeResult result;
    const unsigned freed = span->FreeRow(base, &object, 1, &result);
    EXPECT_EQ(freed, result == FreeResult::kFreed ? 1u : 0u);
    return result;
  }

  SizeClass c;
  std::unique_ptr<Span> span = std::make_unique<Span>();
  std::unique_ptr<SpanMail> mail = std::make_unique<SpanMail>();
  std::vector<char> memory = std::vector<char>(kMaxSpanPages * kPageSize);
  char* base = memory.data();
};

template <typename F>
void ForEachSmallClass(F f) {
  for (unsigned c = 1; c <= kSmallClasses; ++c) {
    SCOPED_TRACE("class " + std::to_string(c));
    f(SizeClass(static_cast<uint8_t>(c)));
  }
}

TEST(Span, WhenItIsOpenedAllItsObjectsAreFree) {
  ForEachSmallClass([](SizeClass c) {
    SpanAt s(c);
    const unsigned objects = InfoOf(c).objects;
    EXPECT_EQ(s.span->size_class(), c);
    EXPECT_EQ(s.span->free_count(), objects);
    EXPECT_TRUE(s.span->AllFree());
    for (unsigned i = 0; i < kMaxObjects; ++i) EXPECT_EQ(s.span->IsFree(i), i < objects) << i;
  });
}

TEST(Span, GivesOutEachObjectOnceAndThenNoMore) {
  ForEachSmallClass([](SizeClass c) {
    SpanAt s(c);
    std::vector<unsigned> offsets = s.Take(3);
    for (unsigned offset : s.Take(kMaxObjects)) offsets.push_back(offset);
    ASSERT_EQ(offsets.size(), InfoOf(c).objects);
    std::sort(offsets.begin(), offsets.end());
    for (unsigned i = 0; i < offsets.size(); ++i) ASSERT_EQ(offsets[i], i * InfoOf(c).size);
    EXPECT_EQ(s.span->free_count(), 0u);
    EXPECT_TRUE(s.Take(1).empty());
  });
}

TEST(Span, TellsAFreeFromADoubleFreeAndFromNoObject) {
  ForEachSmallClass([](SizeClass c) {
    SpanAt s(c);
    const ClassInfo& info = InfoOf(c);
    s.Take(info.objects);
    for (uint32_t offset = 0; offset < info.pages * kPageSize; ++offset) {
      const bool object = offset % info.size == 0 && offset / info.size < info.objects;
      const unsigned number = object ? offset / info.size : kMaxObjects;
      ASSERT_EQ(s.span->ObjectNumber(offset), number) << offset;
      ASSERT_EQ(s.Free(offset), object ? FreeResult::kFreed : FreeResult::kNotAnObject) << offset;
      if (object) {
        ASSERT_EQ(s.Free(offset), FreeResult::kDoubleFree) << offset;
      }
    }
    EXPECT_TRUE(s.span->AllFree());
  });
}

TEST(Span, FreesARowUpToTheFirstThatLiesElsewhereOrIsWrong) {
  SpanAt s(SizeClass(1));
  s.Take(256);
  const auto row = [&](std::vector<char*> objects, FreeResult* result) {
    return s.span->FreeRow(s.base, reinterpret_cast<void**>(objects.data()),
                           static_cast<unsigned>(objects.size()), result);
  };
  FreeResult result;
  // To and fro between the words of the bitmap.
  EXPECT_EQ(row({s.base, s.base + 255 * 16, s.base + 16, s.base + 64 * 16}, &result), 4u);
  EXPECT_EQ(result, FreeResult::kFreed);
  for (unsigned i = 0; i < 256; ++i) {
    EXPECT_EQ(s.span->IsFree(i), i == 0 || i == 1 || i == 64 || i == 255) << i;
  }
  for (char* elsewhere : {s.base - 16, s.base + kPageSize}) {
    EXPECT_EQ(row({s.base + (s.span->free_count()) * 16, elsewhere, s.base}, &result), 1u);
    EXPECT_EQ(result, FreeResult::kFreed);
  }
  EXPECT_EQ(row({s.base + 70 * 16, s.base + 64 * 16, s.base + 71 * 16}, &result), 1u);
  EXPECT_EQ(result, FreeResult::kDoubleFree);
  EXPECT_EQ(row({s.base + 72 * 16, s.base + 73 * 16, s.base + 72 * 16}, &result), 2u)
      << "twice in one row";
  EXPECT_EQ(result, FreeResult::kDoubleFree);
  EXPECT_EQ(row({s.base + 74 * 16, s.base + 75 * 16 + 1}, &result), 1u);
  EXPECT_EQ(result, FreeResult::kNotAnObject);
  EXPECT_EQ(s.span->free_count(), 10u);
  unsigned free = 0;
  for (unsigned i = 0; i < 256; ++i) free += s.span->IsFree(i);
  EXPECT_EQ(free, 10u);
}

TEST(Span, MailBecomesFreeWhenItIsCollected) {
  SpanAt s(SizeClass(1));
  const unsigned objects = InfoOf(s.c).objects;
  s.Take(objects);
  EXPECT_EQ(s.mail->Count(), 0u);
  EXPECT_EQ(s.mail->Post(1, 0b1001), 0u);
  EXPECT_EQ(s.mail->Post(3, uint64_t{1} << 63), 0u);
  EXPECT_EQ(s.mail->Count(), 3u);
  EXPECT_EQ(s.span->free_count(), 0u);
  unsigned bad;
  ASSERT_TRUE(s.span->Collect(*s.mail, &bad));
  EXPECT_EQ(s.mail->Count(), 0u);
  EXPECT_EQ(s.span->free_count(), 3u);
  EXPECT_EQ(s.Take(10), (std::vector<unsigned>{64 * 16, 67 * 16, 255 * 16}));
}

TEST(Span, PostTellsWhichMailWasThereBefore) {
  SpanAt s(SizeClass(1));
  s.Take(10);
  s.mail->Post(0, 0b0110);
  EXPECT_EQ(s.mail->Post(0, 0b0011) & 0b0011u, 0b0010u);
}

TEST(Span, CollectNamesAnObjectThatWasFreeAlready) {
  SpanAt s(SizeClass(1));
  s.Take(200);
  ASSERT_EQ(s.Free(130 * 16), FreeResult::kFreed);
  s.mail->Post(2, (uint64_t{1} << 2) | (uint64_t{1} << 1));
  unsigned bad = kMaxObjects;
  EXPECT_FALSE(s.span->Collect(*s.mail, &bad));
  EXPECT_EQ(bad, 130u);
}

TEST(Span, KnowsItsPagesWhileItIsOpen) {
  const SizeClass c(20);
  const unsigned pages = InfoOf(c).pages;
  ASSERT_GT(pages, 1u);
  Span span;
  EXPECT_FALSE(span.Has(PageIndex(0)));
  span.Open(c, PageIndex(7));
  EXPECT_EQ(span.first_page(), PageIndex(7));
  EXPECT_FALSE(span.Has(PageIndex(6)));
  EXPECT_TRUE(span.Has(PageIndex(7)));
  EXPECT_TRUE(span.Has(PageIndex(7 + pages - 1)));
  EXPECT_FALSE(span.Has(PageIndex(7 + pages)));
  span.Close();
  EXPECT_EQ(span.size_class(), SizeClass(0));
  EXPECT_FALSE(span.Has(PageIndex(7)));
  span.PointTo(PageIndex(9));
  EXPECT_EQ(span.first_page(), PageIndex(9));
  EXPECT_FALSE(span.Has(PageIndex(9))) << "a note is no span";
}

TEST(Span, AgreesWithASetOverRandomSteps) {
  ForEachSmallClass([](SizeClass c) {
    std::mt19937 random(c.value());  // the seed is the class
    SpanAt s(c);
    std::set<unsigned> live;
    for (int step = 0; step < 500; ++step) {
      if (random() % 2 == 0) {
        const unsigned want = static_cast<unsigned>(random() % 20);
        const std::vector<unsigned> taken = s.Take(want);
        ASSERT_EQ(taken.size(), std::min<size_t>(want, InfoOf(c).objects - live.size()));
        for (unsigned offset : taken) ASSERT_TRUE(live.insert(offset).second);
      } else if (!live.empty()) {
        auto at = live.lower_bound(static_cast<unsigned>(random() % (InfoOf(c).pages * kPageSize)));
        if (at == live.end()) at = live.begin();
        const unsigned number = *at / InfoOf(c).size;
        if (random() % 2 == 0) {
          ASSERT_EQ(s.Free(*at), FreeResult::kFreed);
        } else {
          ASSERT_EQ(s.mail->Post(number / 64, uint64_t{1} << (number % 64)), 0u);
          unsigned bad;
          ASSERT_TRUE(s.span->Collect(*s.mail, &bad));
        }
        live.erase(at);
      }
      ASSERT_EQ(s.span->free_count(), InfoOf(c).objects - live.size());
      ASSERT_EQ(s.span->AllFree(), live.empty());
    }
  });
}

TEST(Span, LosesNoMailThatThreadsPostWhileItCollects) {
  SpanAt s(SizeClass(1));
  for (int round = 0; round < 200; ++round) {
    ASSERT_EQ(s.Take(kMaxObjects).size(), kMaxObjects) << "round " << round;
    std::vector<std::thread> posters;
    for (unsigned t = 0; t < 2; ++t) {
      posters.emplace_back([&s, t] {
        for (unsigned i = t; i < kMaxObjects; i += 2) {
          s.mail->Post(i / 64, uint64_t{1} << (i % 64));
        }
      });
    }
    unsigned bad;
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(s.span->Collect(*s.mail, &bad));
    for (std::thread& poster : posters) poster.join();
    ASSERT_TRUE(s.span->Collect(*s.mail, &bad));
  }
}

#if HZ3_X86_64_HOT && !HZ3_UNDER_ASAN
// Where a mailbox's page has no memory yet, a post that read before it wrote would fault twice, and
// the second fault would interrupt all processors. (Machines that load and store in pairs cannot do
// without.)
TEST(SpanMail, TheFirstPostToAPageOfMailboxesFaultsOnce) {
  constexpr long kPages = 64;
  void* memory =
      mmap(nullptr, kPages * kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  madvise(memory, kPages * kPageSize, MADV_NOHUGEPAGE);
  const auto faults = [] {
    rusage use;
    getrusage(RUSAGE_SELF, &use);
    return use.ru_minflt;
  };
  faults();  // its own code is there from now on
  uint64_t met = 0;
  const long before = faults();
  for (long page = 0; page < kPages; ++page) {
    met |= reinterpret_cast<SpanMail*>(static_cast<char*>(memory) + page * long{kPageSize})
               ->Post(1, 6);
  }
  const long all = faults() - before;
  EXPECT_EQ(met, 0u);
  EXPECT_GE(all, kPages);
  EXPECT_LT(all, kPages + kPages / 2);
  munmap(memory, kPages * kPageSize);
}
#endif

TEST(SpanMail, PostTellsWhatWasThereBefore) {
  SpanMail mail;
  EXPECT_EQ(mail.Post(2, 0b0110), 0u);
  EXPECT_EQ(mail.Post(2, 0b1100), 0b0110u);
  EXPECT_EQ(mail.Post(1, 1), 0u);
  EXPECT_EQ(mail.Take(2), 0b1110u);
  EXPECT_EQ(mail.Take(2), 0u);
  EXPECT_EQ(mail.Take(1), 1u);
}

}  // namespace
}  // namespace hz3
