// Arena: the address range that hz3 reserves once, cut into 2 MiB slots, and all metadata about it
// (segmap, segments, records of three kinds), which lies outside of it behind pages that cannot be
// touched. Memory is made usable slot by slot, as it is asked for.
//
// Thread-safe: slots are taken and returned under the arena's own lease. Slow path. The search for
// a slot is bounded by the slots ever used (kSlotsPerWord of them at a time).
#ifndef HZ3_PAGES_ARENA_H_
#define HZ3_PAGES_ARENA_H_

#include <cstddef>
#include <cstdint>

#include "hz3/base/lease.h"
#include "hz3/base/os_memory.h"
#include "hz3/base/thread_annotations.h"
#include "hz3/base/words.h"
#include "hz3/config/config.h"
#include "hz3/pages/commit_meter.h"
#include "hz3/pages/fresh_runs.h"
#include "hz3/pages/huge_pages.h"
#include "hz3/pages/segmap.h"
#include "hz3/pages/segment.h"

namespace hz3 {

class Arena {
 public:
  // The largest arena: page indices stay below 2^31.
  static constexpr size_t kMaxBytes = size_t{8} << 40;
  static constexpr size_t kMinBytes = kSegmentSize;

  // Reserves `bytes` (a multiple of kSegmentSize) and the metadata for it, with `record_bytes` (a
  // power of two) for each record. Where the reservation is refused and `may_shrink`, halves it
  // down to kMinBytes. False when nothing could be had.
  bool Init(OsMemory& os, size_t bytes, bool may_shrink, size_t record_bytes);
  // Gives everything back; for tests. Nobody may use the arena any more.
  void Destroy();

  // Takes n neighbouring slots whose address is a multiple of `align` slots, lowest address first,
  // ready to be used. kNoIndex when there are none or the OS refuses the memory.
  uint32_t TakeSlots(uint32_t n, uint32_t align = 1);
  void ReturnSlots(SlotIndex first, uint32_t n);
  // Takes exactly [first, first + n) if all of it is free.
  bool TakeSlotsAt(SlotIndex first, uint32_t n);

  // Makes the next slots usable before they are asked for, once nearly all that are have been
  // taken. By who holds no lease: a thread that waits for the kernel under one has others stand in
  // line.
  void CommitAhead() {
    if (UnusedCommitted() < kSlotsAhead) [[unlikely]]
      CommitNextStep();
  }

  // Held by who gives free pages back: while he does, those that he has claimed are nowhere to be
  // found. A leader of the ladder holds it while he sweeps for the last time.
  Lease& purge_lease() { return purge_lease_; }

  // Gives a range memory that may be empty, or a whole slot (by a huge page), or less than one.
  // What others know of is named by TakeToPopulate of its shard only.
  void Populate(const MemoryRange& range);
  // The same for less than a slot, but at least a page. False when the kernel refuses: some may
  // have memory then.
  bool PopulateRun(const MemoryRange& range);
  // Whether the slot may be asked a huge page for. Each may split a mapping in two, and a process
  // has at most 65530 of them (vm.max_map_count, proc(5)), so those of the first 64 GiB.
  static bool MayBeHuge(SlotIndex slot) {
    return kConfig.huge_page_segments > 0 && slot.value() < kMostHugeSlots;
  }
  // What the whole slots cost that were populated.
  HugePages& huge_pages() { return huge_pages_; }
  // Whether a block of whole slots that is about to be handed out will be written to, by what
  // became of those before. `slot` is one that it covers and that was never used, or kNoIndex: by
  // it later blocks may be judged. Takes system calls.
  bool WillBeWritten(uint32_t slot);

  // Gives the memory of free slots back to the OS, until `max_pages` pages were given back or none
  // is left. Returns the number of pages.
  size_t PurgeFreeSlots(size_t max_pages);
  // Pages of free slots that may hold memory; exact under the lease, a figure otherwise.
  size_t dirty_free_pages() const { return dirty_free_.load(std::memory_order_relaxed); }
  // Gives the memory of `pages` back and unmarks the pages. The caller owns the slot.
  // Returns how many pages that was.
  size_t PurgePages(Segment& segment, const PageBits& pages);

  Segmap& segmap() { return segmap_; }
  const Segmap& segmap() const { return segmap_; }
  CommitMeter& meter() { return meter_; }
  OsMemory& os() { return *os_; }
  Segment& segment(SlotIndex slot) { return segments_[slot.value()]; }
  const Segment& segment(SlotIndex slot) const { return segments_[slot.value()]; }
  // The shard that a slot's segment belongs to. Read by anybody who frees into it: a live block
  // keeps its segment's owner fixed, so relaxed suffices. A table of its own, because a flush asks
  // for every object, and the segments' records are far apart.
  ShardId owner(SlotIndex slot) const {
    return ShardId(owners_[slot.value()].load(std::memory_order_relaxed));
  }
  void set_owner(SlotIndex slot, ShardId shard) {
    owners_[slot.value()].store(shard.value(), std::memory_order_relaxed);
  }
  // Starts loading what a free of the run at `p` will touch.
  void PrefetchSegmentOf(const void* p) const {
    segments_[SlotOf(segmap_.PageOf(p)).value()].Prefetch();
  }
  Segment& SegmentOf(PageIndex page) { return segment(SlotOf(page)); }
  // Records that the owner of a slot numbers as he likes: kPagesPerSegment for each slot, beginning
  // with those of slot 0.
  template <typename Record>
  Record* slot_records() {
    return reinterpret_cast<Record*>(slot_records_);
  }
  // Which of its slot's records a page belongs to; the slot's owner writes it, and who holds a
  // block on the page may read it.
  uint16_t& record_number(PageIndex page) { return record_numbers_[page.value()]; }
  // One record for each page, for whoever has the page and cannot number records.
  template <typename Record>
  Record* page_records() {
    return reinterpret_cast<Record*>(page_records_);
  }
  template <typename Record>
  Record& page_record(PageIndex page) {
    return page_records<Record>()[page.value()];
  }
  // A second record of each page, for what others than the owner of its segment write. Tables of
  // their own, because few pages have use for them: a table costs memory where it is written.
  template <typename Mail>
  Mail& page_mail(PageIndex page) {
    return reinterpret_cast<Mail*>(mail_)[page.value()];
  }

