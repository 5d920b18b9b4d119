// HeapLayout: where a process keeps its heap's metadata, for observers outside of it. Each hz3
// exports one, the symbol hz3_heap_layout, as constant data: an observer that finds it in a process
// reads everything else, bitmaps and counters, with process_vm_readv(2), without debug information
// and without stopping the process.
//
// The fields of this struct are the contract between a process and an observer of another build:
// offsets and sizes come from the process. What they mean may change with kVersion only; a newer
// observer need not know older ones. All offsets are bytes, all addresses are the process's own.
// What is read while the process runs is torn: an observer believes no number without checking it.
#ifndef HZ3_HEAP_LAYOUT_H_
#define HZ3_HEAP_LAYOUT_H_

#include <cstdint>

#define HZ3_HEAP_LAYOUT_SYMBOL "hz3_heap_layout"

namespace hz3 {

struct HeapLayout {
  static constexpr char kMagic[8] = {'h', 'z', '3', ' ', 'h', 'e', 'a', 'p'};
  static constexpr uint32_t kVersion = 5;

  // Where an array is, and what it consists of.
  struct Array {
    const void* address;
    uint32_t stride;
    uint32_t count;
  };

  char magic[8];
  uint32_t version;
  uint32_t bytes;  // of this struct
  char lane[8];
  uint32_t page_shift;
  uint32_t segment_shift;

  // By tag: {uint32 size, uint16 objects, uint16 pages} at the start of each entry.
  Array classes;
  uint32_t first_medium;  // tags below: small, cut into objects
  uint32_t first_wide;    // from here on, and below classes.count: runs without a fast bin
  uint32_t class_count;
  uint32_t tag_large;
  uint32_t tag_huge;
  uint32_t tag_watched;  // the page's record says what the tag would be otherwise

  // The arena: one object, whose fields are addresses of tables and counts.
  const void* arena;
  struct {
    uint32_t bytes;
    uint32_t base, slots, used_slots, dirty_free_pages;  // char*, uint32, uint32, size_t
    uint32_t tags, segments, owners;                     // addresses of one entry a page or slot
    uint32_t span_records, record_numbers;      // addresses of 512 records, of 512 uint16 a slot
    uint32_t page_records, mail;                // addresses of one record a page
    uint32_t committed, peak_committed, limit;  // size_t, pages
  } in_arena;
  // One a slot; valid below used_slots. Bitmaps of 512 pages.
  struct {
    uint32_t bytes;
    uint32_t free, dirty, start;
    uint32_t run_mail, span_mail;
    uint32_t use;  // uint8: unused, segment, first slot of a block, further slot of a block
    uint32_t huge_bytes, huge_slots;  // size_t, uint32
  } in_segment;
  // A span's record is the one of its slot's span_records whose number its pages have. Of the page
  // records only plain_tag means something to observers. Bitmaps of 256 objects.
  struct {
    uint32_t bytes;
    uint32_t size_class, free_count;  // uint8, uint16
    uint32_t first_page;              // uint32, of the span
    uint32_t free;
    uint32_t plain_tag;  // uint8, of any page of tag_watched
  } in_record;
  // Of the first page of a span: the objects that others have freed.
  struct {
    uint32_t bytes;
    uint32_t objects;
  } in_mail;

  // The table of shards: a pointer and a count.
  const void* shard_table;
  uint32_t shards_pointer, shards_count;
  struct {
    uint32_t bytes;
    uint32_t counters;  // uint64: refills, flushes, spans opened, closed, runs carved, segments
                        // opened, closed, mail collected, pages purged
    uint32_t counter_count;
    uint32_t stashes, stash_stride, stash_count;  // by tag; uint32 objects in each
  } in_shard;

  // Thread caches: a linked list.
  const void* first_cache;  // address of the pointer to the first
  const void* threads;      // address of a uint32
  struct {
    uint32_t bytes;
    uint32_t next;  // address of the next cache
    uint32_t top;   // by tag: address one past the last pointer in the bin
    uint32_t bins, bin_stride, bin_base, bin_taken;  // by tag: lowest entry, void ones (uint16)
  } in_cache;

  // uint64: climbs, rescues, failures, broadcasts, remembered, nanoseconds.
  const void* pressure_counters;
  const void* soft_limit_reliefs;  // uint64
  const void* os_counters;         // uint64: calls, nanoseconds
  const void* peak_used;           // size_t, bytes
};

static_assert(sizeof(void*) == 8, "observers count on addresses of 8 bytes");

}  // namespace hz3

extern "C" const hz3::HeapLayout hz3_heap_layout;

#endif  // HZ3_HEAP_LAYOUT_H_
