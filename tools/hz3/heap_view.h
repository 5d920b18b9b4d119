// HeapView: the heap of another process at (about) one instant, as plain data.
//
// The process goes on running while it is read, so neighbouring figures may be of slightly
// different instants and a page may be seen in the middle of a change. Nothing that was read is
// believed before it is checked: a view is approximate, never wild.
#ifndef TOOLS_HZ3_HEAP_VIEW_H_
#define TOOLS_HZ3_HEAP_VIEW_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/hz3/heap_locator.h"
#include "tools/hz3/remote_memory.h"

namespace hz3::tool {

inline constexpr unsigned kTilePages = 512;
inline constexpr uint64_t kPageBytes = 4096;

// What a page is, as the map colours it.
enum class PageKind : uint8_t {
  kFreeClean,  // holds no memory of the machine
  kFreeDirty,  // free, but still holds memory
  kSmall,      // part of a span of small objects
  kMedium,     // a run of up to 8 pages
  kLarge,      // a longer run, or part of a block of whole slots
  kMail,       // a run that waits in a mailbox, or a span most of whose objects do
};
inline constexpr unsigned kPageKinds = 6;

// Neighbouring pages of one kind. Spans and runs of one class that are equally full are one Run;
// large ones are each their own.
struct Run {
  uint16_t pages = 0;
  PageKind kind = PageKind::kFreeClean;
  uint8_t tag = 0;     // size class of a small or medium one
  uint16_t value = 0;  // objects in use of a small one; of one in a mailbox: objects there

  friend bool operator==(const Run&, const Run&) = default;
};

// One slot of 2 MiB.
struct Tile {
  uint32_t slot = 0;
  uint8_t shard = kNoShard;
  std::vector<Run> runs;  // kTilePages together

  static constexpr uint8_t kNoShard = 255;  // a free slot, or a block of whole slots
  friend bool operator==(const Tile&, const Tile&) = default;
};

struct ClassFigures {
  uint32_t size = 0;     // bytes of an object
  uint32_t objects = 0;  // in a span
  uint32_t pages = 0;    // of a span
  uint64_t spans = 0;    // or runs
  uint64_t free = 0;     // objects in spans
  uint64_t mail = 0;     // objects or runs in mailboxes
  uint64_t cached = 0;   // objects in bins and owner stashes

  uint64_t live() const {
    const uint64_t idle = free + mail + cached;
    return spans * objects > idle ? spans * objects - idle : 0;
  }
};

// Bytes of the heap by what they are; they add up to the pages of all tiles.
struct Occupancy {
  uint64_t live_small = 0;
  uint64_t live_runs = 0;   // of medium classes
  uint64_t live_large = 0;  // longer runs and blocks of whole slots
  uint64_t cached = 0;
  uint64_t mail = 0;
  uint64_t free_in_spans = 0;  // free objects, and what no object fits into
  uint64_t free_dirty = 0;
  uint64_t free_clean = 0;

  uint64_t live() const { return live_small + live_runs + live_large; }
  // All but free pages.
  uint64_t used() const { return live() + cached + mail + free_in_spans; }
};

// Counters of the process since its start; docs/stats.md defines them.
struct Events {
  uint64_t refills = 0, flushes = 0, spans_opened = 0, spans_closed = 0, runs_carved = 0,
           segments_opened = 0, segments_closed = 0, mail_collected = 0, purged_pages = 0;
  uint64_t climbs = 0, rescues = 0, failures = 0, broadcasts = 0, remembered = 0, pressure_ns = 0;
  uint64_t reliefs = 0, os_calls = 0, os_ns = 0;
};

struct HeapView {
  std::string lane;
  uint64_t base = 0;         // address of the first slot
  uint64_t arena_bytes = 0;  // address space
  uint64_t committed = 0, peak_committed = 0, peak_used = 0;
  uint64_t limit = 0;  // 0: none
  uint32_t shards = 0, threads = 0;
  uint32_t clean_slots = 0;  // that are free and hold no memory: they have no tile
  Events events;
  Occupancy occupancy;
  std::vector<ClassFigures> classes;  // by tag
  std::vector<Tile> tiles;            // by slot
};

// Reads the heap that `located` describes. A process that has not allocated yet has an empty one.
absl::StatusOr<HeapView> ReadHeap(const RemoteMemory& memory, const LocatedHeap& located);

// All pages of a tile, one Run for each.
std::array<Run, kTilePages> PagesOf(const Tile& tile);

// Bytes of the process's memory that are resident, and the most that ever were; 0 when it is gone.
struct Residency {
  uint64_t now = 0;
  uint64_t peak = 0;
};
Residency ReadResidency(pid_t pid);

}  // namespace hz3::tool

#endif  // TOOLS_HZ3_HEAP_VIEW_H_
