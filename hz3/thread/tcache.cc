#include "hz3/thread/tcache.h"

#include <algorithm>
#include <bit>
#include <climits>
#include <cstring>

#include "hz3/base/random.h"
#include "hz3/config/config.h"

namespace hz3 {
namespace {

// No bin's array is longer than this, with the nullptr below it: 32 KiB.
constexpr uint32_t kMaxArray = 4096;
// A bin of a class begins with room for about this many bytes, and for no more than this part of
// what the thread may hold: under a small arena, many threads with many classes would spread their
// objects over as many spans.
constexpr size_t kFirstBytes = 512;
constexpr size_t kFirstPart = 256;
// When the thread's budget is used up, so many other bins are asked to make room; if that does
// not help, no bin grows for this many slow paths.
constexpr unsigned kMaxVictims = 4;
constexpr uint64_t kGrowthPause = 256;
// The time between two looks for idle bins, and what one must hold to be worth it.
constexpr uint64_t kIdleLookMs = 200;
constexpr size_t kIdleBytes = size_t{16} << 10;
// Where memory is limited, also so many slow paths: a thread that falls asleep soon after it was
// busy could be robbed of all but an object of each class, and these keep as many spans.
constexpr uint64_t kIdleLookEvents = 512;
// A neighbour is asked for dirty pages when it has at least this many.
constexpr size_t kBorrowPages = 64;

}  // namespace

constinit const Tcache Tcache::kRevoked{Tcache::Unstarted{}};

Tcache::Tcache(const ShardTable& shards, MetadataPool& pool, TcacheControl& control, ShardId shard)
    : shards_(&shards), pool_(&pool), control_(&control), shard_(shard) {
  for (unsigned c = 0; c < kTags; ++c) top[c] = const_cast<void**>(&kNothing[1]);
  for (Bin& bin : bins_) bin.base = const_cast<void**>(&kNothing[1]);
  answered_epoch_.store(control.epoch(), std::memory_order_relaxed);
  FollowSampling();
}

void Tcache::FollowSampling() {
  sample_points_.Start(control_->sample_interval(), control_->NextSampleSeed());
}

uint32_t Tcache::MaxCapacity(SizeClass c) {
  const size_t size = InfoOf(c).size;
  const size_t bytes = size <= kMaxSmallSize    ? kConfig.small_bin_bytes
                       : size <= kMaxBinnedSize ? kConfig.medium_bin_bytes
                                                : kConfig.wide_bin_bytes;
  return static_cast<uint32_t>(std::clamp<size_t>(bytes / size, MinCapacity(c), kMaxArray - 1));
}

uint32_t Tcache::OneSidedCapacity(SizeClass c, bool refill) {
  const size_t bytes = refill ? kConfig.refill_only_bin_bytes : kConfig.free_only_bin_bytes;
  const size_t entries = bytes / InfoOf(c).size;
  return std::min(std::max(static_cast<uint32_t>(entries), MinCapacity(c)), MaxCapacity(c));
}

uint32_t Tcache::FirstCapacity(SizeClass c) const {
  const size_t bytes = std::min(kFirstBytes, control_->ThreadBytes() / kFirstPart);
  return static_cast<uint32_t>(std::clamp<size_t>(bytes / InfoOf(c).size, MinCapacity(c), 64));
}

bool Tcache::EnsureBin(SizeClass c) {
  Bin& bin = bins_[c.value()];
  if (bin.capacity > 0) return true;
  const uint32_t capacity = FirstCapacity(c);
  if (!SetArray(c, capacity)) return false;
  bin.capacity = static_cast<uint16_t>(capacity);
  capacity_bytes_.Add(size_t{capacity} * InfoOf(c).size);
  return true;
}

// Gives the bin an array for at least `entries` pointers and moves its contents there.
bool Tcache::SetArray(SizeClass c, uint32_t entries) {
  Bin& bin = bins_[c.value()];
  const unsigned log2 = std::max<unsigned>(std::bit_width(entries), kLeastArrayLog2);
  if (log2 == bin.array_log2) return true;
  void** const array = NewArray(log2);
  if (array == nullptr) return false;
  array[0] = nullptr;
  const unsigned count = Count(c);
  memcpy(array + 1, bin.base, count * sizeof(void*));
  DropArray(c);
  bin.base = array + 1;
  bin.array_log2 = static_cast<uint8_t>(log2);
  top[c.value()] = bin.base + count;
  return true;
}

void** Tcache::NewArray(unsigned log2) {
  const unsigned own = static_cast<unsigned>(std::countr_one(own_arrays_taken_));
  if (log2 > kLeastArrayLog2 || own == kOwnArrays) {
    return static_cast<void**>(pool_->Allocate(sizeof(void*) << log2));
  }
  own_arrays_taken_ |= 1u << own;
  return own_arrays_[own];
}

void Tcache::DropArray(SizeClass c) {
  Bin& bin = bins_[c.value()];
  if (bin.array_log2 == 0) return;
  void** const array = bin.base - 1;
  const uintptr_t offset =
      reinterpret_cast<uintptr_t>(array) - reinterpret_cast<uintptr_t>(own_arrays_);
  if (offset < sizeof(own_arrays_)) {
    own_arrays_taken_ &= ~(1u << offset / sizeof(own_arrays_[0]));
  } else {
    pool_->Free(array, sizeof(void*) << bin.array_log2);
  }
  bin.base = const_cast<void**>(&kNothing[1]);
  bin.array_log2 = 0;
}

// A bin that was full twice, and not empty in between, or empty twice, helps its thread little
// when it is long: what it holds is for later, and others could use it.
void Tcache::GrowBin(SizeClass c, bool refill) {
  Bin& bin = bins_[c.value()];
  const bool one_sided = bin.refilled == refill;
  bin.refilled = refill;
  const uint32_t most = one_sided ? OneSidedCapacity(c, refill) : MaxCapacity(c);
  const uint32_t wanted = std::min(bin.capacity * 2u, most);
  if (wanted <= bin.capacity) return;
  const uint64_t now = refills.Get() + flushes.Get();
  if (now < next_growth_) return;
  const size_t bytes = size_t{wanted - bin.capacity} * InfoOf(c).size;
  if (!MakeRoom(bytes, c) || !SetArray(c, wanted)) {
    next_growth_ = now + kGrowthPause;
    return;
  }
  capacity_bytes_.Add(bytes);
  bin.capacity = static_cast<uint16_t>(wanted);
}

// Room for `bytes` more under the thread's part of the budget: other bins give up half of theirs,
// in turn, until it fits or kMaxVictims were asked.
bool Tcache::MakeRoom(size_t bytes, SizeClass keep) {
  const size_t limit_bytes = control_->ThreadBytes();
  for (unsigned asked = 0; capacity_bytes_.Get() + bytes > limit_bytes; ++asked) {
    if (asked == kMaxVictims) return false;
    unsigned step = 0;
    for (; step < kClasses; ++step) {
      const SizeClass victim(next_victim_);
      next_victim_ = static_cast<uint8_t>(next_victim_ + 1 == kClasses ? 1 : next_victim_ + 1);
      const uint32_t capacity = bins_[victim.value()].capacity;
      if (victim == keep || capacity <= MinCapacity(victim)) continue;
      ShrinkBin(victim, std::max(capacity / 2, MinCapacity(victim)));
      break;
    }
    if (step == kClasses) return false;
  }
  return true;
}

void Tcache::ShrinkBin(SizeClass c, uint32_t capacity) {
  Bin& bin = bins_[c.value()];
  if (Count(c) > capacity) FlushOldest(c, Count(c) - capacity, Delivery::kStash);
  capacity_bytes_.Subtract(size_t{bin.capacity - capacity} * InfoOf(c).size);
  bin.capacity = static_cast<uint16_t>(capacity);
  RestoreLimit(c);
}

void* Tcache::Refill(SizeClass c) {
  refills.Add(1);
  if constexpr (kConfig.fault_refill_turns > 0) {
    for (unsigned i = 0; i < kConfig.fault_refill_turns; ++i) asm volatile("");
  }
  Bin& bin = bins_[c.value()];
  const bool fresh = bin.capacity == 0;
  bin.missed = true;
  if (!EnsureBin(c)) return nullptr;
  const bool scarce = control_->scarce();
  if (!scarce && !fresh) GrowBin(c, true);
  const unsigned want = scarce ? 1 : std::max(bin.capacity / 2u, 1u);
  unsigned got = (*shards_)[shard_].TakeStashed(c, bin.base, want, this);
  if (got == 0) got = scarce ? RefillOne(c, bin.base) : RefillFromShards(c, bin.base, want);
  if constexpr (kConfig.hardened) Shuffle(bin.base, got);
  if (!sample_points_.PassAll(size_t{got} * InfoOf(c).size)) [[unlikely]]
    got = PlaceSamplePoints(c, got);
  top[c.value()] = bin.base + got;
  RestoreLimit(c);
  if (got == 0) return nullptr;
  return Pop(c);
}

// The n objects that the bin was refilled with pass one by one. One that cannot be held goes back
// at once, so that it is never unwatched by chance; but one object is kept for the caller.
unsigned Tcache::PlaceSamplePoints(SizeClass c, unsigned n) {
  void** const objects = bins_[c.value()].base;
  unsigned kept = 0;
  for (unsigned i = 0; i < n; ++i) {
    void* object = objects[i];
    if (sample_points_.Pass(InfoOf(c).size)) {
      if (Hold(c, object)) {
        object = nullptr;
      } else if (kept > 0 || i + 1 < n) {
        Deliver(c, &object, 1, Delivery::kBitmap);
        continue;
      }
    }
    objects[kept++] = object;
  }
  return kept;
}

bool Tcache::Hold(SizeClass c, void* object) {
  if (!held_.Add(*pool_, c, object)) return false;
  control_->watched().Watch(object, c.value());
  return true;
}

// The lowest n objects of the bin leave it: those that are held come back to their places.
void Tcache::ReleaseHeld(SizeClass c, void** objects, unsigned n) {
  if (held_.count() == 0) [[likely]]
    return;
  for (unsigned i = 0; i < n; ++i) {
    if (objects[i] != nullptr) continue;
    objects[i] = held_.TakeFirst(c);
    control_->watched().Unwatch(objects[i]);
  }
}

void Tcache::PushWatched(SizeClass c, void* object) {
  if (held_.Add(*pool_, c, object)) {
    *top[c.value()]++ = nullptr;
    return;
  }
  control_->watched().Unwatch(object);
  Deliver(c, &object, 1, Delivery::kBitmap);
}

unsigned Tcache::RefillFromShards(SizeClass c, void** out, unsigned want) {
  Shard& own = (*shards_)[shard_];
  bool neighbour_has_pages = false;
  if constexpr (kConfig.borrow) {
    for (unsigned i = 0; i < shards_->count() && !neighbour_has_pages; ++i) {
      const Shard& shard = (*shards_)[i];
      neighbour_has_pages = shard.dirty_free_pages() >= kBorrowPages && &shard != &own;
    }
  }
  unsigned got =
      RefillFrom(own, c, out, want, neighbour_has_pages ? kOwnDirtyEffort : kOwnFullEffort);
  if (got > 0) return got;
  if (neighbour_has_pages) {
    // Before fresh pages are touched: what a neighbour has freed. The objects stay the neighbour's.
    got = RefillFromNeighbours(c, out, want, kDirtyEffort);
    if (got == 0) got = RefillFrom(own, c, out, want, kFullEffort);
    if (got > 0) return got;
  }
  // The arena has no slot any more: whatever a neighbour has.
  return RefillFromNeighbours(c, out, want, kNoGrowthEffort);
}

// While memory is scarce: a small object from a span that is open in some shard before a new span
// is opened; a run where it fits best.
unsigned Tcache::RefillOne(SizeClass c, void** out) {
  const unsigned shards = shards_->count();
  if (IsSmall(c.value())) {
    for (unsigned i = 0; i < shards; ++i) {
      Shard& shard = (*shards_)[(shard_.value() + i) % shards];
      if (RefillFrom(shard, c, out, 1, kOpenSpansEffort) > 0) return 1;
    }
  }
  unsigned best = shard_.value();
  unsigned best_fit = UINT_MAX;
  for (unsigned i = 0; i < shards; ++i) {
    const unsigned fit = (*shards_)[i].BestFit(InfoOf(c).pages);
    if (fit != 0 && fit < best_fit) best = i, best_fit = fit;
  }
  if (RefillFrom((*shards_)[best], c, out, 1, kBestFitEffort) > 0) return 1;
  return RefillFrom((*shards_)[shard_], c, out, 1, kFullEffort);
}

unsigned Tcache::RefillFrom(Shard& shard, SizeClass c, void** out, unsigned want,
                            const Effort& effort) {
  unsigned got;
  MemoryRange fresh;
  {
    LeaseHolder hold(shard.lease());
    got = shard.Refill(c, out, want, effort);
    fresh = shard.TakeToPopulate();
  }
  shards_->arena().Populate(fresh);
  shards_->arena().CommitAhead();
  return got;
}

// Asks those whose lease is free.
unsigned Tcache::RefillFromNeighbours(SizeClass c, void** out, unsigned want,
                                      const Effort& effort) {
  for (unsigned i = 1; i < shards_->count(); ++i) {
    Shard& shard = (*shards_)[(shard_.value() + i) % shards_->count()];
    const bool worth_it = effort.pages == Pages::kDirtyOnly
                              ? shard.dirty_free_pages() >= kBorrowPages
                              : shard.free_pages() >= InfoOf(c).pages;
    if (!worth_it || !shard.lease().TryLock()) continue;
    const unsigned got = shard.Refill(c, out, want, effort);
    shard.lease().Unlock();
    if (got > 0) return got;
  }
  return 0;
}

void Tcache::Accept(SizeClass c, void* object, bool watched) {
  flushes.Add(1);
  Bin& bin = bins_[c.value()];
  bin.missed = true;
  const bool scarce = control_->scarce();
  const bool goes_home = GoesHome(c, object);
  // A thread that has none of its own: until there are enough for whole batches.
  if (!scarce && goes_home && bin.capacity == 0 &&
      StashRemote(object, c, shards_->OwnerOf(object))) {
    if (watched) control_->watched().Unwatch(object);
    return;
  }
  if (scarce || !EnsureBin(c)) {
    if (Count(c) > 0) FlushOldest(c, Count(c), Delivery::kBitmap);
    if (watched) control_->watched().Unwatch(object);
    Deliver(c, &object, 1, Delivery::kBitmap);
    return;
  }
  if (Count(c) >= bin.capacity) {
    if (capacity_bytes_.Get() > control_->ThreadBytes() && bin.capacity > FirstCapacity(c)) {
      ShrinkBin(c, std::max(bin.capacity / 2u, MinCapacity(c)));
    } else {
      GrowBin(c, false);
    }
    if (Count(c) >= bin.capacity) {
      FlushOldest(c, goes_home ? Count(c) : (bin.capacity + 1u) / 2, Delivery::kStash);
    }
  }
  if (watched) [[unlikely]] {
    PushWatched(c, object);
  } else {
    *top[c.value()]++ = object;
  }
  RestoreLimit(c);
}

// Whether `object` could share a cache line with one that a thread of its own shard writes to.
bool Tcache::GoesHome(SizeClass c, const void* object) const {
  return kConfig.tiny_go_home && InfoOf(c).size < kCacheLine &&
         !(shards_->OwnerOf(object) == shard_);
}

void Tcache::FlushOldest(SizeClass c, unsigned n, Delivery delivery) {
  Bin& bin = bins_[c.value()];
  const unsigned count = Count(c);
  ReleaseHeld(c, bin.base, n);
  Deliver(c, bin.base, n, delivery);
  memmove(bin.base, bin.base + n, (count - n) * sizeof(void*));
  top[c.value()] = bin.base + (count - n);
}

// Moves the objects that are the owner's to the front, the first of which is one; returns how many.
// Most of a batch lies in few segments, so the one of the last hit is compared first.
unsigned Tcache::GroupByOwner(ShardId owner, void** objects, unsigned n) const {
  const auto segment_of = [](const void* object) {
    return reinterpret_cast<uintptr_t>(object) & ~uintptr_t{kSegmentSize - 1};
  };
  uintptr_t hit = segment_of(objects[0]);
  unsigned group = 1;
  for (unsigned i = 1; i < n; ++i) {
    void* const object = objects[i];
    if (reinterpret_cast<uintptr_t>(object) - hit >= kSegmentSize) {
      if (!(shards_->OwnerOf(object) == owner)) continue;
      hit = segment_of(object);
    }
    if (group != i) objects[i] = objects[group], objects[group] = object;
    ++group;
  }
  return group;
}

// Partitions objects[0..n) by owner and hands each group over; the array is left in any order. One
// pass for each shard that occurs.
void Tcache::Deliver(SizeClass c, void** objects, unsigned n, Delivery delivery) {
  while (n > 0) {
    const ShardId owner = shards_->OwnerOf(objects[0]);
    const unsigned group = GroupByOwner(owner, objects, n);
    const bool foreign = !(owner == shard_);
    unsigned staged = 0;
    if (foreign && IsSmall(c.value()) && group < kDirectBatch && delivery == Delivery::kStash) {
      while (staged < group && StashRemote(objects[staged], c, owner)) ++staged;
      if (staged < group) DeliverRemote(delivery);
    }
    if (staged < group) DeliverGroup(owner, c, objects + staged, group - staged, delivery);
    objects += group;
    n -= group;
  }
}

// The stash's memory comes with the first object.
bool Tcache::StashRemote(void* object, SizeClass c, ShardId owner) {
  if (remote_.room() == nullptr) {
    remote_.SetRoom(static_cast<RemoteStash::Entry*>(pool_->Allocate(kRemoteBytes)));
  }
  return remote_.Add(object, c, owner);
}

void Tcache::DeliverRemote(Delivery delivery) {
  remote_.Deliver([&](ShardId owner, SizeClass c, void** objects, unsigned n) {
    DeliverGroup(owner, c, objects, n, delivery);
  });
}

void Tcache::DeliverGroup(ShardId owner, SizeClass c, void** objects, unsigned n,
                          Delivery delivery) {
  Shard& shard = (*shards_)[owner];
  if (delivery == Delivery::kStash) {
    const unsigned moved = shard.stash(c).Put(objects, n, this);
    if (moved > 0) shard.NotePost();
    n -= moved;
    if (n == 0) return;
  }
  if (owner == shard_) {
    LeaseHolder hold(shard.lease());
    shard.FreeObjects(c, objects, n);
    return;
  }
  if (kConfig.flush_by_lease && shard.lease().TryLock()) {
    shard.FreeObjects(c, objects, n);
    shard.lease().Unlock();
    return;
  }
  shard.PostObjects(c, objects, n);
}

// What the hot path does with a bin shows in how much it holds, unless that comes back to the same.
void Tcache::ShrinkIdleBins(uint64_t now_ms) {
  const bool by_clock = now_ms >= next_idle_look_;
  const uint64_t slow_paths = refills.Get() + flushes.Get();
  if (!by_clock && (slow_paths < next_counted_look_ || !shards_->arena().meter().IsLimited())) {
    return;
  }
  next_counted_look_ = slow_paths + kIdleLookEvents;
  if (by_clock) {
    next_idle_look_ = now_ms + kIdleLookMs;
    wide_pace_.Close();
    growth_pace_.Close();
  }
  for (unsigned i = 1; i < kClasses; ++i) {
    const SizeClass c(static_cast<uint8_t>(i));
    Bin& bin = bins_[i];
    const unsigned count = Count(c);
    const bool unused = bin.seen == count;
    const bool keep = by_clock ? bin.missed : !unused;
    if (by_clock) bin.missed = false;
    if (!keep && size_t{count} * InfoOf(c).size >= kIdleBytes) {
      const uint32_t capacity = std::max(bin.capacity / 2u, MinCapacity(c));
      const unsigned kept = unused ? 0 : std::min(count, capacity);
      if (kept < count) FlushOldest(c, count - kept, Delivery::kBitmap);
      ShrinkBin(c, capacity);
    }
    bin.seen = static_cast<uint16_t>(Count(c));
  }
}

void Tcache::EmptyWideBins() {
  for (unsigned i = kFirstWideClass; i < kClasses; ++i) {
    const SizeClass c(static_cast<uint8_t>(i));
    if (Count(c) > 0) FlushOldest(c, Count(c), Delivery::kBitmap);
  }
}

void Tcache::FlushAll(Delivery delivery) {
  for (unsigned i = 1; i < kClasses; ++i) {
    const SizeClass c(static_cast<uint8_t>(i));
    if (Count(c) > 0) FlushOldest(c, Count(c), delivery);
  }
  DeliverRemote(delivery);
}

void Tcache::Retire() {
  for (unsigned c = 0; c < kTags; ++c) limit[c].store(nullptr, std::memory_order_relaxed);
  FlushAll(Delivery::kBitmap);
  for (unsigned i = 1; i < kClasses; ++i) {
    const SizeClass c(static_cast<uint8_t>(i));
    DropArray(c);
    bins_[i].capacity = 0;
    top[i] = bins_[i].base;
  }
  capacity_bytes_.Subtract(capacity_bytes_.Get());
  held_.Release(*pool_);
  if (remote_.room() != nullptr) pool_->Free(remote_.room(), kRemoteBytes);
  remote_.SetRoom(nullptr);
}

size_t Tcache::Rob() {
  size_t taken = remote_.count();
  for (unsigned i = 1; i < kClasses; ++i) {
    const SizeClass c(static_cast<uint8_t>(i));
    Bin& bin = bins_[i];
    // Relaxed: the owner may be about to move it by one, see the head of the header.
    Top const last = __atomic_load_n(&top[i], __ATOMIC_RELAXED);
    Top const lowest = bin.base + bin.taken;
    if (last - lowest < 2) continue;
    const unsigned n = static_cast<unsigned>(last - lowest) - 1;
    ReleaseHeld(c, lowest, n);
    Deliver(c, lowest, n, Delivery::kBitmap);
    // Release: the owner that pops down to it may be gone from its slow path since long.
    __atomic_store_n(&lowest[n - 1], nullptr, __ATOMIC_RELEASE);
    bin.taken = static_cast<uint16_t>(bin.taken + n);
    taken += n;
    robbed_ = true;
  }
  DeliverRemote(Delivery::kBitmap);
  return taken;
}

// One round for each thief that comes by; they are climbers that lead, one after the other.
void Tcache::AwaitThief(bool busy_before) {
  do {
    SetBusy(busy_before);
    control_->AwaitThief();
    SetBusy(true);
    std::atomic_signal_fence(std::memory_order_seq_cst);  // as in BusyScope
  } while (IsRevoked());
}

void Tcache::SettleBins() {
  for (unsigned i = 1; i < kClasses; ++i) {
    Bin& bin = bins_[i];
    if (bin.taken == 0) continue;
    const unsigned count = Count(SizeClass(static_cast<uint8_t>(i)));
    memmove(bin.base, bin.base + bin.taken, count * sizeof(void*));
    top[i] = bin.base + count;
    bin.taken = 0;
  }
  robbed_ = false;
}

void Tcache::AnswerBroadcast() {
  const uint32_t epoch = control_->epoch();
  if (answered_epoch_.load(std::memory_order_relaxed) == epoch) return;
  FlushAll(Delivery::kBitmap);
  FollowSampling();
  answered_epoch_.store(epoch, std::memory_order_release);
  control_->NoteAnswer();
  RestoreLimits();
}

void Tcache::RestoreLimit(SizeClass c) {
  const Bin& bin = bins_[c.value()];
  const Top wanted = control_->scarce() ? bin.base : bin.base + bin.capacity;
  if (limit[c.value()].load(std::memory_order_relaxed) == wanted) return;
  limit[c.value()].store(wanted, std::memory_order_relaxed);
  // A leader stores the epoch before it lowers the limits. If the store above has undone a
  // lowering, the epoch is visible after this fence, and the limits go down again for the next
  // free.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (control_->epoch() != answered_epoch_.load(std::memory_order_relaxed)) LowerLimits();
}

void Tcache::RestoreLimits() {
  for (unsigned c = 1; c < kClasses; ++c) RestoreLimit(SizeClass(static_cast<uint8_t>(c)));
}

void Tcache::LowerLimits() {
  for (unsigned c = 1; c < kClasses; ++c) limit[c].store(nullptr, std::memory_order_relaxed);
}

size_t Tcache::CachedBytes() const {
  size_t bytes = remote_.bytes();
  for (unsigned i = 1; i < kClasses; ++i) {
    const SizeClass c(static_cast<uint8_t>(i));
    bytes += size_t{Count(c)} * InfoOf(c).size;
  }
  return bytes;
}

unsigned Tcache::CachedObjects(SizeClass c) const { return Count(c); }

}  // namespace hz3
