#include "tools/hz3/heap_view.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace hz3::tool {
namespace {

// Far more than any heap of ours has; a larger number is one that was read at a bad moment.
constexpr uint32_t kMostSlots = 4u << 20;
constexpr uint32_t kMostShards = 64;
constexpr unsigned kMostCaches = 100'000;
constexpr uint32_t kMostBytes = 1u << 20;  // of one structure
constexpr unsigned kTileWords = kTilePages / 64;
constexpr unsigned kRecordWords = 4;
constexpr uint64_t kSlotBytes = kTilePages * kPageBytes;

enum SlotUse : uint8_t { kUnused, kSegment, kHugeHead, kHugeTail };

using PageWords = std::array<uint64_t, kTileWords>;

bool Test(const PageWords& words, unsigned i) { return (words[i / 64] >> (i % 64)) & 1; }

// A structure of the process, copied: its fields by their offsets.
class Copy {
 public:
  Copy(const char* bytes, size_t size) : bytes_(bytes), size_(size) {}

  template <typename T>
  T Get(size_t offset) const {
    T value = {};
    if (offset <= size_ && size_ - offset >= sizeof(T)) {
      std::memcpy(&value, bytes_ + offset, sizeof(T));
    }
    return value;
  }

 private:
  const char* bytes_;
  size_t size_;
};

Address AddressOf(const void* remote) { return reinterpret_cast<Address>(remote); }

struct RawSegment {
  PageWords free, dirty, start, run_mail;
  uint8_t use = kUnused;
  uint64_t huge_bytes = 0;
  uint32_t huge_slots = 0;
};

using RecordWords = std::array<uint64_t, kRecordWords>;

struct RawRecord {
  uint8_t size_class = 0;
  uint32_t first_page = 0;
  RecordWords free, mail;
};

class Reader {
 public:
  Reader(const RemoteMemory& memory, const LocatedHeap& located)
      : memory_(memory), layout_(located.layout) {}

  absl::StatusOr<HeapView> Read() {
    view_.lane.assign(layout_.lane, strnlen(layout_.lane, sizeof(layout_.lane)));
    using Step = absl::Status (Reader::*)();
    for (const Step step : {&Reader::ReadClasses, &Reader::ReadArena, &Reader::ReadSlots,
                            &Reader::ReadCounters, &Reader::ReadShards, &Reader::ReadCaches}) {
      if (absl::Status status = (this->*step)(); !status.ok()) return status;
    }
    AddUp();
    return std::move(view_);
  }

 private:
  // An array of structures of `stride` bytes.
  absl::StatusOr<std::vector<char>> ReadArray(Address from, uint32_t stride, uint64_t count) const {
    if (stride > kMostBytes) return absl::DataLossError("the heap's description makes no sense");
    std::vector<char> bytes(stride * count);
    if (absl::Status s = memory_.Read(from, bytes.data(), bytes.size()); !s.ok()) return s;
    return bytes;
  }

  absl::Status ReadClasses() {
    const HeapLayout::Array& array = layout_.classes;
    if (array.count > 256) return absl::DataLossError("it has too many size classes");
    const auto bytes = ReadArray(AddressOf(array.address), array.stride, array.count);
    if (!bytes.ok()) return bytes.status();
    for (uint32_t tag = 0; tag < array.count; ++tag) {
      const Copy entry(bytes->data() + size_t{tag} * array.stride, array.stride);
      ClassFigures figures;
      figures.size = entry.Get<uint32_t>(0);
      figures.objects = entry.Get<uint16_t>(4);
      figures.pages = entry.Get<uint16_t>(6);
      view_.classes.push_back(figures);
    }
    return absl::OkStatus();
  }

  absl::Status ReadArena() {
    const auto bytes = ReadArray(AddressOf(layout_.arena), layout_.in_arena.bytes, 1);
    if (!bytes.ok()) return bytes.status();
    const Copy arena(bytes->data(), bytes->size());
    const auto& at = layout_.in_arena;
    view_.base = arena.Get<Address>(at.base);
    const uint32_t slots = arena.Get<uint32_t>(at.slots);
    used_slots_ = std::min({arena.Get<uint32_t>(at.used_slots), slots, kMostSlots});
    view_.arena_bytes = slots * kSlotBytes;
    view_.committed = arena.Get<uint64_t>(at.committed) * kPageBytes;
    view_.peak_committed = arena.Get<uint64_t>(at.peak_committed) * kPageBytes;
    const uint64_t limit = arena.Get<uint64_t>(at.limit);
    view_.limit = limit > UINT64_MAX / kPageBytes ? 0 : limit * kPageBytes;
    tags_ = arena.Get<Address>(at.tags);
    segments_ = arena.Get<Address>(at.segments);
    owners_ = arena.Get<Address>(at.owners);
    span_records_ = arena.Get<Address>(at.span_records);
    record_numbers_ = arena.Get<Address>(at.record_numbers);
    page_records_ = arena.Get<Address>(at.page_records);
    mail_ = arena.Get<Address>(at.mail);
    return absl::OkStatus();
  }

