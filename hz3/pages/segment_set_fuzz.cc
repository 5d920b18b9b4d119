// SegmentSet: what it finds fits, and an exhaustive search misses nothing.

#include <map>
#include <vector>

#include "hz3/base/fake_os_memory.h"
#include "hz3/pages/segment_set.h"
#include "testing/fuzz/fuzz_input.h"

namespace hz3 {
namespace {

using fuzz::FuzzInput;
using fuzz::Require;

constexpr unsigned kSlots = 20;

class SegmentSetFuzz {
 public:
  explicit SegmentSetFuzz(FuzzInput& input) : input_(input) {
    Require(arena_.Init(os_, kSlots * kSegmentSize, false, 64), "an arena");
    Require(arena_.TakeSlots(kSlots) == 0, "its slots");
  }
  ~SegmentSetFuzz() { arena_.Destroy(); }

  void Run() {
    while (!input_.empty()) {
      Step();
      Check();
    }
  }

 private:
  void Step() {
    const unsigned slot = input_.Below(kSlots);
    switch (input_.Below(4)) {
      case 0:
        Toggle(slot);
        break;
      case 1:
      case 2:
        Carve();
        break;
      default:
        Uncarve();
    }
  }

  Segment& At(unsigned slot) { return arena_.segment(SlotIndex(slot)); }

  // A segment comes into the set, or goes when it is empty.
  void Toggle(unsigned slot) {
    Segment& segment = At(slot);
    if (!member_[slot]) {
      segment.Open(SlotIndex(slot));
      set_.Insert(arena_, segment);
    } else if (segment.AllFree()) {
      set_.Remove(arena_, segment);
      segment.Close();
    } else {
      return;
    }
    member_[slot] = !member_[slot];
  }

  bool Exists(unsigned n, unsigned align, Pages pages) {
    for (unsigned slot = 0; slot < kSlots; ++slot) {
      if (member_[slot] && At(slot).FindRun(n, align, pages) != Segment::kNone) return true;
    }
    return false;
  }

  void Carve() {
    const unsigned n = 1 + input_.Below(input_.Below(2) == 0 ? 12 : kPagesPerSegment);
    const unsigned align = 1u << input_.Below(4);
    const Pages pages = input_.Below(2) == 0 ? Pages::kDirtyOnly : Pages::kAny;
    const bool exists = Exists(n, align, pages);
    unsigned first = 0;
    Segment* segment = set_.Find(arena_, n, align, pages, {true}, &first);
    Require((segment != nullptr) == exists, "an exhaustive Find misses none");
    Segment* exact = set_.FindExact(arena_, n);
    Require(exact == nullptr || exact->free_bits().ExactRunsOf(n).Any(), "FindExact");
    Segment* any = set_.FindAny(arena_, n, pages, {false});
    Require(any == nullptr || any->HasRun(n, pages), "FindAny");
    if (segment == nullptr) return;
    Require(member_[segment->slot().value()], "Find gives members");
    Require(segment->FindRun(n, align, pages) == first, "Find says where");
    segment->Carve(first, n);
    // Often the bound stays stale, as a batch leaves it.
    if (input_.Below(2) == 0) segment->UpdateLongest();
    set_.Update(arena_, *segment);
    runs_.push_back({segment->slot().value(), first, n});
  }

  void Uncarve() {
    if (runs_.empty()) return;
    const unsigned i = input_.Below(static_cast<unsigned>(runs_.size()));
    Segment& segment = At(runs_[i].slot);
    segment.Uncarve(runs_[i].first, runs_[i].n);
    set_.Update(arena_, segment);
    runs_[i] = runs_.back();
    runs_.pop_back();
  }

  void Check() {
    unsigned listed = 0;
    set_.ForEach(arena_, [&](Segment& segment) {
      ++listed;
      Require(member_[segment.slot().value()], "only members are listed");
      Require(listed <= kSlots, "the lists end");
    });
    unsigned with_free = 0;
    for (unsigned slot = 0; slot < kSlots; ++slot) {
      if (member_[slot] && At(slot).longest() > 0) ++with_free;
    }
    Require(listed == with_free, "all members with free pages are listed");
  }

  struct CarvedRun {
    unsigned slot, first, n;
  };
  FuzzInput& input_;
  FakeOsMemory os_;
  Arena arena_;
  SegmentSet set_;
  bool member_[kSlots] = {};
  std::vector<CarvedRun> runs_;
};

}  // namespace
}  // namespace hz3

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hz3::fuzz::FuzzInput input(data, size);
  hz3::SegmentSetFuzz(input).Run();
  return 0;
}
