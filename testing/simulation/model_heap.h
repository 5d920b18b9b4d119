// ModelHeap: the allocator's real boxes (arena, shards, thread caches, registry, pressure, budget)
// wired as hz3/heap.cc wires them, with model threads instead of threads: each is a real Tcache,
// and one OS thread runs them all, so that a run depends on nothing but its calls. Whatever a call
// returns, and whatever it leaves in a bin, is told to the oracle; each failure is held against it.
//
// What threads do to each other comes in steps of its own: a thread that was preempted while it
// holds a shard's lease (HoldLease), in the slow path (Sleep), on its way to announce mail
// (Poster), or between claiming pages and purging them (Purger). Who runs on while a leader waits
// for answers is the caller's choice (Answers).
//
// Tests only, one thread.
#ifndef TESTING_SIMULATION_MODEL_HEAP_H_
#define TESTING_SIMULATION_MODEL_HEAP_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hz3/base/fake_os_memory.h"
#include "hz3/base/metadata_pool.h"
#include "hz3/base/thread_annotations.h"
#include "hz3/base/words.h"
#include "hz3/objects/size_classes.h"
#include "hz3/objects/span_table.h"
#include "hz3/pages/arena.h"
#include "hz3/pages/large.h"
#include "hz3/policy/mem_budget.h"
#include "hz3/policy/pressure.h"
#include "hz3/shard/shard_table.h"
#include "hz3/thread/registry.h"
#include "hz3/thread/tcache.h"
#include "testing/simulation/page_oracle.h"

namespace hz3::simulation {

// Something left out or done wrong on purpose, so that a test sees the oracle complain.
enum class Flaw {
  kNone,
  kLoseAFree,            // a free that never reaches the heap
  kFreeALiveBlock,       // a free that the program did not ask for
  kOnlyOwnShard,         // the climber does not look into other shards (rung 3)
  kDoNotCollect,         // the climber does not collect mail and stashes
  kDoNotAnswer,          // threads that run do not answer the broadcast (rung 4)
  kDoNotAnnounce,        // a preempted thread never announces its mail
};

struct ModelThread {
  Tcache* cache = nullptr;  // nullptr: it has ended its cache and is served directly
  Holder holder = 0;
  bool asleep = false;
  // It has not been in the slow path since the last broadcast.
  bool owes_answer = false;
  // It was in the slow path after the last broadcast, so that perhaps nobody could rob it.
  bool out_of_reach = false;
  // The most that its bins may hold, from the highest ThreadBytes it has seen.
  size_t bound = 0;
  std::optional<Tcache::BusyScope> in_slow_path;
  std::atomic<Tcache*> handle{nullptr};
};

struct ModelCounters {
  uint64_t failures = 0;         // allocations that returned nullptr
  uint64_t hidden_failures = 0;  // of these: there was one in the bins of a thread that slept
  uint64_t asleep_failures = 0;  // of these: that thread is awake, but has not come by
  uint64_t late_mail = 0;        // failures under a limit while mail was passed on
  uint64_t over_limit = 0;       // failures for want of nothing but the commit limit
  uint64_t answers = 0, robbed = 0, mails = 0, held_leases = 0, huge = 0, forks = 0;
  size_t most_hidden_pages = 0;  // by sleeping threads at a failure
  size_t hidden_bytes_then = 0;  // what these threads' objects are worth
  size_t most_over_header = 0;   // bytes in a thread's bins beyond what tcache.h promises
};

class ModelHeap {
 public:
  static constexpr unsigned kPosters = 3;

  // An arena of so many slots, of which `memory_bytes` may be committed.
  ModelHeap(unsigned slots, size_t memory_bytes, unsigned shards, Flaw flaw);
  ~ModelHeap();
  ModelHeap(const ModelHeap&) = delete;
  ModelHeap& operator=(const ModelHeap&) = delete;

  // -- The program --------------------------------------------------------------------------------
  void* Malloc(ModelThread& thread, SizeClass c);
  // More than a bin holds.
  void* MallocPages(ModelThread& thread, size_t bytes, unsigned align_pages);
  void Free(ModelThread& thread, void* p);
  // As realloc(3) in place, or by moving pages; nullptr: neither. For blocks without a bin.
  void* Resize(ModelThread& thread, void* p, size_t bytes);
  size_t UsableBytes(const void* p) const;

  // -- Threads ------------------------------------------------------------------------------------
  ModelThread* StartThread(bool with_cache);
  void EndThread(ModelThread& thread);
  void Sleep(ModelThread& thread, bool in_slow_path);
  void Wake(ModelThread& thread);
  // What a thread does that comes by while a leader waits. Called for each one that is awake.
  void set_answers(std::function<void(ModelThread&)> answers) { answers_ = std::move(answers); }
  // The thread comes to the slow path, and so answers.
  void AnswerInSlowPath(ModelThread& thread);
  // Only `self` lives on; those in the slow path are lost with what they hold.
  void Fork(ModelThread& self) HZ3_NO_ANALYSIS;
  const std::vector<std::unique_ptr<ModelThread>>& threads() const { return threads_; }