  absl::Status ReadSlots() {
    const uint32_t stride = layout_.in_segment.bytes;
    const auto segments = ReadArray(segments_, stride, used_slots_);
    if (!segments.ok()) return segments.status();
    const auto owners = ReadArray(owners_, 1, used_slots_);
    if (!owners.ok()) return owners.status();
    for (uint32_t slot = 0; slot < used_slots_; ++slot) {
      const RawSegment raw = ParseSegment(Copy(segments->data() + size_t{slot} * stride, stride));
      if (raw.use == kHugeHead) NoteHuge(slot, raw);
      const auto owner = static_cast<uint8_t>((*owners)[slot]);
      if (absl::Status s = AddTile(slot, owner, raw); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

  RawSegment ParseSegment(const Copy& copy) const {
    const auto& at = layout_.in_segment;
    RawSegment raw;
    raw.free = copy.Get<PageWords>(at.free);
    raw.dirty = copy.Get<PageWords>(at.dirty);
    raw.start = copy.Get<PageWords>(at.start);
    raw.run_mail = copy.Get<PageWords>(at.run_mail);
    raw.use = copy.Get<uint8_t>(at.use);
    raw.huge_bytes = copy.Get<uint64_t>(at.huge_bytes);
    raw.huge_slots = copy.Get<uint32_t>(at.huge_slots);
    return raw;
  }

  void NoteHuge(uint32_t slot, const RawSegment& raw) {
    huge_end_ = slot + std::min(raw.huge_slots, used_slots_ - slot);
    huge_pages_left_ = raw.huge_bytes / kPageBytes + (raw.huge_bytes % kPageBytes != 0);
  }

  absl::Status AddTile(uint32_t slot, uint8_t owner, const RawSegment& raw) {
    Tile tile;
    tile.slot = slot;
    if (raw.use == kSegment) {
      tile.shard = owner;
      if (absl::Status s = AddRuns(raw, &tile); !s.ok()) return s;
    } else if (raw.use == kUnused || slot >= huge_end_) {
      AddFreePages(raw.dirty, 0, kTilePages, &tile);
      if (tile.runs.size() == 1 && tile.runs[0].kind == PageKind::kFreeClean) {
        ++view_.clean_slots;
        return absl::OkStatus();
      }
    } else {
      const auto pages = static_cast<unsigned>(std::min<uint64_t>(huge_pages_left_, kTilePages));
      if (pages > 0) Add(pages, PageKind::kLarge, 0, 0, &tile);
      AddFreePages(raw.dirty, pages, kTilePages, &tile);
      huge_pages_left_ -= pages;
    }
    view_.tiles.push_back(std::move(tile));
    return absl::OkStatus();
  }

  // Large runs stay apart, so that the map can tell them.
  static void Add(unsigned pages, PageKind kind, uint8_t tag, unsigned value, Tile* tile) {
    const Run run = {static_cast<uint16_t>(pages), kind, tag, static_cast<uint16_t>(value)};
    if (!tile->runs.empty() && kind != PageKind::kLarge) {
      Run& last = tile->runs.back();
      if (last.kind == kind && last.tag == tag && last.value == run.value) {
        last.pages = static_cast<uint16_t>(last.pages + pages);
        return;
      }
    }
    tile->runs.push_back(run);
  }

  static void AddFreePages(const PageWords& dirty, unsigned from, unsigned to, Tile* tile) {
    for (unsigned i = from; i < to; ++i) {
      Add(1, Test(dirty, i) ? PageKind::kFreeDirty : PageKind::kFreeClean, 0, 0, tile);
    }
  }

  // The runs of a segment, in two passes: what begins where, then the records of its spans.
  absl::Status AddRuns(const RawSegment& raw, Tile* tile) {
    std::array<uint8_t, kTilePages> tags;
    const uint64_t first = uint64_t{tile->slot} * kTilePages;
    if (absl::Status s = memory_.Read(tags_ + first, tags.data(), tags.size()); !s.ok()) return s;
    UncoverWatched(first, &tags);
    std::vector<uint64_t> spans;
    for (unsigned i = 0; i < kTilePages; i = NextStart(raw, i)) {
      if (IsSpan(raw, tags, i)) spans.push_back(first + i);
    }
    const auto numbers = RecordNumbers(first, spans);
    if (!numbers.ok()) return numbers.status();
    const auto records = ReadEntries(span_records_, layout_.in_record.bytes, *numbers);
    if (!records.ok()) return records.status();
    const auto mail = ReadEntries(mail_, layout_.in_mail.bytes, spans);
    if (!mail.ok()) return mail.status();
    size_t next = 0;
    for (unsigned i = 0; i < kTilePages;) {
      const unsigned end = NextStart(raw, i);
      if (Test(raw.free, i)) {
        AddFreePages(raw.dirty, i, end, tile);
      } else if (IsSpan(raw, tags, i)) {
        AddSpan(ParseRecord(EntryOf(*records, next, layout_.in_record.bytes),
                            EntryOf(*mail, next, layout_.in_mail.bytes)),
                first + i, tags[i], end - i, tile);
        ++next;
      } else {
        AddRun(tags[i], end - i, Test(raw.run_mail, i), tile);
      }
      i = end;
    }
    return absl::OkStatus();
  }

  // Where the records of these spans are in their table. `first` is the first page of their slot.
  absl::StatusOr<std::vector<uint64_t>> RecordNumbers(uint64_t first,
                                                      const std::vector<uint64_t>& spans) const {
    std::vector<uint64_t> places;
    if (spans.empty()) return places;
    std::array<uint16_t, kTilePages> numbers;
    const Address from = record_numbers_ + first * sizeof(uint16_t);
    absl::Status status = memory_.Read(from, numbers.data(), sizeof(numbers));
    if (!status.ok()) return status;
    // Torn or not, a place in the slot's part of the table.
    for (const uint64_t page : spans) places.push_back(first + numbers[page - first] % kTilePages);
    return places;
  }

  // The entries at these places in a table, one behind the other.
  absl::StatusOr<std::vector<char>> ReadEntries(Address table, uint32_t stride,
                                                const std::vector<uint64_t>& places) const {
    if (stride > kMostBytes) return absl::DataLossError("the heap's description makes no sense");
    std::vector<Address> addresses;
    addresses.reserve(places.size());
    for (const uint64_t place : places) addresses.push_back(table + place * stride);
    std::vector<char> entries(places.size() * stride);
    absl::Status status = memory_.ReadPieces(addresses, stride, entries.data());
    if (!status.ok()) return status;
    return entries;
  }
  static Copy EntryOf(const std::vector<char>& entries, size_t n, uint32_t stride) {
    return Copy(entries.data() + n * stride, stride);
  }

  // Pages whose blocks the process watches for its heap profile: few, so one by one. One that
  // cannot be read stays what it is.
  void UncoverWatched(uint64_t first, std::array<uint8_t, kTilePages>* tags) const {
    for (unsigned i = 0; i < kTilePages; ++i) {
      if ((*tags)[i] != layout_.tag_watched) continue;
      const Address record = page_records_ + (first + i) * layout_.in_record.bytes;
      const auto tag = memory_.Get<uint8_t>(record + layout_.in_record.plain_tag);
      if (tag.ok()) (*tags)[i] = *tag;
    }
  }

  // Where what is at page i ends: at the next start, or where free and taken pages meet.
  static unsigned NextStart(const RawSegment& raw, unsigned i) {
    const bool is_free = Test(raw.free, i);
    for (unsigned k = i + 1; k < kTilePages; ++k) {
      if (Test(raw.free, k) != is_free || Test(raw.start, k)) return k;
    }
    return kTilePages;
  }

  bool IsSpan(const RawSegment& raw, const std::array<uint8_t, kTilePages>& tags,
              unsigned i) const {
    return !Test(raw.free, i) && tags[i] > 0 && tags[i] < FirstMedium();
  }
  uint32_t FirstMedium() const { return std::min(layout_.first_medium, ClassCount()); }
  uint32_t ClassCount() const {
    return std::min(layout_.class_count, static_cast<uint32_t>(view_.classes.size()));
  }

  RawRecord ParseRecord(const Copy& copy, const Copy& mail) const {
    RawRecord record;
    record.size_class = copy.Get<uint8_t>(layout_.in_record.size_class);
    record.first_page = copy.Get<uint32_t>(layout_.in_record.first_page);
    record.free = copy.Get<RecordWords>(layout_.in_record.free);
    record.mail = mail.Get<RecordWords>(layout_.in_mail.objects);
    return record;
  }

  void AddSpan(const RawRecord& record, uint64_t page, uint8_t tag, unsigned pages, Tile* tile) {
    ClassFigures& c = view_.classes[tag];
    unsigned free = 0;
    unsigned mail = 0;
    for (unsigned w = 0; w < kRecordWords; ++w) {
      free += static_cast<unsigned>(std::popcount(record.free[w]));
      mail += static_cast<unsigned>(std::popcount(record.mail[w] & ~record.free[w]));
    }
    free = std::min(free, c.objects);
    mail = std::min(mail, c.objects - free);
    // An open span whose record says otherwise was being opened or closed.
    if (record.size_class != tag || record.first_page != page) free = mail = 0;
    ++c.spans;
    c.free += free;
    c.mail += mail;
    const unsigned taken = c.objects - free;
    if (mail > 0 && mail * 2 >= taken) {
      Add(pages, PageKind::kMail, tag, mail, tile);
    } else {
      Add(pages, PageKind::kSmall, tag, taken - mail, tile);
    }
  }

  void AddRun(uint8_t tag, unsigned pages, bool in_mail, Tile* tile) {
    const bool has_class = tag >= FirstMedium() && tag < ClassCount();
    if (has_class) {
      ++view_.classes[tag].spans;
      if (in_mail) ++view_.classes[tag].mail;
    }
    if (in_mail) {
      // Runs without a class are counted by their pages.
      if (!has_class) view_.occupancy.mail += pages * kPageBytes;
      Add(pages, PageKind::kMail, tag, 1, tile);
    } else if (tag == 0) {
      // Taken, but nobody's: these pages are on their way back to the system.
      Add(pages, PageKind::kFreeDirty, 0, 0, tile);
    } else if (has_class && tag < layout_.first_wide) {
      Add(pages, PageKind::kMedium, tag, 0, tile);
    } else {
      Add(pages, PageKind::kLarge, has_class ? tag : uint8_t{0}, 0, tile);
    }
  }

  absl::Status ReadCounters() {
    Events& e = view_.events;
    uint64_t pressure[6];
    uint64_t os[2];
    const auto read = [&](const void* from, void* to, size_t bytes) {
      return memory_.Read(AddressOf(from), to, bytes);
    };
    for (const absl::Status& status :
         {read(layout_.pressure_counters, pressure, sizeof(pressure)),
          read(layout_.os_counters, os, sizeof(os)),
          read(layout_.soft_limit_reliefs, &e.reliefs, sizeof(e.reliefs)),
          read(layout_.peak_used, &view_.peak_used, sizeof(view_.peak_used)),
          read(layout_.threads, &view_.threads, sizeof(view_.threads))}) {
      if (!status.ok()) return status;
    }
    e.climbs = pressure[0];
    e.rescues = pressure[1];
    e.failures = pressure[2];
    e.broadcasts = pressure[3];
    e.remembered = pressure[4];
    e.pressure_ns = pressure[5];
    e.os_calls = os[0];
    e.os_ns = os[1];
    return absl::OkStatus();
  }

  absl::Status ReadShards() {
    const auto shards =
        memory_.Get<Address>(AddressOf(layout_.shard_table) + layout_.shards_pointer);
    const auto count = memory_.Get<uint32_t>(AddressOf(layout_.shard_table) + layout_.shards_count);
    if (!shards.ok()) return shards.status();
    if (!count.ok()) return count.status();
    view_.shards = std::min(*count, kMostShards);
    for (uint32_t i = 0; i < view_.shards; ++i) {
      const auto bytes = ReadArray(*shards + uint64_t{i} * layout_.in_shard.bytes, ShardBytes(), 1);
      if (!bytes.ok()) return bytes.status();
      AddShard(Copy(bytes->data(), bytes->size()));
    }
    return absl::OkStatus();
  }

  // The part of a shard that is of interest; what follows it is large and never touched.
  uint32_t ShardBytes() const {
    const auto& at = layout_.in_shard;
    return std::min(at.bytes, at.stashes + at.stash_stride * at.stash_count);
  }

  void AddShard(const Copy& shard) {
    const auto& at = layout_.in_shard;
    Events& e = view_.events;
    uint64_t* const counters[] = {&e.refills,         &e.flushes,        &e.spans_opened,
                                  &e.spans_closed,    &e.runs_carved,    &e.segments_opened,
                                  &e.segments_closed, &e.mail_collected, &e.purged_pages};
    const size_t known = std::min<size_t>(std::size(counters), at.counter_count);
    for (size_t i = 0; i < known; ++i) *counters[i] += shard.Get<uint64_t>(at.counters + 8 * i);
    for (uint32_t tag = 1; tag < std::min(at.stash_count, ClassCount()); ++tag) {
      AddCached(tag, shard.Get<uint32_t>(at.stashes + at.stash_stride * tag));
    }
  }

  // Walks the list of caches as far as it makes sense; a cache that ends meanwhile ends the walk.
  absl::Status ReadCaches() {
    auto next = memory_.Get<Address>(AddressOf(layout_.first_cache));
    if (!next.ok()) return next.status();
    for (unsigned n = 0; *next != 0 && n < kMostCaches; ++n) {
      const auto bytes = ReadArray(*next, layout_.in_cache.bytes, 1);
      if (!bytes.ok()) return absl::OkStatus();
      const Copy cache(bytes->data(), bytes->size());
      AddCache(cache);
      next = cache.Get<Address>(layout_.in_cache.next);
    }
    return absl::OkStatus();
  }

  void AddCache(const Copy& cache) {
    const auto& at = layout_.in_cache;
    for (uint32_t tag = 1; tag < ClassCount(); ++tag) {
      const auto top = cache.Get<Address>(at.top + sizeof(Address) * tag);
      const size_t bin = at.bins + size_t{at.bin_stride} * tag;
      const auto base = cache.Get<Address>(bin + at.bin_base);
      const auto taken = cache.Get<uint16_t>(bin + at.bin_taken);
      if (base == 0 || top < base) continue;
      const uint64_t count = (top - base) / sizeof(Address);
      if (count >= taken) AddCached(tag, count - taken);
    }
  }

  // Never more than the class has objects that are not free.
  void AddCached(uint32_t tag, uint64_t n) {
    ClassFigures& c = view_.classes[tag];
    c.cached += std::min(n, c.live());
  }

  void AddUp() {
    Occupancy& o = view_.occupancy;
    for (uint32_t tag = 1; tag < ClassCount(); ++tag) {
      const ClassFigures& c = view_.classes[tag];
      const bool is_small = tag < FirstMedium();
      o.cached += c.cached * c.size;
      o.mail += c.mail * c.size;
      (is_small                   ? o.live_small
       : tag < layout_.first_wide ? o.live_runs
                                  : o.live_large) += c.live() * c.size;
      if (is_small)
        o.free_in_spans += c.spans * c.pages * kPageBytes - (c.live() + c.cached + c.mail) * c.size;
    }
    for (const Tile& tile : view_.tiles) {
      for (const Run& run : tile.runs) {
        const uint64_t bytes = run.pages * kPageBytes;
        if (run.kind == PageKind::kFreeClean) o.free_clean += bytes;
        if (run.kind == PageKind::kFreeDirty) o.free_dirty += bytes;
        if (run.kind == PageKind::kLarge && run.tag == 0) o.live_large += bytes;
      }
    }
    // The process notes its peak now and then; this may be a higher one.
    view_.peak_used = std::max(view_.peak_used, o.used());
  }

  const RemoteMemory& memory_;
  const HeapLayout& layout_;
  HeapView view_;
  uint32_t used_slots_ = 0;
  Address tags_ = 0, segments_ = 0, owners_ = 0;
  Address span_records_ = 0, record_numbers_ = 0, page_records_ = 0, mail_ = 0;
  // The block of whole slots that is being walked over.
  uint32_t huge_end_ = 0;
  uint64_t huge_pages_left_ = 0;
};

// The bytes of a line like "VmHWM:     1234 kB" of /proc/PID/status.
uint64_t KilobytesOf(std::string_view line) {
  const size_t begin = line.find_first_of("0123456789");
  const size_t end = line.find(" kB");
  uint64_t kilobytes;
  if (begin >= end || !absl::SimpleAtoi(line.substr(begin, end - begin), &kilobytes)) return 0;
  return kilobytes * 1024;
}

}  // namespace

absl::StatusOr<HeapView> ReadHeap(const RemoteMemory& memory, const LocatedHeap& located) {
  return Reader(memory, located).Read();
}

std::array<Run, kTilePages> PagesOf(const Tile& tile) {
  std::array<Run, kTilePages> pages;
  unsigned i = 0;
  for (const Run& run : tile.runs) {
    for (unsigned k = 0; k < run.pages && i < kTilePages; ++k) pages[i++] = run;
  }
  return pages;
}

Residency ReadResidency(pid_t pid) {
  Residency residency;
  std::ifstream file(absl::StrCat("/proc/", pid, "/status"));
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmRSS:")) residency.now = KilobytesOf(line);
    if (line.starts_with("VmHWM:")) residency.peak = KilobytesOf(line);
  }
  return residency;
}

}  // namespace hz3::tool
