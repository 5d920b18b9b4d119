// Config: every compile-time switch and number that a lane or a study may set, in one table with
// its meaning. kConfig is the configuration that this build uses; both values of each switch
// always compile (`if constexpr`), so that an A/B study needs no second source.
//
// The documentation of the switches (docs/switches.md) is held against kSwitchTable by a test.
#ifndef HZ3_CONFIG_CONFIG_H_
#define HZ3_CONFIG_CONFIG_H_

#include <cstddef>

#include "hz3/config/build_flags.h"

namespace hz3 {

// X(type, name, value in scale, value in fast, meaning)
#define HZ3_SWITCH_TABLE(X)                                                                       \
  X(size_t, arena_mib, kBuildArenaMib, kBuildArenaMib,                                            \
    "size of the arena in MiB; 0 reserves far more address space than memory")                    \
  X(size_t, limit_mib, kBuildLimitMib, kBuildLimitMib,                                            \
    "most MiB that may be committed: what needs more fails; 0 for no limit")                      \
  X(size_t, soft_limit_mib, kBuildSoftLimitMib, kBuildSoftLimitMib,                               \
    "above so many committed MiB memory is given back before more is used; 0 for no limit")       \
  X(unsigned, arena_slack_pct, 100, 100,                                                          \
    "a fixed arena has so much more address space than memory (in % of it), so that free pages "  \
    "which are scattered can be given back and used elsewhere")                                   \
  X(unsigned, max_shards, 64, 2,                                                                  \
    "most shards of a process; there are never more than processors")                             \
  X(size_t, tcache_max_bytes, size_t{24} << 20, size_t{24} << 20,                                 \
    "most bytes that the bins of one thread may hold")                                            \
  X(size_t, tcache_total_bytes, size_t{1024} << 20, size_t{1024} << 20,                           \
    "bytes that the bins of all threads share: a thread's part shrinks as threads become many")   \
  X(size_t, tcache_min_bytes, size_t{512} << 10, size_t{512} << 10,                               \
    "the part of one thread never shrinks below this, except under a small arena")                \
  X(size_t, small_bin_bytes, size_t{64} << 10, size_t{64} << 10,                                  \
    "most bytes in one bin of a small class")                                                     \
  X(size_t, medium_bin_bytes, size_t{1} << 20, size_t{1} << 20,                                   \
    "most bytes in one bin of a medium class")                                                    \
  X(size_t, wide_bin_bytes, size_t{2} << 20, size_t{2} << 20,                                     \
    "most bytes in one bin of a wide class, for blocks of 32 KiB to 1 MiB (0: they have no bins)") \
  X(unsigned, pace_ns, 4000, 4000,                                                                \
    "what saves time and costs memory (bins of wide classes, room for a block of pages that moves " \
    "to grow) is for threads that ask for it more often than every so many nanoseconds (0: for "  \
    "all)")                                                                                       \
  X(bool, wide_bins_first, true, true,                                                            \
    "a block of 1 to 2 MiB takes what the thread's wide bins hold before fresh pages, when "      \
    "these would be written")                                                                     \
  X(bool, wider_bin, true, true,                                                                  \
    "a wide class whose bin is empty takes from the next class's bin before it asks a shard")     \
  X(size_t, free_only_bin_bytes, size_t{64} << 10, size_t{64} << 10,                              \
    "most bytes that a bin grows to while it is found full again and again and never empty")      \
  X(size_t, refill_only_bin_bytes, size_t{1} << 20, size_t{1} << 20,                              \
    "most bytes that a bin grows to while it is found empty again and again and never full")      \
  X(size_t, stash_bytes, size_t{32} << 10, size_t{64} << 10,                                      \
    "bytes that the owner stash of one small class of a shard begins with")                       \
  X(size_t, run_stash_bytes, size_t{256} << 10, size_t{256} << 10,                                \
    "bytes that the owner stash of one medium or wide class of a shard begins with (0: none)")    \
  X(size_t, stash_most_bytes, size_t{512} << 10, size_t{512} << 10,                               \
    "bytes that the owner stash of a small class grows to when it is found full and then empty")  \
  X(size_t, run_stash_most_bytes, size_t{4} << 20, size_t{4} << 20,                               \
    "the same of a medium or wide class")                                                         \
  X(size_t, stash_growth_bytes, size_t{24} << 20, size_t{24} << 20,                               \
    "bytes that the owner stashes of one shard grow by at most, all together")                    \
  X(bool, owner_stash, true, true,                                                                \
    "small objects are handed over between bins as whole batches, past the bitmaps")              \
  X(bool, tiny_go_home, true, true,                                                               \
    "a free of another shard's object that is smaller than a cache line sends it home when it "   \
    "takes the slow path, instead of keeping it for reuse next to its neighbours")                \
  X(bool, finer_spans, true, true,                                                                \
    "blocks of 4 to 4.5 KiB come from spans (false: two whole pages each), those of little more " \
    "than 1 KiB from spans of their own")                                                         \
  X(bool, exact_fit, true, true, "a run is cut from a hole of exactly its length if there is one") \
  X(bool, fullest_first, true, true, "refill from the fullest span and segment (false: any)")     \
  X(bool, spare_holes, true, true,                                                                \
    "refills use up scattered free pages before they cut into a hole of 64 pages or more")        \
  X(bool, borrow, true, true,                                                                     \
    "a shard without dirty free pages carves in its neighbours before it touches fresh ones")     \
  X(bool, flush_by_lease, true, true,                                                             \
    "a flush of foreign objects takes the owner's lease when nobody holds it (false: mail only)") \
  X(bool, broadcast, true, true,                                                                  \
    "pressure asks running threads to empty their bins (rung 4 of the ladder)")                   \
  X(unsigned, tight_part, 24, 24,                                                                 \
    "an arena without a free slot is tight when less than one page in so many is free: frees go " \
    "straight to the bitmaps then, so that holes are used best (0: never)")                       \
  X(bool, idle_steal, true, true,                                                                 \
    "pressure takes what sleeping threads hold in their bins (rung 4 of the ladder)")             \
  X(bool, decommit, true, true, "free dirty pages decay: their memory goes back to the system")   \
  X(size_t, decay_half_life_ms, 1000, 1000,                                                       \
    "half of the free dirty pages that nobody used are given back in this time")                  \
  X(bool, background_purge, true, false,                                                          \
    "a thread that gives memory back while the process is idle may be asked for")                 \
  X(unsigned, dirty_floor_part, 32, 32,                                                           \
    "the floor below is at most one part in so many of what is committed (1: no such bound)")     \
  X(size_t, dirty_floor_bytes, size_t{16} << 20, size_t{16} << 20,                                \
    "so many free dirty bytes of a shard never decay: they cost less than their page faults")     \
  X(size_t, huge_purge_bytes, size_t{512} << 20, size_t{512} << 20,                               \
    "blocks of whole slots from this size on are given back to the system when they are freed")   \
  X(size_t, calloc_purge_bytes, size_t{64} << 10, size_t{64} << 10,                               \
    "zeroed runs of this size on are emptied by the kernel when less than half of their pages "   \
    "hold memory")                                                                                \
  X(unsigned, populate_pages, 16, 16,                                                             \
    "most fresh pages that get memory in one system call for spans and bins whose blocks turn out " \
    "to be written (0: each by its own page fault)")                                              \
  X(unsigned, huge_page_segments, 8, 8,                                                           \
    "a shard with so many segments gets the next one as a huge page when its pages will be "      \
    "written, and so do blocks of whole slots (0: no huge pages are asked for)")                  \
  X(unsigned, retained_segments, 1, 1, "empty segments that a shard keeps for itself")            \
  X(unsigned, broadcast_wait_us, 250000, 250000,                                                  \
    "longest wait, in microseconds, for running threads to answer a broadcast")                   \
  /* Faults for //bench/gate to find; never set in a library that anybody uses. */                \
  X(bool, fault_hot_path, false, false, "malloc's hot path has one instruction more")             \
  X(unsigned, fault_refill_turns, 0, 0, "empty loop turns that each refill of a bin makes")       \
  X(unsigned, fault_lost_run, 0, 0, "one run of every so many closed spans is lost (0: none)")    \
  X(unsigned, fault_leaked_slot, 0, 0,                                                            \
    "one of so many slots that shards give back is lost (0: none)")                                \
  X(bool, hardened, false, false,                                                                 \
    "every free is checked, freed blocks wait in a quarantine, large blocks have guard pages")    \
  X(size_t, quarantine_bytes, size_t{8} << 20, size_t{8} << 20,                                   \
    "hardened: most bytes of freed small blocks that wait before they can be used again")         \
  X(unsigned, guarded_sample_refills, 2048, 2048,                                                 \
    "one in so many refills of bins gives a block a page of its own between guard pages (0: none)") \
  X(bool, guard_zero_size, true, true,                                                            \
    "blocks of 0 bytes are addresses that can be neither read nor written")                       \
  X(bool, exit_check, true, true,                                                                 \
    "what the bins of the exiting thread hold is checked for double frees at exit")

namespace internal {

constexpr bool SameText(const char* a, const char* b) {
  while (*a != '\0' && *a == *b) ++a, ++b;
  return *a == *b;
}

// The value of --//hz3/config:set for a switch, or else its lane's.
template <typename T>
constexpr T Chosen(const char* name, T of_lane) {
  for (const auto& row : kBuildSet) {
    if (SameText(row.name, name)) of_lane = static_cast<T>(row.value);
  }
  return of_lane;
}

}  // namespace internal

struct Config {
#define HZ3_DECLARE_SWITCH(type, name, scale, fast, meaning)                                      \
  type name = internal::Chosen(#name, static_cast<type>(kLaneFast ? (fast) : (scale)));
  HZ3_SWITCH_TABLE(HZ3_DECLARE_SWITCH)
#undef HZ3_DECLARE_SWITCH
};

inline constexpr Config kConfig;

// The table as data: for the documentation's test and for `hz3_lane`'s callers.
struct SwitchRow {
  const char* name;
  long long value;
  const char* meaning;
};
inline constexpr SwitchRow kSwitchTable[] = {
#define HZ3_SWITCH_ROW(type, name, scale, fast, meaning)                                          \
  {#name, static_cast<long long>(kConfig.name), meaning},
    HZ3_SWITCH_TABLE(HZ3_SWITCH_ROW)
#undef HZ3_SWITCH_ROW
};

static_assert(
    [] {
      for (const auto& set : kBuildSet) {
        bool known = *set.name == '\0';
        for (const SwitchRow& row : kSwitchTable) known |= internal::SameText(set.name, row.name);
        if (!known) return false;
      }
      return true;
    }(),
    "--//hz3/config:set names a switch that is not in HZ3_SWITCH_TABLE");

// Whether the build has assertions (-c dbg): some checks are made only then.
#ifdef NDEBUG
inline constexpr bool kDebugBuild = false;
#else
inline constexpr bool kDebugBuild = true;
#endif

inline constexpr const char* kLaneName = kLaneFast ? "fast" : "scale";

static_assert(kConfig.max_shards >= 1 && kConfig.max_shards <= 64);
static_assert(kConfig.tcache_min_bytes <= kConfig.tcache_max_bytes);
static_assert(kConfig.arena_mib % 2 == 0, "an arena is cut into slots of 2 MiB");
static_assert(kBuildLimitMib >= 0 && kBuildSoftLimitMib >= 0, "a limit is not negative");

}  // namespace hz3

#endif  // HZ3_CONFIG_CONFIG_H_
