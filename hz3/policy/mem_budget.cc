#include "hz3/policy/mem_budget.h"

#include <algorithm>
#include <ctime>

#include "hz3/config/config.h"

namespace hz3 {
namespace {

// Pages that one purge call takes from a segment at a time, so that others find the rest.
constexpr size_t kPurgeBatch = 256;
// Batches in one tick: decay never keeps its thread longer than about a millisecond.
constexpr unsigned kMaxBatchesPerTick = 16;

}  // namespace

void MemBudget::SetLimit(size_t bytes) {
  shards_->arena().meter().set_limit(bytes == kNoLimit ? SIZE_MAX : bytes >> kPageShift);
  (*shards_)[0].NotePost();  // what failed under the old limit may be tried again
}

size_t MemBudget::limit() const {
  const size_t pages = shards_->arena().meter().limit();
  return pages == SIZE_MAX ? kNoLimit : pages << kPageShift;
}
size_t MemBudget::committed_bytes() const {
  return shards_->arena().meter().committed() << kPageShift;
}
size_t MemBudget::peak_committed_bytes() const {
  return shards_->arena().meter().peak() << kPageShift;
}

uint64_t MemBudget::NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1000000;
}

// pages * (1 - 2^(-elapsed / half-life)), by the first term of the series (ln 2 = 0.693), which
// is within a third of it up to one half-life and never more than all.
size_t MemBudget::Decayed(size_t pages, uint64_t elapsed_ms) {
  const uint64_t per_mille = elapsed_ms * 693 / std::max<size_t>(kConfig.decay_half_life_ms, 1);
  return pages * std::min<uint64_t>(per_mille, 1000) / 1000;
}

void MemBudget::MaybeDecay(Shard& shard, uint64_t now_ms) {
  if constexpr (!kConfig.decommit) return;
  std::atomic<uint64_t>& next = next_tick_[shard.id().value()];
  uint64_t due = next.load(std::memory_order_relaxed);
  if (now_ms < due || !next.compare_exchange_strong(due, now_ms + kTickMs,
                                                    std::memory_order_relaxed)) {
    return;
  }
  const uint64_t elapsed = due == 0 ? 0 : now_ms - due + kTickMs;
  size_t unneeded;
  {
    LeaseHolder hold(shard.lease());
    unneeded = shard.TakeDirtyLowWater();
  }
  const size_t floor = kConfig.dirty_floor_bytes >> kPageShift;
  if (unneeded > floor) {
    PurgeShard(shard, std::min(Decayed(unneeded - floor, elapsed),
                               kPurgeBatch * kMaxBatchesPerTick));
  }
  // Free slots hold memory that belongs to no shard; one shard's ticks look after them.
  if (shard.id().value() == 0) {
    shards_->arena().PurgeFreeSlots(
        std::max<size_t>(Decayed(shards_->arena().dirty_free_pages(), elapsed), 1));
  }
}

size_t MemBudget::PurgeShard(Shard& shard, size_t max_pages) {
  size_t purged = 0;
  while (purged < max_pages) {
    PageBits claimed;
    Segment* segment;
    {
      LeaseHolder hold(shard.lease());
      segment = shard.ClaimDirty(std::min(kPurgeBatch, max_pages - purged), &claimed);
    }
    if (segment == nullptr) break;
    const size_t n = shards_->arena().PurgePages(*segment, claimed);
    {
      LeaseHolder hold(shard.lease());
      shard.UnclaimDirty(*segment, claimed);
    }
    if (n == 0) break;  // the kernel refuses: no use in going on
    purged += n;
  }
  return purged;
}

size_t MemBudget::Purge(size_t max_pages) {
  size_t purged = 0;
  for (unsigned i = 0; i < shards_->count() && purged < max_pages; ++i) {
    purged += PurgeShard((*shards_)[i], max_pages - purged);
  }
  if (purged < max_pages) purged += shards_->arena().PurgeFreeSlots(max_pages - purged);
  return purged;
}

}  // namespace hz3