  uint32_t slots() const { return slots_; }
  size_t bytes() const { return size_t{slots_} * kSegmentSize; }
  // Slots [0, used_slots()) have been taken at least once; the others were never touched.
  uint32_t used_slots() const { return committed_slots_.load(std::memory_order_relaxed); }
  // Under the arena's lease the count of free slots is exact; a look from outside may be stale.
  uint32_t free_slots() const { return free_count_.load(std::memory_order_relaxed); }
  // How often slots could not be had because the OS refused their memory: it may not, next time.
  uint64_t os_refusals() const { return os_refusals_.load(std::memory_order_relaxed); }

  void LockForFork() HZ3_NO_ANALYSIS { lease_.Lock(); }
  void UnlockAfterFork() HZ3_NO_ANALYSIS { lease_.Unlock(); }
  void ResetAfterFork() {
    lease_.ResetAfterFork();
    purge_lease_.ResetAfterFork();
    commit_lease_.ResetAfterFork();
    fresh_lease_.ResetAfterFork();
  }

 private:
  friend class HeapLayoutMaker;  // tells observers from outside where things are
  static constexpr uint32_t kSlotsPerWord = 64;
  static constexpr uint32_t kMostHugeSlots = 32768;
  static constexpr int64_t kSlotsAhead = 3;

  bool Reserve(size_t bytes);
  void ReleaseReservation();
  // Whether the slot's address is a multiple of `align` slots.
  bool IsAligned(uint32_t slot, uint32_t align) const {
    return ((reinterpret_cast<uintptr_t>(base_) >> kSegmentShift) + slot) % align == 0;
  }
  uint32_t FindSlots(uint32_t n, uint32_t align) const HZ3_REQUIRES(lease_);
  bool AreFree(uint32_t first, uint32_t n) const HZ3_REQUIRES(lease_);
  void MarkSlots(uint32_t first, uint32_t n, bool free) HZ3_REQUIRES(lease_);
  void SetFreeBits(uint32_t first, uint32_t n, bool free) HZ3_REQUIRES(lease_);
  size_t DirtyPagesIn(uint32_t first, uint32_t n) const;
  // Free slots that are usable; a figure.
  int64_t UnusedCommitted() const {
    return int64_t{free_slots()} - (int64_t{slots_} - int64_t{used_slots()});
  }
  void CommitNextStep();
  bool EnsureCommitted(uint32_t slots) HZ3_REQUIRES(lease_);
  bool CommitUpTo(uint32_t slots) HZ3_REQUIRES(lease_);
  void AddCommitted(uint32_t slots) HZ3_REQUIRES(lease_);
  bool MakeUsable(uint32_t from, uint32_t to, uint32_t metadata_from, uint32_t metadata_to);
  uint32_t NextDirtyFreeSlot(uint32_t from) HZ3_REQUIRES(lease_);

  OsMemory* os_ = nullptr;
  Segmap segmap_;
  CommitMeter meter_;
  HugePages huge_pages_;
  size_t record_bytes_ = 0;

  char* base_ = nullptr;
  char* metadata_ = nullptr;
  size_t metadata_bytes_ = 0;
  char* tags_ = nullptr;
  Segment* segments_ = nullptr;
  char* slot_records_ = nullptr;
  uint16_t* record_numbers_ = nullptr;
  char* page_records_ = nullptr;
  char* mail_ = nullptr;
  std::atomic<uint8_t>* owners_ = nullptr;  // relaxed, see owner
  uint64_t* free_words_ = nullptr;          // bit set: slot is free
  uint32_t slots_ = 0;

  Lease purge_lease_;
  Lease commit_lease_;  // of who commits ahead; nobody waits for it
  uint32_t refused_from_ HZ3_GUARDED_BY(commit_lease_) = kNoIndex;
  Lease fresh_lease_;
  FreshRuns fresh_slots_ HZ3_GUARDED_BY(fresh_lease_);
  Lease lease_;
  uint32_t first_free_word_ HZ3_GUARDED_BY(lease_) = 0;
  uint32_t metadata_slots_ HZ3_GUARDED_BY(lease_) = 0;
  // Written under the lease; relaxed reads elsewhere are for statistics and for bounds of walks
  // over slots, which only ever grow.
  std::atomic<uint32_t> committed_slots_{0};
  std::atomic<uint32_t> free_count_{0};
  std::atomic<size_t> dirty_free_{0};
  std::atomic<uint64_t> os_refusals_{0};
};

}  // namespace hz3

#endif  // HZ3_PAGES_ARENA_H_
