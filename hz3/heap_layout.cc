#include "hz3/heap_layout.h"

#include <cstddef>

#include "hz3/base/os_memory.h"
#include "hz3/config/config.h"
#include "hz3/heap.h"
#include "hz3/objects/span.h"

// The types have private members, so offsetof is only conditionally supported for them; both
// compilers do support it where there are no virtual bases.
#pragma GCC diagnostic ignored "-Winvalid-offsetof"

namespace hz3 {

// A friend of all whose members it names.
class HeapLayoutMaker {
 public:
  static constexpr HeapLayout Make() {
    HeapLayout layout = {};
    for (unsigned i = 0; i < sizeof(layout.magic); ++i) layout.magic[i] = HeapLayout::kMagic[i];
    layout.version = HeapLayout::kVersion;
    layout.bytes = sizeof(HeapLayout);
    for (unsigned i = 0; kLaneName[i] != '\0'; ++i) layout.lane[i] = kLaneName[i];
    layout.page_shift = kPageShift;
    layout.segment_shift = kSegmentShift;
    AddClasses(layout);
    AddArena(layout);
    AddRecords(layout);
    AddShards(layout);
    AddCaches(layout);
    layout.pressure_counters = &heap.pressure_.counters_;
    layout.soft_limit_reliefs = &heap.budget_.reliefs_;
    layout.peak_used = &heap.budget_.peak_used_;
    layout.os_counters = &os_counters;
    return layout;
  }

 private:
  static constexpr void AddClasses(HeapLayout& layout) {
    static_assert(offsetof(ClassInfo, size) == 0 && sizeof(ClassInfo::size) == 4);
    static_assert(offsetof(ClassInfo, objects) == 4 && sizeof(ClassInfo::objects) == 2);
    static_assert(offsetof(ClassInfo, pages) == 6 && sizeof(ClassInfo::pages) == 2);
    layout.classes = {kClassTable.data(), sizeof(ClassInfo), kTags};
    layout.first_medium = kFirstMediumClass;
    layout.first_wide = kFirstWideClass;
    layout.class_count = kClasses;
    layout.tag_large = kTagLarge;
    layout.tag_huge = kTagHuge;
    layout.tag_watched = kTagWatched;
  }

  static constexpr void AddArena(HeapLayout& layout) {
    static_assert(sizeof(Arena::slots_) == 4 && sizeof(Arena::committed_slots_) == 4);
    static_assert(sizeof(Arena::dirty_free_) == 8 && sizeof(CommitMeter::committed_) == 8);
    constexpr size_t kMeter = offsetof(Arena, meter_);
    layout.arena = &heap.arena_;
    layout.in_arena = {sizeof(Arena),
                       offsetof(Arena, base_),
                       offsetof(Arena, slots_),
                       offsetof(Arena, committed_slots_),
                       offsetof(Arena, dirty_free_),
                       offsetof(Arena, tags_),
                       offsetof(Arena, segments_),
                       offsetof(Arena, owners_),
                       offsetof(Arena, slot_records_),
                       offsetof(Arena, record_numbers_),
                       offsetof(Arena, page_records_),
                       offsetof(Arena, mail_),
                       kMeter + offsetof(CommitMeter, committed_),
                       kMeter + offsetof(CommitMeter, peak_),
                       kMeter + offsetof(CommitMeter, limit_)};
    static_assert(sizeof(Segment::free_) == 64 && sizeof(Segment::use_) == 1);
    static_assert(sizeof(Inbox::words_) == 128);
    constexpr size_t kMail = offsetof(Segment, inbox) + offsetof(Inbox, words_);
    static_assert(sizeof(Segment::Huge::bytes) == 8 && sizeof(Segment::Huge::slots) == 4);
    constexpr size_t kHuge = offsetof(Segment, huge);
    layout.in_segment = {sizeof(Segment),
                         offsetof(Segment, free_),
                         offsetof(Segment, dirty_),
                         offsetof(Segment, start_),
                         kMail + Inbox::kRun * sizeof(Inbox::words_[0]),
                         kMail + Inbox::kSpan * sizeof(Inbox::words_[0]),
                         offsetof(Segment, use_),
                         kHuge + offsetof(Segment::Huge, bytes),
                         kHuge + offsetof(Segment::Huge, slots)};
  }

  static constexpr void AddRecords(HeapLayout& layout) {
    static_assert(sizeof(Span::free_) == 32 && sizeof(SpanMail::mail_) == 32);
    static_assert(sizeof(Span::size_class_) == 1 && sizeof(Span::free_count_) == 2);
    static_assert(sizeof(Span::first_page_) == 4);
    layout.in_record = {sizeof(Span),
                        offsetof(Span, size_class_),
                        offsetof(Span, free_count_),
                        offsetof(Span, first_page_),
                        offsetof(Span, free_),
                        offsetof(Span, plain_tag)};
    layout.in_mail = {sizeof(SpanMail), offsetof(SpanMail, mail_)};
  }

  static constexpr void AddShards(HeapLayout& layout) {
    static_assert(sizeof(OwnerStash::count_) == 4 && sizeof(ShardTable::count_) == 4);
    layout.shard_table = &heap.shards_;
    layout.shards_pointer = offsetof(ShardTable, shards_);
    layout.shards_count = offsetof(ShardTable, count_);
    layout.in_shard = {sizeof(Shard),
                       offsetof(Shard, counters_),
                       sizeof(Shard::Counters) / sizeof(Counter),
                       offsetof(Shard, stashes_) + offsetof(OwnerStash, count_),
                       sizeof(OwnerStash),
                       kClasses};
  }

  static constexpr void AddCaches(HeapLayout& layout) {
    static_assert(sizeof(Tcache::Bin::taken) == 2 && sizeof(Registry::threads_) == 4);
    layout.first_cache = &heap.registry_.head_;
    layout.threads = &heap.registry_.threads_;
    layout.in_cache = {sizeof(Tcache),
                       offsetof(Tcache, next),
                       offsetof(Tcache, top),
                       offsetof(Tcache, bins_),
                       sizeof(Tcache::Bin),
                       offsetof(Tcache::Bin, base),
                       offsetof(Tcache::Bin, taken)};
  }
};

}  // namespace hz3

// Retained: nothing in a program that hz3 is linked into refers to it, and linkers leave that out.
extern "C" __attribute__((visibility("default"), used,
                          retain)) constinit const hz3::HeapLayout hz3_heap_layout =
    hz3::HeapLayoutMaker::Make();
