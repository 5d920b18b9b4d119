// TcacheControl: what every thread cache asks of the process: how much it may hold, whether memory
// is scarce, and whether it has been asked to empty its bins. The registry is its only writer but
// for the answers and the memory that a limit leaves.
//
// Any thread; slow and event paths. See registry.h for the broadcast's protocol.
#ifndef HZ3_THREAD_TCACHE_CONTROL_H_
#define HZ3_THREAD_TCACHE_CONTROL_H_

#include <algorithm>
#include <atomic>
#include <climits>
#include <cstddef>
#include <cstdint>

#include "hz3/base/lease.h"
#include "hz3/base/random.h"
#include "hz3/config/config.h"
#include "hz3/objects/watched_blocks.h"

namespace hz3 {

class TcacheControl {
 public:
  // Under a small arena, or limit, the bins of all threads together may hide at most one part of
  // this many.
  static constexpr size_t kArenaPart = 10;

  // The most bytes that the bins of one thread may hold at this number of threads.
  size_t ThreadBytes() const {
    const size_t n = std::max<size_t>(threads(), 1);
    const size_t part = std::clamp(kConfig.tcache_total_bytes / n, kConfig.tcache_min_bytes,
                                   kConfig.tcache_max_bytes);
    const size_t memory = std::min(arena_bytes_, memory_bytes_.load(std::memory_order_relaxed));
    return std::min(part, memory / kArenaPart / n);
  }
  // From now on there are this many bytes of memory to reckon with, SIZE_MAX: the arena's.
  void LimitCaches(size_t memory_bytes) {
    memory_bytes_.store(memory_bytes, std::memory_order_relaxed);
  }
  unsigned threads() const { return threads_.load(std::memory_order_relaxed); }

  uint32_t epoch() const { return epoch_.load(std::memory_order_seq_cst); }
  // While memory is scarce, frees go straight to the bitmaps and refills take one object.
  bool scarce() const { return scarce_.load(std::memory_order_acquire); }
  void set_scarce(bool scarce) { scarce_.store(scarce, std::memory_order_release); }

  // One sample point every so many bytes that come out of the shards, 0: none. Threads follow at
  // the next broadcast. The seed decides where the points lie, for threads in the order in which
  // they follow.
  void SetSampling(size_t interval, uint64_t seed) {
    sample_seed_.store(seed, std::memory_order_relaxed);
    sample_interval_.store(interval, std::memory_order_relaxed);
  }
  size_t sample_interval() const { return sample_interval_.load(std::memory_order_relaxed); }
  uint64_t NextSampleSeed() { return Mix(sample_seed_.fetch_add(1, std::memory_order_relaxed)); }
  WatchedBlocks& watched() { return watched_; }

  // Waits until nobody is being robbed (see tcache.h).
  void AwaitThief() { LeaseHolder hold(lease_); }

  // A thread has answered a broadcast, or ended.
  void NoteAnswer() {
    // Sequentially consistent, as `waiting_`: either the leader sees the new number before it
    // sleeps or this thread sees that it waits. A missed wake-up would cost one slice, no more.
    answers_.fetch_add(1, std::memory_order_seq_cst);
    if (waiting_.load(std::memory_order_seq_cst)) FutexWake(&answers_, INT_MAX);
  }

 protected:
  friend class HeapLayoutMaker;
  Lease lease_;                                 // of the list of caches, and of thieves
  size_t arena_bytes_ = 0;                      // fixed after Init
  std::atomic<size_t> memory_bytes_{SIZE_MAX};  // relaxed: the budget's word, read now and then
  std::atomic<uint32_t> threads_{0};            // relaxed: a figure
  std::atomic<size_t> sample_interval_{0};      // relaxed: the broadcast orders it
  std::atomic<uint64_t> sample_seed_{0};        // relaxed: the same
  // Sequentially consistent with the limits, see Tcache::RestoreLimit.
  std::atomic<uint32_t> epoch_{0};
  std::atomic<uint32_t> answers_{0};  // futex word
  std::atomic<bool> waiting_{false};  // a leader sleeps on answers_
  // Release/acquire: with the release that is counted before it is set, see Pressure.
  std::atomic<bool> scarce_{false};
  WatchedBlocks watched_;
};

}  // namespace hz3

#endif  // HZ3_THREAD_TCACHE_CONTROL_H_