  // -- Preempted threads --------------------------------------------------------------------------
  void HoldLease(unsigned shard) HZ3_NO_ANALYSIS;
  void ReleaseLeases();
  // A thread frees `p`, which is no block of whole slots, through a mailbox, and is preempted after
  // the first step of it. False when that poster is busy.
  bool StartPoster(unsigned poster, void* p);
  void StepPoster(unsigned poster);
  void FinishPosters();
  void StartPurger(unsigned shard, size_t pages);
  void FinishPurger();

  // -- Upkeep -------------------------------------------------------------------------------------
  // `now_ms` is far beyond the machine's clock, which says when an allocation failed.
  void Watch(ModelThread& thread, uint64_t now_ms);
  void Decay(unsigned shard, uint64_t now_ms);
  void Purge(size_t pages);
  void PurgeFreeSlots(size_t pages);
  void SetLimit(size_t bytes) { budget_.SetLimit(bytes); }
  void SetSoftLimit(size_t bytes) { budget_.SetSoftLimit(bytes); }
  void ReleaseEmptySegments(unsigned shard);
  void CollectMail(unsigned shard);
  // Everything is free and all threads have ended: empties all shards.
  void CollectEverything();

  PageOracle& oracle() { return *oracle_; }
  const PageOracle& oracle() const { return *oracle_; }
  Arena& arena() { return arena_; }
  ShardTable& shards() { return shards_; }
  Registry& registry() { return registry_; }
  const Pressure& pressure() const { return pressure_; }
  const ModelCounters& counters() const { return counters_; }
  // The first broken rule, or "".
  const std::string& error() const { return error_.empty() ? oracle_->error() : error_; }

 private:
  class Attempt;

  // A free on its way into a mailbox.
  struct Poster {
    enum Stage { kIdle, kMailed, kPut, kFirst };
    Stage stage = kIdle;
    void* p = nullptr;
    Shard* shard = nullptr;
    Segment* segment = nullptr;
    Inbox::Kind kind = Inbox::kRun;
    unsigned page = 0;
  };
  struct Purger {
    Segment* segment = nullptr;
    Shard* shard = nullptr;
    PageBits claimed;
  };

  uint32_t SpanStart(const void* p);
  void Fail(const std::string& what);
  void Release(ShardId shard) HZ3_NO_ANALYSIS;
  size_t StagedBytes(const ModelThread& thread) const;
  void Observe(ModelThread& thread);
  void ObserveAll();
  void Answer(ModelThread& thread);
  void CheckBound(ModelThread& thread);
  void ForgetBins(const ModelThread& thread);
  void* MallocDirectly(ModelThread& thread, SizeClass c);
  void* MallocFromCache(ModelThread& thread, SizeClass c);
  void* MallocRun(ModelThread& thread, unsigned pages, unsigned align);
  void* MallocHuge(ModelThread& thread, size_t bytes);
  void* Climb(ModelThread& thread, const Request& request, size_t huge_bytes = 0);
  ShardId HomeOf(const ModelThread& thread) const {
    return thread.cache == nullptr ? ShardId(0) : thread.cache->shard();
  }
  void FreeSlow(ModelThread& thread, SizeClass c, void* p);
  void FreeLarge(ModelThread& thread, void* p) HZ3_NO_ANALYSIS;
  void NoteBroadcast();
  bool SkipTheWait(const ModelThread& self);
  void Relieve();
  void* ResizeHuge(void* p, size_t bytes);
  void Judge(const ModelThread& thread, const Wish& wish);
  void FailAsPromised(const ModelThread& thread, const Wish& wish, const PageOracle::Sight& sight);
  void NoteHidden(const ModelThread& thread, const Wish& wish, const Hidden& hidden);
  void CheckRobbed(const ModelThread& thread);

  const Flaw flaw_;
  const bool can_rob_;
  FakeOsMemory os_;
  Arena arena_;
  MetadataPool pool_;
  ShardTable shards_;
  Registry registry_;
  MemBudget budget_;
  Pressure pressure_;
  std::unique_ptr<PageOracle> oracle_;
  std::vector<std::unique_ptr<ModelThread>> threads_;
  std::vector<bool> held_;
  Poster posters_[kPosters];
  Purger purger_;
  std::function<void(ModelThread&)> answers_;
  uint32_t epoch_ = 0;
  bool climbed_ = false;  // the allocation that failed has come to the ladder
  // During the last climb mail was passed on from a shard to another.
  bool passed_on_ = false;
  ModelCounters counters_;
  std::string error_;
};

}  // namespace hz3::simulation

#endif  // TESTING_SIMULATION_MODEL_HEAP_H_
