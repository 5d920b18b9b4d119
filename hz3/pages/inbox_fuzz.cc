// Inbox and MailList: several posters and a collector whose steps are interleaved as the input
// says. No mail is lost, and none comes twice.

#include <array>
#include <memory>

#include "hz3/pages/inbox.h"
#include "testing/fuzz/fuzz_input.h"

namespace hz3 {
namespace {

using fuzz::FuzzInput;
using fuzz::Require;

constexpr unsigned kSegments = 4;
constexpr unsigned kPosters = 3;

// The three steps of a post (inbox.h), one at a time.
struct Poster {
  enum Next { kPut, kMark, kLink } next = kPut;
  unsigned segment = 0;
};

class InboxFuzz {
 public:
  explicit InboxFuzz(FuzzInput& input) : input_(input) {}

  void Run() {
    while (!input_.empty()) {
      const unsigned who = input_.Below(kPosters + 1);
      if (who < kPosters) {
        StepOf(posters_[who]);
      } else {
        StepOfCollector();
      }
    }
    Finish();
  }

 private:
  using Words = std::array<std::array<uint64_t, Inbox::kWords>, 2>;

  void StepOf(Poster& poster) {
    Inbox& inbox = (*inboxes_)[poster.segment];
    switch (poster.next) {
      case Poster::kPut:
        Put(poster);
        break;
      case Poster::kMark:
        poster.next = inbox.MarkPosted() ? Poster::kLink : Poster::kPut;
        break;
      case Poster::kLink:
        list_.Push(SlotIndex(poster.segment), inbox);
        poster.next = Poster::kPut;
    }
  }

  void Put(Poster& poster) {
    poster.segment = input_.Below(kSegments);
    const Inbox::Kind kind = input_.Below(2) == 0 ? Inbox::kRun : Inbox::kSpan;
    const unsigned w = input_.Below(Inbox::kWords);
    const uint64_t pages = uint64_t{1} << input_.Below(64);
    uint64_t& waiting = waiting_[poster.segment][kind][w];
    const uint64_t before = (*inboxes_)[poster.segment].Put(kind, w, pages);
    Require(before == waiting, "Put tells what was there");
    waiting |= pages;
    poster.next = Poster::kMark;
  }

  // One segment of the list, or a new list when the last one is done.
  void StepOfCollector() {
    if (taken_ == kNoIndex) {
      taken_ = list_.TakeAll();
      return;
    }
    const uint32_t slot = taken_;
    Inbox& inbox = (*inboxes_)[slot];
    taken_ = MailList::Next(inbox);
    inbox.ClearPosted();
    for (const Inbox::Kind kind : {Inbox::kRun, Inbox::kSpan}) {
      for (unsigned w = 0; w < Inbox::kWords; ++w) {
        Require(inbox.Take(kind, w) == waiting_[slot][kind][w], "Take takes what was put");
        waiting_[slot][kind][w] = 0;
      }
    }
  }

  // Once all posters are done, the list leads to all mail.
  void Finish() {
    for (Poster& poster : posters_) {
      while (poster.next != Poster::kPut) StepOf(poster);
    }
    while (taken_ != kNoIndex || !list_.Empty()) StepOfCollector();
    for (unsigned segment = 0; segment < kSegments; ++segment) {
      Require((*inboxes_)[segment].Empty(), "no mail is lost");
    }
  }

  FuzzInput& input_;
  std::unique_ptr<std::array<Inbox, kSegments>> inboxes_ =
      std::make_unique<std::array<Inbox, kSegments>>();
  MailList list_;
  std::array<Poster, kPosters> posters_;
  std::array<Words, kSegments> waiting_ = {};
  uint32_t taken_ = kNoIndex;
};

}  // namespace
}  // namespace hz3

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hz3::fuzz::FuzzInput input(data, size);
  hz3::InboxFuzz(input).Run();
  return 0;
}
