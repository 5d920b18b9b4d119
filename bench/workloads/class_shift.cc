#include "bench/workloads/class_shift.h"

#include <algorithm>
#include <deque>

#include "bench/lib/mapped_array.h"
#include "bench/workloads/block_list.h"
#include "bench/workloads/rounding.h"

namespace hz3::bench {
namespace {

constexpr uint64_t kPagesOfSlot = kSlot / kPage;
// Allocations between two looks at how much is live.
constexpr uint64_t kLookEvery = 32;

enum Phase { kFill, kThinOut, kShift, kPhases };

uint64_t PagesOf(uint64_t size) { return size < kPage ? 1 : RoundedTo(size, kPage) / kPage; }

class ClassShift : public Workload {
 public:
  ClassShift(const ClassShiftShape& shape, const FillOptions& options, Ledger* ledger)
      : shape_(shape),
        options_(options),
        ledger_(*ledger),
        pinned_pages_(MostBlocks() / shape.keep_every * PagesTouched() + shape.threads * 2) {
    for (uint64_t i = 0; i < shape.threads; ++i) lists_.emplace_back(MostBlocks());
  }

  size_t threads() const override { return lists_.size(); }
  int phases() const override { return kPhases; }
  bool FillsOnPurpose(int phase) const override {
    return phase == kFill && options_.live_target == 0;
  }

  void RunPhase(int phase, size_t thread) override {
    if (phase == kThinOut) {
      const uint64_t k = shape_.keep_every;
      lists_[thread].FreeUnless([k](size_t i, const Block&) { return i % k == 0; },
                                &ledger_.account(thread));
    } else {
      Grow(thread, phase == kFill ? shape_.first_size : shape_.second_size);
    }
  }

  void AfterPhase(int phase) override {
    if (phase == kThinOut) MeasurePins();
  }

  void FreeAll(size_t thread) override { lists_[thread].FreeAll(&ledger_.account(thread)); }

  void Describe(Report* report) const override {
    report->Add("survivor_bytes", survivor_bytes_);
    report->Add("pinned_bytes", pinned_bytes_);
  }

  uint64_t OwnTouchedBytes() const override {
    uint64_t bytes = 0;
    for (const BlockList& list : lists_) bytes += list.TouchedBytes();
    return bytes;
  }

 private:
  // One thread may get all of the memory.
  uint64_t MostBlocks() const {
    const uint64_t smallest = std::min(shape_.first_size, shape_.second_size);
    return options_.scale_bytes / RoundedSize(smallest) + 1;
  }
  uint64_t PagesTouched() const { return shape_.first_size / kPage + 2; }

  void Grow(size_t thread, uint64_t size) {
    BlockList& list = lists_[thread];
    Account& account = ledger_.account(thread);
    for (uint64_t i = 1; !ledger_.stopped() && !ledger_.reached() && !list.full(); ++i) {
      if (i % kLookEvery == 0 && !ledger_.BelowTarget()) return;
      const Block block = account.Allocate(size);
      if (block.pointer != nullptr) list.Add(block);
    }
  }

  void MeasurePins() {
    size_t count = 0;
    survivor_bytes_ = static_cast<uint64_t>(ledger_.meter().Sum());
    for (BlockList& list : lists_) {
      for (size_t i = 0; i < list.size(); ++i) {
        const uint64_t begin = reinterpret_cast<uintptr_t>(list[i].pointer);
        const uint64_t last = (begin + list[i].size - 1) / kPage;
        for (uint64_t page = begin / kPage; page <= last && count < pinned_pages_.size(); ++page) {
          pinned_pages_[count++] = page;
        }
      }
    }
    uint64_t* const begin = pinned_pages_.data();
    std::sort(begin, begin + count);
    count = static_cast<size_t>(std::unique(begin, begin + count) - begin);
    pinned_bytes_ = PinnedBytes(begin, count, PagesOf(shape_.second_size), options_.scale_bytes);
  }

  const ClassShiftShape shape_;
  const FillOptions options_;
  Ledger& ledger_;
  MappedArray<uint64_t> pinned_pages_;
  std::deque<BlockList> lists_;
  uint64_t survivor_bytes_ = 0;
  uint64_t pinned_bytes_ = 0;
};

}  // namespace

uint64_t PinnedBytes(const uint64_t* pages, size_t count, uint64_t run_pages,
                     uint64_t arena_bytes) {
  const auto whole_runs = [run_pages](uint64_t gap) { return gap / run_pages * run_pages; };
  uint64_t usable = 0;
  uint64_t slots = 0;
  for (size_t i = 0; i < count; ++slots) {
    const uint64_t slot = pages[i] / kPagesOfSlot;
    uint64_t next = slot * kPagesOfSlot;  // the first page of the gap
    for (; i < count && pages[i] / kPagesOfSlot == slot; ++i) {
      usable += whole_runs(pages[i] - next);
      next = pages[i] + 1;
    }
    usable += whole_runs((slot + 1) * kPagesOfSlot - next);
  }
  const uint64_t all_slots = arena_bytes / kSlot;
  if (all_slots > slots) usable += (all_slots - slots) * whole_runs(kPagesOfSlot);
  return arena_bytes - std::min(arena_bytes, usable * kPage);
}

std::unique_ptr<Workload> MakeClassShift(const ClassShiftShape& shape, const FillOptions& options,
                                         Ledger* ledger) {
  return std::make_unique<ClassShift>(shape, options, ledger);
}

}  // namespace hz3::bench
