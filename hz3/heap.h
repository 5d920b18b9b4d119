// Heap: the process's one heap, its boxes wired together, and the slow paths behind malloc and
// free. The front doors (malloc.cc, new_delete.cc, malloc_extension.cc) call this and nothing else.
//
// Every function may be called by any thread at any time, also before main, in exit handlers, in
// destructors of thread-local objects and in the child of a fork. A thread that has ended its cache
// is served one object at a time, past any cache. Failure is nullptr with errno = ENOMEM; misuse is
// reported and aborts.
#ifndef HZ3_HEAP_H_
#define HZ3_HEAP_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "hz3/base/lease.h"
#include "hz3/base/metadata_pool.h"
#include "hz3/base/words.h"
#include "hz3/harden/guarded_blocks.h"
#include "hz3/harden/guarded_pool.h"
#include "hz3/harden/quarantine.h"
#include "hz3/harden/zero_blocks.h"
#include "hz3/objects/private_heap.h"
#include "hz3/objects/size_classes.h"
#include "hz3/observe/heap_profile.h"
#include "hz3/observe/segment_walk.h"
#include "hz3/observe/stats.h"
#include "hz3/pages/arena.h"
#include "hz3/pages/large.h"
#include "hz3/policy/mem_budget.h"
#include "hz3/policy/pressure.h"
#include "hz3/shard/shard_table.h"
#include "hz3/thread/registry.h"
#include "hz3/thread/tcache.h"

namespace hz3 {

class Heap {
 public:
  // What the calling thread allocates from; shared and empty until its first slow path.
  // Relaxed: what lies behind it belongs to the thread, or is a constant.
  static Tcache* thread_cache() { return thread_cache_.load(std::memory_order_relaxed); }
  // The word itself, for the hot path to read in one instruction.
  static const std::atomic<Tcache*>& thread_handle() { return thread_cache_; }

  // A bin of class c missed, or there is no bin for `bytes`.
  void* AllocateSlow(size_t bytes);
  void* AllocateClassSlow(SizeClass c);
  // `align` is a power of two; serves every size and alignment.
  void* AllocateAligned(size_t bytes, size_t align);
  // More than kMaxBinnedSize and at most kMaxWideSize.
  void* AllocateWide(size_t bytes);
  // More than kMaxBinnedSize, or aligned to more than a page. With `zero` the bytes read as 0.
  void* AllocateLarge(size_t bytes, size_t align, bool zero);
  // The bin of p's class missed, or p is in no bin's class; nullptr is nothing to do.
  void FreeSlow(void* p);

  // Bytes that p's block holds. Reports a pointer that is no block.
  size_t UsableSize(const void* p);
  // Reports a block that `bytes` cannot be the size of, as it holds less; nullptr is fine.
  void CheckSize(const void* p, size_t bytes);
  // Makes p's block hold `bytes` where it is or by moving pages. Returns where it is now; nullptr
  // when only copying helps.
  void* ResizeInPlace(void* p, size_t bytes);

  // A block of 0 bytes that cannot be touched, or nullptr: then any small one will do.
  void* AllocateZeroSize();
  // Now and then a block for `bytes` from the guarded pool, to take the place of `p`; mostly
  // nullptr.
  void* MaybeGuarded(size_t bytes, const void* p = nullptr) {
    if (slow_paths_to_sample > 1) [[likely]] {
      --slow_paths_to_sample;
      return nullptr;
    }
    return SampleGuarded(bytes, p);
  }
  // Whether `p`, any pointer at all, is of a kind that the heap checks by itself, whatever the
  // configuration: one of those two, or a block of a first-class heap.
  bool ChecksItself(const void* p) const {
    return zero_blocks_.Contains(p) || guarded_pool_.Contains(p) ||
           segmap().Lookup(p) == kTagPrivate;
  }
  // Whether `p`, any pointer at all, lies in a part of the arena that was ever used. Guard pages
  // and blocks in the quarantine do, too.
  bool IsInUsedArena(const void* p) const {
    return segmap().Contains(p) && SlotOf(segmap().PageOf(p)).value() < arena_.used_slots();
  }
  Quarantine& quarantine() { return quarantine_; }
  GuardedBlocks& guarded_blocks() { return guarded_blocks_; }
  // Says on stderr what is known about a fault at `address`.
  void ExplainFault(const void* address);
  // The process ends: the calling thread's bins are looked through for double frees.
  void CheckAtExit();

