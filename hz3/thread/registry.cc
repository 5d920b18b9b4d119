#include "hz3/thread/registry.h"

#include <algorithm>
#include <new>

#include "hz3/base/thread_barrier.h"
#include "hz3/base/thread_state.h"
#include "hz3/config/config.h"

namespace hz3 {
namespace {

// One sleep of a leader while it waits for answers.
constexpr uint32_t kWaitSliceUs = 1000;

}  // namespace

void Registry::Init(const ShardTable& shards, MetadataPool& pool, size_t memory_bytes) {
  shards_ = &shards;
  arena_bytes_ = memory_bytes;
  pool_ = &pool;
  watched_.Init(shards.arena());
}

Tcache* Registry::Start(std::atomic<Tcache*>* handle) {
  void* memory = pool_->Allocate(sizeof(Tcache));
  if (memory == nullptr) return nullptr;
  ShardId shard(0);
  {
    LeaseHolder hold(lease_);
    shard = ShardId(static_cast<uint8_t>(
        std::min_element(on_shard_, on_shard_ + shards_->count()) - on_shard_));
    ++on_shard_[shard.value()];
  }
  // Outside of the lease, because it touches fresh pages: where many threads start at once, they
  // would stand in line.
  Tcache* cache = new (memory) Tcache(*shards_, *pool_, *this, shard);
  cache->thread_id = ThisThreadId();
  cache->handle = handle;
  LeaseHolder hold(lease_);
  cache->next = head_;
  if (head_ != nullptr) head_->previous = cache;
  head_ = cache;
  // Relaxed: only the thread itself looks there, and thieves under the lease.
  if (handle != nullptr) handle->store(cache, std::memory_order_relaxed);
  threads_.store(threads() + 1, std::memory_order_relaxed);
  return cache;
}

void Registry::Unlink(Tcache* cache) {
  if (cache->previous != nullptr) {
    cache->previous->next = cache->next;
  } else {
    head_ = cache->next;
  }
  if (cache->next != nullptr) cache->next->previous = cache->previous;
  --on_shard_[cache->shard().value()];
  threads_.store(threads() - 1, std::memory_order_relaxed);
}

void Registry::End(Tcache* cache, Tcache* after) {
  {
    LeaseHolder hold(lease_);  // nobody robs it now or later
    // Relaxed: only the thread itself looks there from now on.
    if (cache->handle != nullptr) cache->handle->store(after, std::memory_order_relaxed);
    cache->handle = nullptr;
  }
  cache->MarkEnding();
  cache->Retire();
  {
    LeaseHolder hold(lease_);
    Unlink(cache);
  }
  pool_->Free(cache, sizeof(Tcache));
  NoteAnswer();
}

// Whether there is somebody to wait for. Who sleeps outside of hz3 cannot answer, and has been
// robbed; who sleeps inside of it, on a lease, soon will, unless he waits at the gate.
bool Registry::IsAnswerDue(uint32_t epoch) {
  for (const Tcache* cache = head_; cache != nullptr; cache = cache->next) {
    // One epoch behind: it answered the broadcast before this one, so it can be expected to.
    if (cache->answered_epoch() + 1 != epoch) continue;
    if (cache->at_gate.load(std::memory_order_relaxed)) continue;
    if (cache->busy() || StateOf(cache->thread_id) != ThreadState::kSleeps) return true;
  }
  return false;
}

void Registry::Broadcast(Tcache* self) {
  // Sequentially consistent: before the lowered limits, see Tcache::RestoreLimits.
  epoch_.fetch_add(1, std::memory_order_seq_cst);
  if (self != nullptr) self->AnswerBroadcast();
  LeaseHolder hold(lease_);
  for (Tcache* cache = head_; cache != nullptr; cache = cache->next) {
    if (cache != self) cache->LowerLimits();
  }
}

void Registry::AwaitAnswers(uint32_t wait_us) {
  const uint32_t epoch = this->epoch();
  waiting_.store(true, std::memory_order_seq_cst);
  for (uint32_t waited = 0; waited < wait_us; waited += kWaitSliceUs) {
    const uint32_t seen = answers_.load(std::memory_order_seq_cst);
    {
      LeaseHolder hold(lease_);
      if (!IsAnswerDue(epoch)) break;
    }
    FutexWait(&answers_, seen, kWaitSliceUs);
  }
  waiting_.store(false, std::memory_order_relaxed);
}

size_t Registry::RobOthers(Tcache* self) {
  LeaseHolder hold(lease_);
  Tcache* const revoked = const_cast<Tcache*>(&Tcache::kRevoked);
  for (Tcache* cache = head_; cache != nullptr; cache = cache->next) {
    if (cache == self || cache->handle == nullptr) continue;
    // Relaxed: the barrier below is what orders it before the look at busy.
    cache->handle->store(revoked, std::memory_order_relaxed);
  }
  const bool ordered = BarrierOnAllThreads();
  size_t taken = 0;
  for (Tcache* cache = head_; cache != nullptr; cache = cache->next) {
    if (cache == self || cache->handle == nullptr) continue;
    if (ordered && !cache->busy()) taken += cache->Rob();
    // Release: whoever comes through the handle sees the bins as they are now.
    cache->handle->store(cache, std::memory_order_release);
  }
  return taken;
}

void Registry::ResetAfterFork(Tcache* self) HZ3_NO_ANALYSIS {
  lease_.ResetAfterFork();
  watched_.ResetAfterFork();
  if (self != nullptr) self->thread_id = ThisThreadId();
  waiting_.store(false, std::memory_order_relaxed);
  for (Tcache* cache = head_; cache != nullptr;) {
    Tcache* const next = cache->next;
    if (cache != self) cache->handle = nullptr;  // its thread is gone, and with it the handle
    if (cache != self && !cache->busy()) {
      End(cache);
    } else if (cache != self) {
      Unlink(cache);
    }
    cache = next;
  }
}

}  // namespace hz3
