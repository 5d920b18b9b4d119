#include "hz3/pages/arena.h"

#include <algorithm>
#include <optional>

namespace hz3 {
namespace {

// Memory is made writable in steps of this many slots, so that a growing program makes one call
// for 16 MiB; where the OS refuses that, slot by slot.
constexpr uint32_t kCommitStep = 8;
// Metadata is made writable for this many slots at once: 32 of them fill whole pages of each table.
constexpr uint32_t kMetadataStep = 32;

// Slots that have metadata when `slots` of them are usable.
constexpr uint32_t MetadataFor(uint32_t slots) {
  return static_cast<uint32_t>(RoundUp(slots, kMetadataStep));
}

constexpr size_t PageRounded(size_t bytes) { return RoundUp(bytes, kPageSize); }

}  // namespace

bool Arena::Init(OsMemory& os, size_t bytes, bool may_shrink, size_t record_bytes) {
  os_ = &os;
  record_bytes_ = record_bytes;
  bytes = std::clamp(bytes & ~(kSegmentSize - 1), kMinBytes, kMaxBytes);
  while (!Reserve(bytes)) {
    if (!may_shrink || bytes == kMinBytes) return false;
    bytes = std::max((bytes / 2) & ~(kSegmentSize - 1), kMinBytes);
  }
  return true;
}

// Metadata in one reservation, each table between pages that stay inaccessible:
//   guard | tags | guard | free words, owners | guard | segments | guard | slot records | guard |
//   record numbers | guard | page records | guard | page mail | guard
bool Arena::Reserve(size_t bytes) {
  slots_ = static_cast<uint32_t>(bytes >> kSegmentShift);
  const size_t pages = bytes >> kPageShift;
  const uint32_t rounded_slots = static_cast<uint32_t>(RoundUp(slots_, kMetadataStep));
  const size_t tag_bytes = PageRounded(size_t{rounded_slots} * kPagesPerSegment);
  const size_t free_word_bytes = RoundUp(rounded_slots, kSlotsPerWord) / 8;
  const size_t word_bytes = PageRounded(free_word_bytes + rounded_slots);
  const size_t segment_bytes = PageRounded(rounded_slots * sizeof(Segment));
  const size_t rounded_pages = size_t{rounded_slots} * kPagesPerSegment;
  const size_t record_bytes = rounded_pages * record_bytes_;
  const size_t number_bytes = rounded_pages * sizeof(uint16_t);
  metadata_bytes_ =
      tag_bytes + word_bytes + segment_bytes + number_bytes + 3 * record_bytes + 8 * kPageSize;

  base_ = static_cast<char*>(os_->Reserve(bytes, kSegmentSize));
  if (base_ == nullptr) return false;
  metadata_ = static_cast<char*>(os_->Reserve(metadata_bytes_, kPageSize));
  if (metadata_ == nullptr) {
    os_->Release(base_, bytes);
    return false;
  }
  tags_ = metadata_ + kPageSize;
  char* words = tags_ + tag_bytes + kPageSize;
  char* segments = words + word_bytes + kPageSize;
  slot_records_ = segments + segment_bytes + kPageSize;
  char* numbers = slot_records_ + record_bytes + kPageSize;
  page_records_ = numbers + number_bytes + kPageSize;
  mail_ = page_records_ + record_bytes + kPageSize;
  if (!os_->MakeReadable(tags_, tag_bytes) || !os_->Commit(words, word_bytes)) {
    ReleaseReservation();
    return false;
  }
  free_words_ = reinterpret_cast<uint64_t*>(words);
  owners_ = reinterpret_cast<std::atomic<uint8_t>*>(words + free_word_bytes);
  segments_ = reinterpret_cast<Segment*>(segments);
  record_numbers_ = reinterpret_cast<uint16_t*>(numbers);
  segmap_.Init(base_, pages, tags_);
  // Slots that were never used are free too, but they are found by counting, so that the bitmap of
  // a large arena is not written at the start.
  free_count_.store(slots_, std::memory_order_relaxed);
  return true;
}

void Arena::ReleaseReservation() {
  os_->Release(base_, bytes());
  os_->Release(metadata_, metadata_bytes_);
}

void Arena::Destroy() { ReleaseReservation(); }

uint32_t Arena::TakeSlots(uint32_t n, uint32_t align) {
  LeaseHolder hold(lease_);
  const uint32_t first = FindSlots(n, align);
  if (first == kNoIndex || !EnsureCommitted(first + n)) return kNoIndex;
  MarkSlots(first, n, false);
  return first;
}

bool Arena::TakeSlotsAt(SlotIndex first, uint32_t n) {
  LeaseHolder hold(lease_);
  if (first.value() + n > slots_ || !AreFree(first.value(), n)) return false;
  if (!EnsureCommitted(first.value() + n)) return false;
  MarkSlots(first.value(), n, false);
  return true;
}

void Arena::ReturnSlots(SlotIndex first, uint32_t n) {
  LeaseHolder hold(lease_);
  MarkSlots(first.value(), n, true);
}

void Arena::Populate(const MemoryRange& range) {
  if (range.bytes == kSegmentSize) {
    if (const auto cpu_ns = os_->PopulateHuge(range.start)) huge_pages_.NoteCost(*cpu_ns);
    SegmentOf(segmap_.PageOf(range.start)).set_populating(false);
  } else if (range.bytes > 0) {
    PopulateRun(range);
  }
}

bool Arena::PopulateRun(const MemoryRange& range) {
  const std::optional<uint64_t> cpu_ns = os_->Populate(range.start, range.bytes);
  if (cpu_ns) huge_pages_.NoteCostOfPages(range.bytes / kPageSize, *cpu_ns);
  return cpu_ns.has_value();
}

// Who finds the lease taken does without an answer.
bool Arena::WillBeWritten(uint32_t slot) {
  if (!fresh_lease_.TryLock()) return false;
  const bool written = fresh_slots_.WillBeWritten(*os_);
  if (!written && slot != kNoIndex) {
    fresh_slots_.HandOut(base_ + size_t{slot} * kSegmentSize, kPagesPerSegment,
                         kPagesPerSegment / 4 * 3);
  }
  fresh_lease_.Unlock();
  return written;
}

// Free slots below the frontier are bits; all slots from the frontier on are free.
uint32_t Arena::FindSlots(uint32_t n, uint32_t align) const {
  const uint32_t frontier = used_slots();
  uint32_t run_begin = kNoIndex;
  for (uint32_t slot = first_free_word_ * kSlotsPerWord; slot < frontier; ++slot) {
    const uint64_t word = free_words_[slot / kSlotsPerWord];
    if (run_begin == kNoIndex && (word >> (slot % kSlotsPerWord)) == 0) {
      slot |= kSlotsPerWord - 1;  // nothing more in this word
      continue;
    }
    if (((word >> (slot % kSlotsPerWord)) & 1) == 0) {
      run_begin = kNoIndex;
      continue;
    }
    if (run_begin == kNoIndex && IsAligned(slot, align)) run_begin = slot;
    if (run_begin != kNoIndex && slot + 1 - run_begin == n) return run_begin;
  }
  if (run_begin == kNoIndex) {
    run_begin = frontier;
    while (!IsAligned(run_begin, align)) ++run_begin;  // fewer than `align` steps
  }
  return run_begin <= slots_ && n <= slots_ - run_begin ? run_begin : kNoIndex;
}

bool Arena::AreFree(uint32_t first, uint32_t n) const {
  const uint32_t frontier = used_slots();
  for (uint32_t slot = first; slot < first + n && slot < frontier; ++slot) {
    if (((free_words_[slot / kSlotsPerWord] >> (slot % kSlotsPerWord)) & 1) == 0) return false;
  }
  return true;
}

void Arena::MarkSlots(uint32_t first, uint32_t n, bool free) {
  SetFreeBits(first, n, free);
  const uint32_t count = free_slots();
  free_count_.store(free ? count + n : count - n, std::memory_order_relaxed);
  const size_t dirty = DirtyPagesIn(first, n);
  dirty_free_.store(free ? dirty_free_pages() + dirty : dirty_free_pages() - dirty,
                    std::memory_order_relaxed);
}

void Arena::SetFreeBits(uint32_t first, uint32_t n, bool free) {
  for (uint32_t slot = first; slot < first + n; ++slot) {
    const uint64_t bit = uint64_t{1} << (slot % kSlotsPerWord);
    uint64_t& word = free_words_[slot / kSlotsPerWord];
    word = free ? word | bit : word & ~bit;
  }
  if (free) first_free_word_ = std::min(first_free_word_, first / kSlotsPerWord);
  const uint32_t frontier_word = used_slots() / kSlotsPerWord;
  while (first_free_word_ < frontier_word && free_words_[first_free_word_] == 0) ++first_free_word_;
}

size_t Arena::DirtyPagesIn(uint32_t first, uint32_t n) const {
  size_t dirty = 0;
  for (uint32_t slot = first; slot < first + n; ++slot)
    dirty += segments_[slot].dirty_bits().Count();
  return dirty;
}

bool Arena::EnsureCommitted(uint32_t slots) {
  if (slots <= used_slots()) return true;
  const uint32_t generous = std::min(slots_, static_cast<uint32_t>(RoundUp(slots, kCommitStep)));
  if (CommitUpTo(generous) || (generous != slots && CommitUpTo(slots))) return true;
  os_refusals_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

bool Arena::CommitUpTo(uint32_t slots) {
  if (!MakeUsable(used_slots(), slots, metadata_slots_, MetadataFor(slots))) return false;
  AddCommitted(slots);
  return true;
}

// Slots below `slots` are usable now. They were counted as free before, and hold no memory: their
// records are left untouched.
void Arena::AddCommitted(uint32_t slots) {
  const uint32_t from = used_slots();
  metadata_slots_ = std::max(metadata_slots_, MetadataFor(slots));
  committed_slots_.store(slots, std::memory_order_relaxed);
  SetFreeBits(from, slots - from, true);
}

// Whoever needs the slots in the meantime commits them too, which does no harm.
void Arena::CommitNextStep() {
  if (!commit_lease_.TryLock()) return;
  uint32_t from, metadata_from;
  {
    LeaseHolder hold(lease_);
    from = used_slots();
    metadata_from = metadata_slots_;
  }
  const uint32_t to = std::min(slots_, static_cast<uint32_t>(RoundUp(from + 1, kCommitStep)));
  if (from < to && from != refused_from_) {
    if (!MakeUsable(from, to, metadata_from, MetadataFor(to))) {
      refused_from_ = from;
    } else {
      LeaseHolder hold(lease_);
      if (to > used_slots()) AddCommitted(to);
    }
  }
  commit_lease_.Unlock();
}

// Slots [from, to), and metadata up to metadata_to.
bool Arena::MakeUsable(uint32_t from, uint32_t to, uint32_t metadata_from, uint32_t metadata_to) {
  static_assert(kMetadataStep * sizeof(Segment) % kPageSize == 0);
  static_assert(kMetadataStep * kPagesPerSegment % kPageSize == 0);
  if (metadata_from < metadata_to) {
    const size_t n = metadata_to - metadata_from;
    const size_t pages = size_t{metadata_from} * kPagesPerSegment;
    const size_t more_pages = n * kPagesPerSegment;
    if (!os_->Commit(tags_ + pages, more_pages) ||
        !os_->Commit(segments_ + metadata_from, n * sizeof(Segment)) ||
        !os_->Commit(record_numbers_ + pages, more_pages * sizeof(uint16_t))) {
      return false;
    }
    for (char* table : {slot_records_, page_records_, mail_}) {
      if (!os_->Commit(table + pages * record_bytes_, more_pages * record_bytes_)) return false;
    }
  }
  return os_->Commit(base_ + size_t{from} * kSegmentSize, size_t{to - from} * kSegmentSize);
}

uint32_t Arena::NextDirtyFreeSlot(uint32_t from) {
  const uint32_t frontier = used_slots();
  for (uint32_t slot = from; slot < frontier; ++slot) {
    const uint64_t rest = free_words_[slot / kSlotsPerWord] >> (slot % kSlotsPerWord);
    if (rest == 0) {
      slot |= kSlotsPerWord - 1;
    } else if ((rest & 1) != 0 && segments_[slot].dirty_bits().Any()) {
      return slot;
    }
  }
  return kNoIndex;
}

size_t Arena::PurgeFreeSlots(size_t max_pages) {
  size_t purged = 0;
  uint32_t from = 0;
  while (purged < max_pages) {
    uint32_t slot;
    {
      LeaseHolder hold(lease_);
      slot = NextDirtyFreeSlot(from);
      if (slot == kNoIndex) return purged;
      MarkSlots(slot, 1, false);
    }
    // The slot is ours now: the system call runs under no lease.
    purged += PurgePages(segments_[slot], segments_[slot].dirty_bits());
    ReturnSlots(SlotIndex(slot), 1);
    from = slot + 1;
  }
  return purged;
}

size_t Arena::PurgePages(Segment& segment, const PageBits& pages) {
  const uint32_t slot = static_cast<uint32_t>(&segment - segments_);
  char* start = base_ + size_t{slot} * kSegmentSize;
  size_t purged = 0;
  const PageBits wanted = pages;
  for (unsigned first = wanted.NextSet(0); first != PageBits::kNone;) {
    const unsigned end = wanted.NextClear(first);
    const unsigned n = end - first;
    if (os_->Purge(start + size_t{first} * kPageSize, size_t{n} * kPageSize)) {
      segment.MarkClean(first, n);
      meter_.Uncharge(n);
      purged += n;
    }
    first = wanted.NextSet(end);
  }
  return purged;
}

}  // namespace hz3
