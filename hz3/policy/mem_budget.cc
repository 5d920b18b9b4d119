#include "hz3/policy/mem_budget.h"

#include <algorithm>
#include <ctime>

namespace hz3 {
namespace {

// Pages that one purge call takes from a segment at a time, so that others find the rest.
constexpr size_t kPurgeBatch = 256;
// Batches in one tick: decay never keeps its thread longer than about a millisecond.
constexpr unsigned kMaxBatchesPerTick = 16;

size_t ToPages(size_t bytes) {
  return bytes == MemBudget::kNoLimit ? SIZE_MAX : bytes >> kPageShift;
}
size_t ToBytes(size_t pages) {
  return pages == SIZE_MAX ? MemBudget::kNoLimit : pages << kPageShift;
}

// What is given back at a time under a soft limit; never so little that every batch asks for it.
size_t SoftStep(size_t soft_pages) {
  return std::max(soft_pages / MemBudget::kSoftPart, kPurgeBatch);
}

// Calls f(first, n) for each run of pages.
template <typename F>
void ForEachRange(const PageBits& pages, F f) {
  for (unsigned first = pages.NextSet(0); first != PageBits::kNone;) {
    const unsigned end = pages.NextClear(first);
    f(first, end - first);
    first = pages.NextSet(end);
  }
}

}  // namespace

void MemBudget::SetLimit(size_t bytes) {
  limit_bytes_.store(bytes, std::memory_order_relaxed);
  meter().set_limit(ToPages(std::min(bytes, memory_bytes_)));
  (*shards_)[0].NotePost();  // what failed under the old limit may be tried again
  Watch();
}

void MemBudget::SetSoftLimit(size_t bytes) {
  soft_pages_.store(ToPages(bytes), std::memory_order_relaxed);
  Watch();
}

size_t MemBudget::limit() const {
  return ToBytes(ToPages(limit_bytes_.load(std::memory_order_relaxed)));
}
size_t MemBudget::soft_limit() const { return ToBytes(soft_pages()); }
size_t MemBudget::committed_bytes() const { return meter().committed() << kPageShift; }
size_t MemBudget::peak_committed_bytes() const { return meter().peak() << kPageShift; }

size_t MemBudget::used_bytes() const {
  size_t free = shards_->arena().dirty_free_pages();
  for (unsigned i = 0; i < shards_->count(); ++i) free += (*shards_)[i].dirty_free_pages();
  const size_t committed = meter().committed();
  return committed > free ? (committed - free) << kPageShift : 0;
}

void MemBudget::NoteUse() {
  size_t peak = peak_used_bytes();
  // What is committed bounds what is used: the walk over the shards is for a possible peak only.
  if (committed_bytes() <= peak) return;
  const size_t used = used_bytes();
  while (used > peak && !peak_used_.compare_exchange_weak(peak, used, std::memory_order_relaxed)) {
  }
}

uint64_t MemBudget::NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1000000;
}

// Sets the alarm and the share of the bins by what is committed now.
void MemBudget::Watch() {
  const size_t soft = soft_pages();
  const size_t committed = meter().committed();
  const bool over = committed > soft;
  meter().set_alarm(over ? committed + SoftStep(soft) : soft);
  if (caches_ != nullptr) {
    caches_->LimitCaches(std::min(limit(), over ? soft_limit() : kNoLimit));
  }
}

bool MemBudget::MakeRoom(size_t pages) {
  if (meter().committed() + pages <= meter().limit()) return false;
  return Purge(std::max(pages, kPurgeBatch)) > 0;
}

void MemBudget::Relieve() {
  if (!meter().TakeAlarm()) return;
  const size_t soft = soft_pages();
  const size_t committed = meter().committed();
  if (committed <= soft || committed <= meter().alarm()) return;  // back below it since
  // Others go on while this thread gives back: the alarm is above them for now.
  meter().set_alarm(committed + SoftStep(soft));
  reliefs_.fetch_add(1, std::memory_order_relaxed);
  for (unsigned i = 0; i < shards_->count(); ++i) {
    Shard& shard = (*shards_)[i];
    LeaseHolder hold(shard.lease());
    shard.CollectHandedOver();
  }
  Purge(committed - soft + std::min(soft, SoftStep(soft)));
  Watch();
}

// pages * (1 - 2^(-elapsed / half-life)), by the first term of the series (ln 2 = 0.693), which
// is within a third of it up to one half-life and never more than all.
size_t MemBudget::Decayed(size_t pages, uint64_t elapsed_ms) const {
  const uint64_t half_life_ms = decay_half_life_ms();
  if (half_life_ms == kNoDecay) return 0;
  if (elapsed_ms / 2 >= half_life_ms) return pages;  // also for a half-life of 0
  return pages * std::min<uint64_t>(elapsed_ms * 693 / half_life_ms, 1000) / 1000;
}

