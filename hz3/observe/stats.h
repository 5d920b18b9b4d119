// Stats: the figures of the heap, gathered on request from counters that the slow and event paths
// keep anyway; the hot path pays nothing. docs/stats.md says what each figure means.
//
// Thread-safe. Takes each shard's lease in turn for a moment; event path. Figures of different
// shards are of slightly different instants.
#ifndef HZ3_OBSERVE_STATS_H_
#define HZ3_OBSERVE_STATS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "hz3/base/text.h"
#include "hz3/objects/size_classes.h"
#include "hz3/policy/mem_budget.h"
#include "hz3/policy/pressure.h"
#include "hz3/shard/shard_table.h"
#include "hz3/thread/registry.h"

namespace hz3 {

// X(name, unit, meaning): one row a figure, in the order in which they are printed.
#define HZ3_STATS_TABLE(X)                                                                     \
  X(arena_bytes, "bytes", "address space reserved for blocks")                                 \
  X(used_slots, "slots", "2 MiB slots that were ever used")                                    \
  X(free_slots, "slots", "slots that belong to no shard and no block now")                     \
  X(committed_bytes, "bytes", "pages that may hold memory of the machine")                     \
  X(peak_committed_bytes, "bytes", "most that was ever committed")                             \
  X(peak_used_bytes, "bytes", "most bytes in pages in use (live or cached), as slow paths see it")   \
  X(commit_limit_bytes, "bytes", "most that may be committed; 0 without a limit")              \
  X(soft_limit_bytes, "bytes", "above this memory is given back; 0 without a soft limit")      \
  X(handed_out_bytes, "bytes", "bytes in blocks that are live or in some thread's bins")       \
  X(cached_bytes, "bytes", "the part of handed_out_bytes that is in bins and stashes")         \
  X(huge_bytes, "bytes", "the part of handed_out_bytes in blocks of whole slots")              \
  X(free_object_bytes, "bytes", "free objects inside spans")                                   \
  X(free_page_bytes, "bytes", "free pages inside segments")                                    \
  X(free_dirty_bytes, "bytes", "the part of the free pages that still holds memory")           \
  X(metadata_bytes, "bytes", "thread caches and their bins")                                   \
  X(segments, "segments", "slots that shards hold")                                            \
  X(shards, "shards", "shards of the process")                                                 \
  X(threads, "threads", "threads with a cache")                                                \
  X(private_heaps, "heaps", "first-class heaps that exist")                                    \
  X(refills, "events", "batches that bins took from a shard's spans and segments")             \
  X(flushes, "events", "batches that came back to a shard's bitmaps")                          \
  X(spans_opened, "events", "runs that were cut into objects")                                 \
  X(spans_closed, "events", "spans that became free runs again")                               \
  X(runs_carved, "events", "runs handed out")                                                  \
  X(mail_collected, "events", "objects and runs that came through a mailbox")                  \
  X(segments_opened, "events", "slots taken from the arena")                                   \
  X(segments_closed, "events", "slots given back to the arena")                                \
  X(pressure_climbs, "events", "allocations that climbed the pressure ladder")                 \
  X(pressure_rescues, "events", "climbs that ended with memory")                               \
  X(pressure_failures, "events", "climbs that ended without")                                  \
  X(pressure_remembered, "events", "failures answered from memory of an earlier one")          \
  X(pressure_broadcasts, "events", "times that all threads were asked to empty their bins")    \
  X(pressure_callbacks, "events", "times that the program was asked to give something back")   \
  X(pressure_ns, "ns", "time that threads spent on the pressure ladder")                         \
  X(soft_limit_reliefs, "events", "times that memory was given back because of the soft limit") \
  X(idle_purges, "events",                                                                     \
    "times that the background thread found the process idle and gave all free memory back")   \
  X(os_calls, "events", "calls to the system that committed, populated, gave back or moved memory") \
  X(os_ns, "ns", "time in those calls, without the page faults that follow")                    \
  X(refused_memory, "events", "times that the system refused memory for a new slot")           \
  X(refused_membarrier, "events",                                                              \
    "membarrier(2) was refused: bins of sleeping threads keep what they hold")                 \
  X(refused_madvise, "events",                                                                 \
    "madvise(2) was refused: memory goes back by mremap(2), or stays; fresh pages get theirs by " \
    "faults")                                                                                   \
  X(refused_mremap, "events", "mremap(2) was refused: large blocks that move are copied")      \
  X(refused_mincore, "events",                                                                 \
    "mincore(2) was refused: calloc writes zeroes to pages that may be untouched; fresh pages get " \
    "memory by faults")                                                                         \
  X(refused_sched_getaffinity, "events",                                                       \
    "sched_getaffinity(2) was refused: one shard serves all threads")                          \
  X(refused_getrandom, "events",                                                               \
    "getrandom(2) was refused: the random bytes of the process's start serve")                 \
  X(refused_proc, "events",                                                                    \
    "a file of /proc could not be opened: limits or states of threads are unknown")

struct Stats {
#define HZ3_DECLARE_STAT(name, unit, meaning) uint64_t name = 0;
  HZ3_STATS_TABLE(HZ3_DECLARE_STAT)
#undef HZ3_DECLARE_STAT
};

// What one class holds, small or of runs.
struct ClassStats {
  uint64_t spans = 0;   // or runs
  uint64_t free = 0;    // objects in spans that are free, or in a mailbox
  uint64_t cached = 0;  // objects in bins and owner stashes
};
using ClassStatsTable = std::array<ClassStats, kClasses>;

Stats GatherStats(const ShardTable& shards, Registry& registry, const MemBudget& budget,
                  const Pressure& pressure, size_t metadata_bytes);

// Walks over all pages, each segment under its owner's lease.
ClassStatsTable GatherClassStats(const ShardTable& shards, Registry& registry);

// The table for people, one figure a line with its meaning.
void PrintStats(const Stats& stats, Text& out);
// The same as one JSON object, with the classes that hold something under "classes"; and in the
// text exposition format of Prometheus.
void PrintStatsJson(const Stats& stats, const ClassStatsTable& classes, Text& out);
void PrintStatsPrometheus(const Stats& stats, Text& out);
// What callers of glibc's malloc_info(3) parse: <malloc version="1"> with heap, total, system.
void PrintMallocInfo(const Stats& stats, Text& out);

}  // namespace hz3

#endif  // HZ3_OBSERVE_STATS_H_
