// Tcache: one thread's cache, a bin for each size class. A bin is an array of pointers: malloc
// takes the last one, free appends one. The two arrays at the start, `top` and `limit`, are all
// that the hot path touches.
//
//   top[c]    one past the last pointer in the bin. Below the lowest entry of each array lies a
//             nullptr, so an empty bin yields nullptr and needs no test of its own.
//   limit[c]  free may append while top < limit. Pressure lowers it from outside, so that the next
//             free comes to the slow path.
//
// A Tcache belongs to its thread; only `limit` and the answer to a broadcast are shared. Objects
// in it are cached. All functions here are slow path.
//
// What a thread that sleeps holds can be robbed. Its handle, the one word through which it reaches
// its cache, is made to point to kRevoked, whose bins are all empty and full at once; a barrier on
// all threads follows. From then on the owner can be at most in the middle of one malloc or free
// that had read the handle before: that one reads and writes top[c] and the entries top[c][-1] and
// top[c][0] of one bin, and comes to the slow path, where it waits, with the next. So the thief
// takes all entries but the last of each bin, leaves `top` alone, and puts a nullptr below the
// entry that is left. Owners in the slow path (busy) are not robbed: they set busy and then look at
// the handle, the thief sets the handle and, after the barrier, looks at busy.
//
// A watched block (objects/watched_blocks.h) is a nullptr in its bin, and held aside
// (held_blocks.h): the pop that is due to get it takes the slow path, and so can note who it is.
// Refills place the sample points (sample_points.h) that decide which blocks are watched. A block
// keeps its watch while it goes through bins, whoever gets it, so that a block in use is watched
// with the probability that its size gives, whatever the order of mallocs and frees; it loses it
// when it leaves the bins.
//
// Bounds: a bin holds at most its capacity, which doubles while the bin misses and shrinks when
// the thread's part of the budget does or when the bin lies idle or needs less; one that misses on
// the same side again and again stays shorter; all bins together at most
// TcacheControl::ThreadBytes() and, on top, their first capacities (half a MiB for all classes but
// the wide ones, 6.5 MiB for those) and the remote stash.
#ifndef HZ3_THREAD_TCACHE_H_
#define HZ3_THREAD_TCACHE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hz3/base/counter.h"
#include "hz3/base/metadata_pool.h"
#include "hz3/base/os_memory.h"
#include "hz3/base/platform.h"
#include "hz3/base/words.h"
#include "hz3/objects/size_classes.h"
#include "hz3/shard/shard_table.h"
#include "hz3/thread/held_blocks.h"
#include "hz3/thread/pace.h"
#include "hz3/thread/remote_stash.h"
#include "hz3/thread/sample_points.h"
#include "hz3/thread/tcache_control.h"

namespace hz3 {

// Where flushed objects go: kStash prefers the hand-over to the next bin; kBitmap makes them free
// at once (thread exit, pressure, trim).
enum class Delivery { kStash, kBitmap };

class alignas(2 * kCacheLine) Tcache {
 public:
  using Top = void**;

  // The cache that every thread begins with: all bins empty and full at once. Never written.
  struct Unstarted {};
  constexpr explicit Tcache(Unstarted) {
    for (unsigned c = 0; c < kTags; ++c) top[c] = const_cast<void**>(&kNothing[1]);
  }

  // What the handle of a thread points to while its bins are robbed; as the unstarted one.
  static const Tcache kRevoked;

  Tcache(const ShardTable& shards, MetadataPool& pool, TcacheControl& control, ShardId shard);
  Tcache(const Tcache&) = delete;
  Tcache& operator=(const Tcache&) = delete;

  // -- hot ---------------------------------------------------------------------------------------
  Top top[kTags] = {};
  // Relaxed: lowered by a leader as a hint; what follows from it is synchronised by the epoch.
  std::atomic<Top> limit[kTags] = {};

  // Whether free has to take the slow path. `bin` is the address of top[c], `bin_top` its value.
  static bool IsFull(Top* bin, Top bin_top) {
#if HZ3_X86_64_HOT
    // The relaxed load and the comparison as one instruction; gcc makes two of an atomic's.
    bool full;
    asm("cmp %c3(%2), %1"
        : "=@ccae"(full)
        : "r"(bin_top), "r"(bin), "i"(kTags * sizeof(Top)), "m"(bin[kTags]));
    return full;
#else
    return bin_top >=
           reinterpret_cast<std::atomic<Top>*>(bin)[kTags].load(std::memory_order_relaxed);
#endif
  }

