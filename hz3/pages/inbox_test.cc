#include "hz3/pages/inbox.h"

#include <atomic>
#include <bit>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

void Post(MailList& list, Inbox& inbox, uint32_t slot, Inbox::Kind kind, unsigned page) {
  inbox.Put(kind, page / 64, uint64_t{1} << (page % 64));
  if (inbox.MarkPosted()) list.Push(SlotIndex(slot), inbox);
}

TEST(Inbox, GivesBackWhatWasPutOnceAndByItsKind) {
  Inbox inbox;
  EXPECT_TRUE(inbox.Empty());
  EXPECT_EQ(inbox.Put(Inbox::kRun, 3, 0b101), 0u);
  EXPECT_EQ(inbox.Put(Inbox::kSpan, 3, 0b010), 0u);
  EXPECT_FALSE(inbox.Empty());
  EXPECT_EQ(inbox.Peek(Inbox::kRun, 3), 0b101u);
  EXPECT_EQ(inbox.Take(Inbox::kRun, 3), 0b101u);
  EXPECT_EQ(inbox.Take(Inbox::kRun, 3), 0u);
  EXPECT_EQ(inbox.Take(Inbox::kRun, 2), 0u);
  EXPECT_EQ(inbox.Take(Inbox::kSpan, 3), 0b010u);
  EXPECT_TRUE(inbox.Empty());
}

TEST(Inbox, PutTellsWhichMailWasThereBefore) {
  Inbox inbox;
  inbox.Put(Inbox::kRun, 0, 0b0110);
  EXPECT_EQ(inbox.Put(Inbox::kRun, 0, 0b0011) & 0b0011u, 0b0010u);
  EXPECT_EQ(inbox.Take(Inbox::kRun, 0), 0b0111u);
}

TEST(Inbox, OnlyTheFirstPosterHasToLinkTheSegment) {
  Inbox inbox;
  EXPECT_TRUE(inbox.MarkPosted());
  EXPECT_FALSE(inbox.MarkPosted());
  inbox.ClearPosted();
  EXPECT_TRUE(inbox.MarkPosted());
}

TEST(MailList, IsTakenWholeAndEachSegmentIsInItOnce) {
  MailList list;
  EXPECT_TRUE(list.Empty());
  EXPECT_EQ(list.TakeAll(), kNoIndex);
  std::vector<Inbox> inboxes(5);
  for (uint32_t slot = 0; slot < 5; ++slot) {
    Post(list, inboxes[slot], slot, Inbox::kRun, 1);
    Post(list, inboxes[slot], slot, Inbox::kSpan, 2);
  }
  EXPECT_FALSE(list.Empty());
  std::set<uint32_t> seen;
  unsigned visits = 0;
  for (uint32_t slot = list.TakeAll(); slot != kNoIndex; slot = MailList::Next(inboxes[slot])) {
    ASSERT_LT(slot, 5u);
    seen.insert(slot);
    ++visits;
  }
  EXPECT_EQ(visits, 5u);
  EXPECT_EQ(seen.size(), 5u);
  EXPECT_TRUE(list.Empty());
}

// Every page is posted again only after it was collected, so each post must be collected once.
TEST(MailList, LosesNoMailOfThreadsThatPostWhileAnotherCollects) {
  constexpr unsigned kPosters = 3;
  constexpr unsigned kSlots = 4;
  constexpr unsigned kRounds = 200;
  constexpr unsigned kPages = 64;  // of each poster, in each segment
  std::vector<Inbox> inboxes(kSlots);
  MailList list;
  std::atomic<unsigned> posters_left{kPosters};
  std::atomic<bool> late{false};  // a poster whose mail was lost would wait for ever
  std::vector<std::vector<std::atomic<unsigned>>> collected(kSlots);
  for (auto& slot : collected) slot = std::vector<std::atomic<unsigned>>(kPosters * kPages);

  std::vector<std::thread> posters;
  for (unsigned t = 0; t < kPosters; ++t) {
    posters.emplace_back([&, t] {
      for (unsigned round = 0; round < kRounds; ++round) {
        for (unsigned i = 0; i < kPages; ++i) {
          for (uint32_t slot = 0; slot < kSlots; ++slot) {
            const unsigned page = t * kPages + i;
            while (collected[slot][page].load() < round && !late) std::this_thread::yield();
            Post(list, inboxes[slot], slot, i % 2 == 0 ? Inbox::kRun : Inbox::kSpan, page);
          }
        }
      }
      --posters_left;
    });
  }
  const auto collect = [&] {
    for (uint32_t slot = list.TakeAll(); slot != kNoIndex;) {
      Inbox& inbox = inboxes[slot];
      const uint32_t here = slot;
      slot = MailList::Next(inbox);
      inbox.ClearPosted();
      for (Inbox::Kind kind : {Inbox::kRun, Inbox::kSpan}) {
        for (unsigned w = 0; w < kPosters; ++w) {
          for (uint64_t bits = inbox.Take(kind, w); bits != 0; bits &= bits - 1) {
            ++collected[here][w * kPages + static_cast<unsigned>(std::countr_zero(bits))];
          }
        }
      }
    }
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (posters_left.load() > 0) {
    if (std::chrono::steady_clock::now() > deadline) late = true;
    collect();
    std::this_thread::yield();
  }
  for (std::thread& poster : posters) poster.join();
  ASSERT_FALSE(late);
  collect();
  for (const auto& slot : collected) {
    for (const auto& count : slot) ASSERT_EQ(count.load(), kRounds);
  }
  for (const Inbox& inbox : inboxes) EXPECT_TRUE(inbox.Empty());
}

}  // namespace
}  // namespace hz3