  // Gives the calling thread's bins back to the shards.
  void ReleaseThread();
  // Empties what can be emptied and gives free pages back to the system; returns the bytes.
  size_t Trim();
  // For a thread that looks from time to time. How much has happened on slow paths so far:
  uint64_t Activity();
  // what is due to decay decays, in shards too whose threads sleep;
  void LetDecay();
  // Trim, after the bins of all other threads were emptied.
  size_t TrimIdle();
  // Threads with a cache.
  unsigned threads() const { return registry_.threads(); }
  Stats GetStats();
  // What each class holds; walks over all pages.
  ClassStatsTable GetClassStats();
  // Samples one block every `interval` bytes on average from now on, with all figures at 0. The
  // seed decides which. False without memory.
  bool StartProfile(size_t interval, uint64_t seed);
  void StopProfile();
  // Writes the profile, in pprof's format; readers show `default_figure` first. 0, or the error.
  int WriteProfile(const char* default_figure, int fd);
  HeapProfile& profile() { return profile_; }
  // Calls f(address, figures) for each segment and block of whole slots that there was when the
  // walk began, under no lease, until f returns something else than 0. Returns what f returned
  // last.
  template <typename F>
  int ForEachSegment(F f) {
    if (!EnsureReady()) return 0;
    int result = 0;
    const uint32_t end = arena_.used_slots();
    for (uint32_t slot = 0; slot < end && result == 0;) {
      SegmentFigures figures;
      const SlotIndex first(slot);
      slot += ReadSlot(shards_, first, &figures);
      if (figures.bytes > 0) result = f(segmap().AddressOf(FirstPageOf(first)), figures);
    }
    return result;
  }
  // nullptr when the heap cannot be had.
  MemBudget* budget() { return EnsureReady() ? &budget_ : nullptr; }
  size_t ArenaBytes() {
    return EnsureReady() ? std::min(arena_.bytes(), budget_.memory_bytes()) : 0;
  }

  // Whether a block of pages that has to move to grow, as one does now, may take more of them than
  // it needs: not in a fixed arena, and only where that happens often.
  bool GivesRoomToGrow();
  const Segmap& segmap() const { return arena_.segmap(); }

  // For first-class heaps (private_heaps.h). nullptr when the heap cannot be had.
  Arena* arena() { return EnsureReady() ? &arena_ : nullptr; }
  MetadataPool& pool() { return pool_; }
  // A large block that becomes a part of one.
  void* AllocatePrivateRun(size_t bytes, size_t align) {
    return AllocateLarge(bytes, align, false);
  }
  // The lease of the next one, shared with others. A fork takes all of them.
  Lease& NextPrivateLease() {
    // Relaxed: any number does.
    const unsigned n = private_leases_given_.fetch_add(1, std::memory_order_relaxed);
    return private_leases_[n % kPrivateLeases].lease;
  }
  void CountPrivateHeaps(int more) {
    private_heaps_.fetch_add(static_cast<uint64_t>(more), std::memory_order_relaxed);
  }

  // fork(2): before, after in the parent, after in the child.
  void BeforeFork();
  void AfterForkInParent();
  void AfterForkInChild();
  // The calling thread ends; its cache becomes free memory.
  void EndThread();

 private:
  friend class HeapLayoutMaker;
  class Attempt;
  // What a block of whole slots is to be.
  struct HugeBlock {
    size_t bytes;
    size_t align;
    bool zero;
  };