  // -- slow --------------------------------------------------------------------------------------
  // An object of class c, with the bin refilled; nullptr when the shards have none. With
  // `effort` of the ladder the bin gets no more than that one object.
  void* Refill(SizeClass c);
  // What the hot path of malloc does, for a class it does not know: the object on top of the bin;
  // nullptr when there is none or it is watched.
  void* TryPop(SizeClass c) {
    void* p = top[c.value()][-1];
    if (p != nullptr) --top[c.value()];
    return p;
  }
  // The object on top of the bin, which is not empty.
  void* Pop(SizeClass c) {
    void* p = *--top[c.value()];
    return p != nullptr ? p : held_.TakeLast(c);
  }
  // Takes `object` of class c, flushing the older half of the bin when it is full. One that is
  // watched stays so while it lies in the bin.
  void Accept(SizeClass c, void* object, bool watched = false);
  // What the hot path of free does, for a block whose class it could not see.
  bool Push(SizeClass c, void* object) {
    Top const bin_top = top[c.value()];
    if (IsFull(&top[c.value()], bin_top)) return false;
    *bin_top = object;
    top[c.value()] = bin_top + 1;
    return true;
  }
  SamplePoints& sample_points() { return sample_points_; }
  // A block of a wide class is asked for that no bin holds: whether to use the bins of these
  // classes. What they hold is memory, and of use only to who asks often.
  bool UsesWideBins() { return IsFast(wide_pace_); }
  // A block of pages has to move to grow: whether to give it more than it asks for, likewise.
  bool GivesRoomToGrow() { return IsFast(growth_pace_); }
  // Looks at all bins, five times a second at most; `now_ms` is any monotonic clock. One that holds
  // much and was not used since the last look is emptied; one that was used without a miss loses
  // half of its room, and gets it back when it needs it. What is for those who ask often is put to
  // the test again. Where memory is limited it also looks every 512 slow paths, and empties those
  // that hold as much as at the last look.
  void ShrinkIdleBins(uint64_t now_ms);
  // Makes free what the bins of wide classes hold.
  void EmptyWideBins();
  // Empties all bins and the remote stash.
  void FlushAll(Delivery delivery);
  // Empties everything and gives the arrays back; the thread ends.
  void Retire();
  // Answers a broadcast: empties the bins if the epoch has moved since the last answer.
  void AnswerBroadcast();
  // Sets the limits anew: to the bins' capacities, or to nothing while memory is scarce.
  void RestoreLimits();
  // Asks the owning thread to come to the slow path; any thread.
  void LowerLimits();
  // Any thread that has revoked this cache and seen that it is not busy: all objects but the last
  // of each bin, and the remote stash, become free. Returns how many that were.
  size_t Rob();
  uint32_t answered_epoch() const { return answered_epoch_.load(std::memory_order_acquire); }

  ShardId shard() const { return shard_; }
  // The most objects that the bin of class c may hold.
  static uint32_t MaxCapacity(SizeClass c);
  // Bytes that the bins may hold now, and at most.
  size_t capacity_bytes() const { return capacity_bytes_.Get(); }
  // Bytes in the bins; exact for the owner only.
  size_t CachedBytes() const;
  unsigned CachedObjects(SizeClass c) const;

  // True while the owner changes its bins in the slow path: the child of a fork cannot trust them.
  // Acquire: who robs sees the bins as the owner's last slow path left them.
  bool busy() const { return busy_.load(std::memory_order_acquire); }
  class BusyScope {
   public:
    // Scopes may nest. Waits while the cache is being robbed, and makes its bins whole.
    explicit BusyScope(Tcache& cache) : cache_(cache), before_(cache.busy()) {
      cache_.SetBusy(true);
      // A thief stores the handle before its barrier on all threads and reads busy after it, so
      // either it sees that store or this load sees its.
      std::atomic_signal_fence(std::memory_order_seq_cst);
      if (cache_.IsRevoked()) [[unlikely]]
        cache_.AwaitThief(before_);
      if (cache_.robbed_) [[unlikely]]
        cache_.SettleBins();
    }
    ~BusyScope() { cache_.SetBusy(before_); }
    BusyScope(const BusyScope&) = delete;
    BusyScope& operator=(const BusyScope&) = delete;

   private:
    Tcache& cache_;
    const bool before_;
  };
  // The thread ends: its bins are being emptied for good.
  void MarkEnding() {
    SetBusy(true);
    if (robbed_) SettleBins();
  }

  // Misses of the two kinds, for stats.
  Counter refills, flushes;

  // The owning thread's id; 0: not known.
  int32_t thread_id = 0;
  // True while the owner waits at the pressure gate: its bins are empty, and it need not answer.
  // Relaxed: who is seen too early or too late costs the leader some of its bounded wait.
  std::atomic<bool> at_gate{false};
  // Where the owning thread looks for its cache; nullptr: cannot be revoked.
  std::atomic<Tcache*>* handle = nullptr;
  // The registry's list.
  Tcache* next = nullptr;
  Tcache* previous = nullptr;

 private:
  friend class HeapLayoutMaker;
  // The colder part of a bin.
  struct Bin {
    Top base = nullptr;         // lowest entry; base[-1] is nullptr
    uint16_t capacity = 0;      // how many the bin may hold now
    uint16_t taken = 0;         // lowest entries that are void since Rob; 0 after Settle
    uint16_t seen = 0;          // objects in it when it was last looked at for being idle
    uint8_t array_log2 = 0;     // words of the array, with the nullptr below it; 0: none
    bool missed : 1 = false;    // used by a slow path since it was last looked at
    bool refilled : 1 = false;  // it was empty, not full, when it last could have grown
  };
  static_assert(sizeof(Bin) == 16);