// How many pages a tick gives back, of `dirty` free ones of which `unneeded` were not touched since
// the tick before.
size_t MemBudget::Due(size_t unneeded, size_t dirty, size_t floor, uint64_t elapsed_ms) const {
  if (decay_half_life_ms() == 0) return dirty;
  const size_t most = kPurgeBatch * kMaxBatchesPerTick;
  if (OverSoftLimit()) return std::min(unneeded, most);
  if (unneeded <= floor) return 0;
  return std::min(Decayed(unneeded - floor, elapsed_ms), most);
}

void MemBudget::MaybeDecay(Shard& shard, uint64_t now_ms) {
  if (!Decay(shard, now_ms, 0)) return;
  // Relaxed: whose turn it is, roughly.
  const unsigned turn = next_late_.fetch_add(1, std::memory_order_relaxed);
  Decay((*shards_)[turn % shards_->count()], now_ms, kLateTicks * kTickMs);
}

// The shard's tick, if one is due for at least `late_ms`.
bool MemBudget::Decay(Shard& shard, uint64_t now_ms, uint64_t late_ms) {
  std::atomic<uint64_t>& next = next_tick_[shard.id().value()];
  uint64_t due = next.load(std::memory_order_relaxed);
  if (now_ms < due + late_ms) return false;
  Lease& purge_lease = shards_->arena().purge_lease();
  if (!purge_lease.TryLock()) return false;  // somebody gives memory back just now
  const bool mine = next.compare_exchange_strong(due, now_ms + kTickMs, std::memory_order_relaxed);
  if (mine) Tick(shard, due == 0 ? 0 : now_ms - due + kTickMs);
  purge_lease.Unlock();
  return mine;
}

void MemBudget::Tick(Shard& shard, uint64_t elapsed_ms) {
  size_t unneeded;
  {
    LeaseHolder hold(shard.lease());
    if (decays()) shard.ShrinkIdleStashes();
    unneeded = shard.TakeDirtyLowWater();
  }
  if constexpr (!kConfig.decommit) return;
  static_assert(kConfig.dirty_floor_part >= 1);
  const size_t floor = std::min(kConfig.dirty_floor_bytes >> kPageShift,
                                meter().committed() / kConfig.dirty_floor_part);
  PurgeShard(shard, Due(unneeded, shard.dirty_free_pages(), floor, elapsed_ms));
  // Free slots hold memory that belongs to no shard; one shard's ticks look after them.
  if (shard.id().value() == 0) {
    const size_t dirty = shards_->arena().dirty_free_pages();
    const size_t pages = Due(dirty, dirty, 0, elapsed_ms);
    // The last few pages would take for ever to halve.
    shards_->arena().PurgeFreeSlots(decay_half_life_ms() == kNoDecay ? pages
                                                                     : std::max<size_t>(pages, 1));
  }
  if (soft_pages() != SIZE_MAX) Watch();
}

size_t MemBudget::PurgeShard(Shard& shard, size_t max_pages) {
  // What becomes free meanwhile is for the next purge: many threads may be faster than this one.
  max_pages = std::min(max_pages, shard.dirty_free_pages());
  size_t purged = 0;
  while (purged < max_pages && shard.dirty_free_pages() > 0) {
    PageBits claimed;
    Segment* segment;
    {
      LeaseHolder hold(shard.lease());
      segment = shard.ClaimDirty(std::min(kPurgeBatch, max_pages - purged), &claimed);
    }
    if (segment == nullptr) break;
    const PageBits given_back = GiveBack(*segment, claimed);
    const size_t n = given_back.Count();
    meter().Uncharge(n);
    {
      // The marks share words with those of other pages: only with the lease.
      LeaseHolder hold(shard.lease());
      ForEachRange(given_back,
                   [&](unsigned first, unsigned pages) { segment->MarkClean(first, pages); });
      shard.UnclaimDirty(*segment, claimed);
    }
    if (n == 0) break;  // the kernel refuses: no use in going on
    purged += n;
  }
  return purged;
}

// Gives the memory of claimed pages back, without the lease; returns those that the kernel took.
PageBits MemBudget::GiveBack(const Segment& segment, const PageBits& claimed) {
  Arena& arena = shards_->arena();
  char* start = arena.segmap().AddressOf(FirstPageOf(segment.slot()));
  PageBits given_back;
  ForEachRange(claimed, [&](unsigned first, unsigned n) {
    if (arena.os().Purge(start + first * kPageSize, n * kPageSize)) given_back.SetRange(first, n);
  });
  return given_back;
}

size_t MemBudget::Purge(size_t max_pages) {
  LeaseHolder hold(shards_->arena().purge_lease());
  return PurgeAlone(max_pages);
}

size_t MemBudget::PurgeAlone(size_t max_pages) {
  // Free slots first: they are the coldest, and every shard can still use its own dirty pages.
  size_t purged = shards_->arena().PurgeFreeSlots(max_pages);
  for (unsigned i = 0; i < shards_->count() && purged < max_pages; ++i) {
    purged += PurgeShard((*shards_)[i], max_pages - purged);
  }
  return purged;
}

}  // namespace hz3