  bool EnsureReady();
  bool Init();
  // The calling thread's own cache, started if need be; nullptr for a thread that has none (any
  // more), which is served directly.
  Tcache* StartedCache();
  // The same, but a thread that has not started stays so.
  Tcache* OwnCache();
  Tcache* StartThread();
  void* AllocateFromCache(Tcache& cache, SizeClass c);
  bool UsesWideBins(Tcache& cache);
  void* RefillWide(SizeClass c);
  void* AllocateDirectly(SizeClass c);
  void* AllocatePages(size_t bytes, size_t align, bool zero);
  void* AllocateRun(unsigned pages, unsigned align, bool* clean);
  void EmptyWideBins();
  void ZeroRun(void* p, size_t bytes);
  void* AllocateHuge(const HugeBlock& block);
  // `huge` if whole slots are asked for.
  void* Climb(const Request& request, const HugeBlock* huge = nullptr);
  void FreeLarge(void* p);
  void FreeDirectly(SizeClass c, void* p);
  void FreeInClass(SizeClass c, void* p, bool watched);
  void FreeOnWatchedPage(void* p);
  void NoteIfWatched(void* p);
  void MaybeSample(void* p, size_t bytes);
  void Sample(void* p, size_t bytes);
  bool ForgetSample(void* p);
  Tag PlainTagOf(const void* p);
  void FollowSampling();
  void* SampleGuarded(size_t bytes, const void* p);
  void FreePrivate(void* p);
  bool FreeGuarded(void* p);
  [[noreturn]] void ReportBadFree(void* p) const;
  ShardId HomeShard();
  void Housekeeping(Tcache& cache);
  static size_t ChosenArenaBytes(bool* fixed);
  bool InitArena(size_t* memory_bytes);

  Arena arena_;
  ShardTable shards_;
  MetadataPool pool_;
  Registry registry_;
  MemBudget budget_;
  Pressure pressure_;
  ZeroBlocks zero_blocks_;
  GuardedPool guarded_pool_;
  // Of the hardened configuration.
  Quarantine quarantine_;
  GuardedBlocks guarded_blocks_;
  HeapProfile profile_;
  Lease profile_lease_;  // held by who writes the profile, starts or stops it; before all others
  Lease init_lease_;
  // Few enough for a fork to take, many enough that heaps seldom meet. Leaves of the order: who
  // holds one takes no other.
  static constexpr unsigned kPrivateLeases = 32;
  struct alignas(kCacheLine) PaddedLease {
    Lease lease;
  };
  PaddedLease private_leases_[kPrivateLeases];
  // Relaxed, all three: figures, and a number that spreads.
  std::atomic<unsigned> private_leases_given_{0};
  std::atomic<uint64_t> private_heaps_{0};
  std::atomic<uint64_t> idle_purges_{0};
  // Release/acquire: who sees true sees the heap that Init built.
  std::atomic<bool> ready_{false};
  // Blocks of wide classes take up to half as many pages again as they need: not in a fixed arena.
  // Fixed after Init; false before.
  bool wide_bins_ = false;

  static const Tcache kUnstarted;
  // The thread's handle on its cache; a thief makes it point elsewhere for a while (tcache.h).
  // Relaxed: the thief's barrier on all threads is what orders it.
  static constinit thread_local std::atomic<Tcache*> thread_cache_;
  // 0: the thread has not drawn a number yet.
  static constinit thread_local uint32_t slow_paths_to_sample;
};

// Hidden, so that the code reaches them by one instruction instead of through the GOT.
#define HZ3_HIDDEN __attribute__((visibility("hidden")))

extern constinit Heap heap HZ3_HIDDEN;

// What the hot path reads of segmap, copied once when the heap is made: three words of their own,
// each reached by one instruction. Until then the arena has no pages, and every free is slow.
// Plain words: a thread that frees a block has it from a malloc that came after the copy.
extern constinit uintptr_t hot_arena_base HZ3_HIDDEN;
extern constinit size_t hot_arena_pages HZ3_HIDDEN;
extern constinit const std::atomic<Tag>* hot_tags HZ3_HIDDEN;

}  // namespace hz3

#endif  // HZ3_HEAP_H_