  static constexpr void* kNothing[2] = {nullptr, nullptr};
  // The least capacity of a bin in use: half of it is moved at a time; of a wide class no more
  // than must be.
  static constexpr uint32_t MinCapacity(SizeClass c) { return IsWide(c.value()) ? 1 : 2; }
  // The shortest arrays: the pool has no smaller blocks. The first of them lie in the cache itself.
  static constexpr unsigned kLeastArrayLog2 = 3;
  static constexpr unsigned kOwnArrays = 18;
  static_assert(MetadataPool::kMinBlock == sizeof(void*) << kLeastArrayLog2);
  static constexpr size_t kRemoteBytes = RemoteStash::kEntries * sizeof(RemoteStash::Entry);
  // A thread that does little keeps little: no bin grows before so many slow paths.
  static constexpr uint64_t kFirstGrowth = 32;
  // Groups of foreign objects from this size on are handed over at once.
  static constexpr unsigned kDirectBatch = 16;

  static bool IsFast(Pace& pace) {
    return kConfig.pace_ns == 0 || pace.Note(kConfig.pace_ns, StopWatch::NowNs);
  }
  static uint32_t OneSidedCapacity(SizeClass c, bool refill);
  uint32_t FirstCapacity(SizeClass c) const;
  void SetBusy(bool busy) {
    // The child of a fork gets a copy of this memory as it is at one instant, so the order of the
    // stores in the code is what counts, on both sides of the flag. (On x86-64 the machine keeps
    // that order; elsewhere the release fence does.)
    std::atomic_thread_fence(std::memory_order_release);
    busy_.store(busy, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
  }
  bool IsRevoked() const {
    // Acquire pairs with the thief's release: the bins as it left them.
    return handle != nullptr && handle->load(std::memory_order_acquire) != this;
  }
  void AwaitThief(bool busy_before);
  bool EnsureBin(SizeClass c);
  void RestoreLimit(SizeClass c);
  bool SetArray(SizeClass c, uint32_t entries);
  void** NewArray(unsigned log2);
  void DropArray(SizeClass c);
  void GrowBin(SizeClass c, bool refill);
  void ShrinkBin(SizeClass c, uint32_t capacity);
  bool MakeRoom(size_t bytes, SizeClass keep);
  unsigned RefillFromShards(SizeClass c, void** out, unsigned want);
  unsigned RefillOne(SizeClass c, void** out);
  unsigned RefillFrom(Shard& shard, SizeClass c, void** out, unsigned want, const Effort& effort);
  unsigned RefillFromNeighbours(SizeClass c, void** out, unsigned want, const Effort& effort);
  bool GoesHome(SizeClass c, const void* object) const;
  void FlushOldest(SizeClass c, unsigned n, Delivery delivery);
  unsigned GroupByOwner(ShardId owner, void** objects, unsigned n) const;
  void Deliver(SizeClass c, void** objects, unsigned n, Delivery delivery);
  void DeliverGroup(ShardId owner, SizeClass c, void** objects, unsigned n, Delivery delivery);
  void FollowSampling();
  unsigned PlaceSamplePoints(SizeClass c, unsigned n);
  bool Hold(SizeClass c, void* object);
  void ReleaseHeld(SizeClass c, void** objects, unsigned n);
  void PushWatched(SizeClass c, void* object);
  bool StashRemote(void* object, SizeClass c, ShardId owner);
  void DeliverRemote(Delivery delivery);
  unsigned Count(SizeClass c) const {
    return static_cast<unsigned>(top[c.value()] - bins_[c.value()].base) - bins_[c.value()].taken;
  }
  void SettleBins();

  Bin bins_[kClasses] = {};
  const ShardTable* shards_ = nullptr;
  MetadataPool* pool_ = nullptr;
  TcacheControl* control_ = nullptr;
  ShardId shard_;
  uint8_t next_victim_ = 1;
  uint64_t next_idle_look_ = 0;          // in milliseconds
  uint64_t next_counted_look_ = 0;       // in slow paths
  uint64_t next_growth_ = kFirstGrowth;  // no bin grows before so many slow paths
  Pace wide_pace_;                       // of wide blocks that no bin held
  Pace growth_pace_;                     // of blocks that moved to grow
  Counter capacity_bytes_;
  // Release/acquire: who sees the answer sees the bitmaps as the answer left them.
  std::atomic<uint32_t> answered_epoch_{0};
  std::atomic<bool> busy_{false};
  bool robbed_ = false;  // the thief's store; the owner's look comes after the handle's release
  RemoteStash remote_;
  HeldBlocks held_;
  SamplePoints sample_points_;
  uint32_t own_arrays_taken_ = 0;  // a bit for each
  void* own_arrays_[kOwnArrays][1 << kLeastArrayLog2] = {};
};
static_assert(sizeof(Tcache) == kPageSize, "one page fault and one page for each thread");

}  // namespace hz3

#endif  // HZ3_THREAD_TCACHE_H_
