#include "hz3/policy/pressure.h"

#include <algorithm>

#include "hz3/config/config.h"
#include "hz3/policy/mem_budget.h"

namespace hz3 {
namespace {

// Pages that rung 5 gives back at a time.
constexpr size_t kPurgeAtLeast = 256;
constexpr unsigned kPageBits = 24;  // of pages asked for: up to 64 GiB; more is not remembered
constexpr uint64_t kPageMask = (uint64_t{1} << kPageBits) - 1;

void Count(std::atomic<uint64_t>& counter) {
  // Relaxed: a figure.
  counter.fetch_add(1, std::memory_order_relaxed);
}

constexpr uint64_t kMarkMask = ~uint64_t{0} >> kPageBits;

// Alignment makes a request harder than its pages tell.
bool CanBeRemembered(const Request& request) {
  return request.align == 1 && request.pages <= kPageMask;
}

}  // namespace

bool Pressure::FailedBefore(const Request& request) const {
  // While memory is scarce every free goes to the bitmaps and is counted as a release. Otherwise
  // what was freed since may lie in bins, the caller's own among them, and only a climb can tell.
  // Scarcity is read first: it begins with a release, so a count read after it is no older.
  return registry_->scarce() && FailedAt(request, shards_->Releases());
}

bool Pressure::FailedAt(const Request& request, uint64_t releases) const {
  const uint64_t mark = releases + 1;
  if (IsSmall(request.size_class.value())) {
    return failed_class_[request.size_class.value()].load(std::memory_order_relaxed) == mark;
  }
  const uint64_t failed = failed_run_.load(std::memory_order_relaxed);
  return CanBeRemembered(request) && failed >> kPageBits == (mark & kMarkMask) &&
         request.pages >= (failed & kPageMask);
}

void Pressure::NoteRemembered() {
  Count(counters_.remembered);
  // A program that goes on asking in vain keeps memory scarce, so that each answer stays cheap.
  last_scarce_ms_.store(MemBudget::NowMs(), std::memory_order_relaxed);
}

void Pressure::ForgetOldRefusal() {
  const uint64_t until = refused_until_ms_.load(std::memory_order_relaxed);
  if (until == 0 || MemBudget::NowMs() < until) return;
  if (refused_until_ms_.exchange(0, std::memory_order_relaxed) != 0) (*shards_)[0].NotePost();
}

void Pressure::Remember(const Request& request, uint64_t releases) {
  const uint64_t mark = releases + 1;
  if (IsSmall(request.size_class.value())) {
    failed_class_[request.size_class.value()].store(mark, std::memory_order_relaxed);
  } else if (CanBeRemembered(request) && !FailedAt(request, releases)) {
    failed_run_.store(mark << kPageBits | request.pages, std::memory_order_relaxed);
  }
}

bool Pressure::Sweep(unsigned first, Climber& climber) {
  for (unsigned i = 0; i < shards_->count(); ++i) {
    if (climber.TryShard((first + i) % shards_->count())) return true;
  }
  return false;
}

bool Pressure::Climb(const Request& request, unsigned own_shard, Tcache* self, Climber& climber) {
  climber.FlushOwn();                               // rung 1
  if (FailsAgain(request, [] {})) return false;
  Count(counters_.climbs);
  if (climber.TryShard(own_shard)) {
    Count(counters_.rescues);
    return true;
  }
  if (self != nullptr) self->at_gate.store(true, std::memory_order_relaxed);
  LeaseHolder gate(gate_);                          // rung 2
  if (self != nullptr) self->at_gate.store(false, std::memory_order_relaxed);
  if (!Lead(request, own_shard, self, climber)) {
    Count(counters_.failures);
    return false;
  }
  Count(counters_.rescues);
  return true;
}

bool Pressure::Lead(const Request& request, unsigned own_shard, Tcache* self, Climber& climber) {
  if (FailedBefore(request)) return false;            // the leader before us found nothing either
  const uint64_t os_refusals = shards_->arena().os_refusals();
  if (Sweep(own_shard, climber)) return true;         // rung 3
  last_scarce_ms_.store(MemBudget::NowMs(), std::memory_order_relaxed);
  BecomeScarce(self);                                 // rung 4, once for each time of scarcity
  const uint32_t epoch = registry_->epoch();
  if (epoch != asked_epoch_) {
    asked_epoch_ = epoch;
    robbed_ = awaited_ = false;
  }
  if (kConfig.idle_steal && !robbed_) {
    robbed_ = true;
    if (registry_->RobOthers(self) > 0 && Sweep(own_shard, climber)) return true;
  }
  if (kConfig.broadcast && !awaited_) {
    awaited_ = true;
    registry_->AwaitAnswers(kConfig.broadcast_wait_us);
    // Who was in his slow path when the others were robbed may sleep by now.
    if (kConfig.idle_steal) registry_->RobOthers(self);
    if (Sweep(own_shard, climber)) return true;
  }
  for (unsigned i = 0; i < shards_->count(); ++i) {   // rung 5
    LeaseHolder hold((*shards_)[i].lease());
    (*shards_)[i].ReleaseEmptySegments();
  }
  // Nobody else hides free pages by giving them back.
  LeaseHolder hold(shards_->arena().purge_lease());
  // Again while the limit was in the way although there was room before the sweep, because others
  // charge it too; and when the sweep passed something on to another shard, for it to find.
  const CommitMeter& meter = shards_->arena().meter();
  uint64_t releases;
  bool again = true;
  for (unsigned round = 0; again && round < kMaxPurges; ++round) {
    const bool room = MakeRoomUnderLimit(request);
    const uint64_t refusals = meter.refusals();
    releases = shards_->Releases();
    if (Sweep(own_shard, climber)) return true;
    again = (room && meter.refusals() != refusals) || shards_->Releases() != releases;
  }
  if (shards_->arena().os_refusals() != os_refusals) {
    refused_until_ms_.store(MemBudget::NowMs() + kRefusalMs, std::memory_order_relaxed);
  }
  Remember(request, releases);                        // rung 6
  return false;
}

// Gives memory back when the commit limit stands in the way. Whether there is room now.
bool Pressure::MakeRoomUnderLimit(const Request& request) {
  const CommitMeter& meter = shards_->arena().meter();
  const size_t wanted = meter.committed() + request.pages;
  const size_t limit = meter.limit();
  if (wanted <= limit) return true;
  MemBudget budget;
  budget.Init(*shards_);
  // More than is asked for: others, who refill meanwhile, would take just that.
  return budget.PurgeAlone(std::max(wanted - limit, kPurgeAtLeast)) > 0;
}

// From now on each thread's next free or refill empties its bins, and none fills them.
void Pressure::BecomeScarce(Tcache* self) {
  if (registry_->scarce()) return;
  // What was freed since the last time of scarcity was not counted, as long as it went into bins:
  // what failed then is forgotten.
  (*shards_)[0].NotePost();
  registry_->set_scarce(true);
  if constexpr (kConfig.broadcast) {
    Count(counters_.broadcasts);
    registry_->Broadcast(self);
  }
}

// Whether little is left of what there is: of the arena's address space when it has no free slot,
// and of the memory under a limit.
bool Pressure::IsTight() const {
  if (kConfig.tight_part == 0) return false;
  Arena& arena = shards_->arena();
  size_t free_pages = 0;
  size_t dirty_pages = arena.dirty_free_pages();
  for (unsigned i = 0; i < shards_->count(); ++i) {
    free_pages += (*shards_)[i].free_pages();
    dirty_pages += (*shards_)[i].dirty_free_pages();
  }
  const size_t part = std::max(kConfig.tight_part, 1u);
  if (arena.free_slots() == 0 && free_pages < arena.segmap().pages() / part) return true;
  const size_t limit = arena.meter().limit();
  return arena.meter().committed() >= limit - limit / part + dirty_pages;
}

void Pressure::WatchSlow(uint64_t now_ms, Tcache* self) {
  if (IsTight()) {
    last_scarce_ms_.store(now_ms, std::memory_order_relaxed);
    // Not while somebody leads, who would take half of it for the whole; he sees to it himself.
    if (gate_.TryLock()) {
      BecomeScarce(self);
      gate_.Unlock();
    }
  } else if (now_ms > last_scarce_ms_.load(std::memory_order_relaxed) + kScarceMs) {
    // (The other clock reading may be later than this one.) Nor does it end while somebody leads:
    // what is freed then has to come to the bitmaps.
    if (gate_.TryLock()) {
      registry_->set_scarce(false);
      gate_.Unlock();
    }
  }
}

}  // namespace hz3
