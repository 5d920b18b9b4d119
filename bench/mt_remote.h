// The seed benchmark: threads in a circle that allocate blocks of random sizes and have part of
// them freed by their neighbour.
//
// Thread i owns `ws` slots and the consuming end of one ring. Each iteration first drains the ring
// and frees all that thread i-1 put there, then picks a slot and a size. An empty slot gets a
// malloc; a full one is emptied: with probability remote_pct % into the ring of thread i+1, else by
// a free. One op is one malloc or one free.
//
// In the measured part nothing but the measured blocks is allocated.
#ifndef BENCH_MT_REMOTE_H_
#define BENCH_MT_REMOTE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "bench/lib/block.h"
#include "bench/lib/report.h"

namespace hz3::bench {

// What a producer does when the next thread's ring has no room for a block.
enum class OnFull {
  kFree,  // frees the block itself, counted as fallback
  kWait,  // drains its own ring and sleeps until there is room: the remote share is exact
};

struct MtRemoteOptions {
  uint64_t threads = 4;
  uint64_t iters = 1000;  // per thread
  uint64_t ws = 400;
  uint64_t min_size = 16;
  uint64_t max_size = 32768;
  uint64_t remote_pct = 50;
  uint64_t ring_slots = 65536;
  uint64_t seed = 1;
  uint64_t max_live_mib = 0;  // 0: no cap
  OnFull on_full = OnFull::kFree;
  Writes writes = Writes::kNothing;
};

// Counts and sizes of one run; the counts up to the clean-up are those of the measured part.
struct MtRemoteResult {
  uint64_t allocs = 0;  // that gave a block
  uint64_t alloc_failed = 0;
  uint64_t local_frees = 0;
  uint64_t fallback_frees = 0;
  uint64_t remote_pushes = 0;
  uint64_t remote_frees = 0;
  uint64_t cleanup_frees = 0;
  uint64_t full_waits = 0;

  double seconds = 0;
  double user_s = 0;
  double sys_s = 0;

  int64_t peak_live_bytes = 0;
  int64_t live_at_first_failure = -1;  // -1: no failure
  int64_t live_after_cleanup = 0;
  uint64_t peak_rss_bytes = 0;
  uint64_t own_mapped_bytes = 0;   // slots and rings of the bench
  uint64_t own_touched_bytes = 0;  // the part of them that became resident, thus counts in the RSS

  uint64_t Frees() const { return local_frees + fallback_frees + remote_frees; }
  uint64_t Ops() const { return allocs + Frees(); }
};

// The line that says why these options cannot run here: sizes that contradict each other, or
// written blocks that could need more memory than the machine has left.
std::optional<std::string> WhyNotRunnable(const MtRemoteOptions& options);

// Runs the benchmark on threads of its own; ends the process with one line on stderr when they
// cannot be started. Peak RSS is that of the process: run it once per process.
MtRemoteResult RunMtRemote(const MtRemoteOptions& options);

Report MakeReport(const MtRemoteOptions& options, const MtRemoteResult& result);

}  // namespace hz3::bench

#endif  // BENCH_MT_REMOTE_H_
