#include "hz3/heap.h"

#include <pthread.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "hz3/base/os_memory.h"
#include "hz3/base/random.h"
#include "hz3/base/report.h"
#include "hz3/config/config.h"
#include "hz3/harden/fault_handler.h"
#include "hz3/objects/watched_blocks.h"
#include "hz3/observe/pprof_profile.h"
#include "hz3/policy/budget_settings.h"

namespace hz3 {
namespace {

// The default arena: address space is not memory, but page tables and core dumps of it are paid
// for by use only. At least this, and at least kArenaPerMemory times the machine's memory.
constexpr size_t kDefaultArenaBytes = size_t{512} << 30;
constexpr size_t kArenaPerMemory = 16;
// Under RLIMIT_AS the arena takes three quarters of what is left; the program's own mappings,
// libraries and stacks need the rest.
constexpr size_t kLimitedArenaQuarters = 3;
// Slow paths between two looks at the clock: for what needs no lease, and for the rest.
constexpr uint64_t kClockEvery = 8;
constexpr uint64_t kHousekeepingEvery = 64;
static_assert(kHousekeepingEvery % kClockEvery == 0);
// A block of so many bytes may be a peak of what is in use by itself.
constexpr size_t kNotedBlock = size_t{128} << 10;

pthread_key_t thread_end_key;
// A thread whose cache has ended: it is served directly from now on.
constinit thread_local bool thread_ended = false;

void EndThisThread(void*) { heap.EndThread(); }
void BeforeForkHandler() { heap.BeforeFork(); }
void ParentHandler() { heap.AfterForkInParent(); }
void ChildHandler() { heap.AfterForkInChild(); }
void ExplainFaultAt(const void* address) { heap.ExplainFault(address); }

// Registered as early as can be, at the first allocation of the process: handlers run in reverse
// order before a fork, so those of everybody else have allocated what they need by the time that
// ours takes the leases. pthread_atfork may itself allocate; the heap is ready by then.
void RegisterForkHandlers() {
  // Relaxed: only who is first matters.
  static std::atomic<bool> registered{false};
  if (registered.exchange(true, std::memory_order_relaxed)) return;
  if (pthread_atfork(BeforeForkHandler, ParentHandler, ChildHandler) == 0) return;
  // Out of memory for once: the next thread that starts tries again.
  registered.store(false, std::memory_order_relaxed);
}

// Before there are threads: one that makes its first allocation while another forks, without one of
// its own, would leave the child a lease that nobody gives back.
__attribute__((constructor)) void RegisterForkHandlersAtStart() { RegisterForkHandlers(); }

// Whether there is a key whose destructor ends a thread's cache. Under the heap's first lease.
bool HaveThreadEndKey() {
  static bool made = false;
  made = made || pthread_key_create(&thread_end_key, EndThisThread) == 0;
  return made;
}

// The operator's choice of arena: HZ3_ARENA_MIB, read once; 0 when unset, malformed, or when the
// program runs with raised privileges (AT_SECURE, see secure_getenv(3)).
size_t ArenaMibFromEnvironment() {
  if (getauxval(AT_SECURE) != 0) return 0;
  const char* text = getenv("HZ3_ARENA_MIB");
  if (text == nullptr) return 0;
  size_t value = 0;
  for (const char* p = text; *p != '\0'; ++p) {
    if (*p < '0' || *p > '9' || value > Arena::kMaxBytes >> 20) return 0;
    value = value * 10 + static_cast<size_t>(*p - '0');
  }
  return value;
}

void* NoMemory() {
  errno = ENOMEM;
  return nullptr;
}

}  // namespace

constinit Heap heap;
constinit uintptr_t hot_arena_base = 0;
constinit size_t hot_arena_pages = 0;
constinit const std::atomic<Tag>* hot_tags = nullptr;  // relaxed, see segmap.h
constinit const Tcache Heap::kUnstarted{Tcache::Unstarted{}};
constinit thread_local std::atomic<Tcache*> Heap::thread_cache_{
    const_cast<Tcache*>(&Heap::kUnstarted)};
constinit thread_local uint32_t Heap::slow_paths_to_sample = 0;

size_t Heap::ChosenArenaBytes(bool* fixed) {
  size_t mib = ArenaMibFromEnvironment();
  if (mib == 0) mib = kConfig.arena_mib;
  *fixed = mib != 0;
  if (mib != 0) return RoundUp(mib << 20, kSegmentSize);
  const size_t wanted = std::max(kDefaultArenaBytes, PhysicalMemoryBytes() * kArenaPerMemory);
  const size_t left = AddressSpaceLeft();
  if (left == SIZE_MAX) return wanted;
  return std::min(wanted, left / 4 * kLimitedArenaQuarters);
}

// A fixed arena of n bytes is n bytes of memory in more address space (kConfig.arena_slack_pct):
// what is free but scattered can then be given back and be had in one piece elsewhere. Where the
// address space is refused, it does without.
bool Heap::InitArena(size_t* memory_bytes) {
  bool fixed;
  const size_t bytes = ChosenArenaBytes(&fixed);
  *memory_bytes = fixed ? bytes : MemBudget::kNoLimit;
  wide_bins_ = !fixed && kConfig.wide_bin_bytes > 0;
  const size_t slack = fixed ? RoundUp(bytes / 100 * kConfig.arena_slack_pct, kSegmentSize) : 0;
  return (slack > 0 && arena_.Init(SystemMemory(), bytes + slack, false, sizeof(Span))) ||
         arena_.Init(SystemMemory(), bytes, !fixed, sizeof(Span));
}

// False with nothing done that cannot be done again: the next allocation tries once more.
bool Heap::Init() {
  if (sysconf(_SC_PAGESIZE) != static_cast<long>(kPageSize)) {
    ReportFatal("this build needs pages of 4 KiB; the machine has others");
  }
  size_t memory_bytes;
  if (!HaveThreadEndKey() || !InitArena(&memory_bytes)) return false;
  const unsigned shards = std::clamp(UsableCpus(), 1u, std::min(kConfig.max_shards, kMaxShards));
  pool_.Init(SystemMemory());
  if (!shards_.Init(arena_, shards)) {
    arena_.Destroy();
    return false;
  }
  registry_.Init(shards_, pool_, std::min(memory_bytes, arena_.bytes()));
  budget_.Init(shards_, &registry_);
  budget_.SetMemory(memory_bytes);
  ApplyBudgetSettings(budget_);
  pressure_.Init(shards_, registry_);
  // Where one of these is refused, hz3 does without.
  if constexpr (kConfig.guard_zero_size) zero_blocks_.Init(SystemMemory());
  if constexpr (kConfig.hardened) {
    quarantine_.Init(SystemMemory(), kConfig.quarantine_bytes);
    guarded_blocks_.Init(SystemMemory());
    InstallFaultHandler(ExplainFaultAt);
  }
  hot_arena_base = reinterpret_cast<uintptr_t>(arena_.segmap().base());
  hot_tags = arena_.segmap().tags();
  hot_arena_pages = arena_.segmap().pages();
  return true;
}

bool Heap::EnsureReady() {
  if (ready_.load(std::memory_order_acquire)) [[likely]]
    return true;
  LeaseHolder hold(init_lease_);
  if (ready_.load(std::memory_order_relaxed)) return true;
  if (!Init()) return false;
  ready_.store(true, std::memory_order_release);
  return true;
}

Tcache* Heap::OwnCache() {
  Tcache* cache = thread_cache();
  // One round for each thief that comes by.
  while (cache == &Tcache::kRevoked) {
    registry_.AwaitThief();
    cache = thread_cache();
  }
  return cache == &kUnstarted ? nullptr : cache;
}

Tcache* Heap::StartedCache() {
  Tcache* cache = OwnCache();
  return cache != nullptr ? cache : StartThread();
}

Tcache* Heap::StartThread() {
  if (thread_ended || !EnsureReady()) return nullptr;
  RegisterForkHandlers();
  // That may have allocated, and so have started this thread.
  if (Tcache* started = OwnCache()) return started;
  Tcache* cache = registry_.Start(&thread_cache_);
  if (cache == nullptr) return nullptr;
  // May allocate for a high key: by then the cache is there.
  if (pthread_setspecific(thread_end_key, cache) != 0) {
    EndThread();
    return nullptr;
  }
  return cache;
}

void Heap::EndThread() {
  thread_ended = true;
  Tcache* cache = OwnCache();
  if (cache == nullptr) return;
  registry_.End(cache, const_cast<Tcache*>(&kUnstarted));
}

ShardId Heap::HomeShard() {
  const Tcache* cache = OwnCache();
  return cache == nullptr ? ShardId(0) : cache->shard();
}

// Once in a while, on the slow path: what bins keep, decay, and the beginning and end of scarcity.
void Heap::Housekeeping(Tcache& cache) {
  const uint64_t slow_paths = cache.refills.Get() + cache.flushes.Get();
  if (slow_paths % kClockEvery != 0) return;
  const uint64_t now = MemBudget::NowMs();
  if (budget_.decays()) cache.ShrinkIdleBins(now);
  if (slow_paths % kHousekeepingEvery != 0) return;
  pressure_.Watch(now, &cache);
  budget_.MaybeDecay(shards_[cache.shard()], now);
  budget_.NoteUse();
}

// One allocation on the ladder.
class Heap::Attempt final : public Climber {
 public:
  Attempt(Heap& owner, const Request& request, const HugeBlock* huge, Tcache* cache)
      : owner_(owner), request_(request), huge_(huge), cache_(cache) {}

  void FlushOwn() override {
    if (cache_ != nullptr) cache_->FlushAll(Delivery::kBitmap);
  }
  bool TryShard(unsigned index) override {
    Shard& shard = owner_.shards_[index];
    if (huge_ != nullptr) {
      {
        // What a shard can do for whole slots is to give its empty segments back.
        LeaseHolder hold(shard.lease());
        shard.CollectAll();
        shard.ReleaseEmptySegments();
      }
      block_ = owner_.AllocateHuge(*huge_);
      return block_ != nullptr;
    }
    LeaseHolder hold(shard.lease());
    shard.CollectAll();
    bool clean;
    const SizeClass c = request_.size_class;
    if (c == SizeClass(0)) {
      block_ = shard.AllocateRun(static_cast<unsigned>(request_.pages), request_.align, kTagLarge,
                                 kLadderEffort, &clean);
    } else {
      shard.Refill(c, &block_, 1, kLadderEffort);
    }
    return block_ != nullptr;
  }
  void* block() const { return block_; }

 private:
  Heap& owner_;
  const Request& request_;
  const HugeBlock* const huge_;
  Tcache* const cache_;
  void* block_ = nullptr;
};

void* Heap::Climb(const Request& request, const HugeBlock* huge) {
  Tcache* cache = OwnCache();
  Attempt attempt(*this, request, huge, cache);
  if (cache == nullptr) {
    pressure_.Climb(request, HomeShard().value(), nullptr, attempt);
  } else {
    Tcache::BusyScope busy(*cache);
    pressure_.Climb(request, cache->shard().value(), cache, attempt);
  }
  return attempt.block();
}

void* Heap::AllocateSlow(size_t bytes) {
  if (bytes <= kMaxBinnedSize) {
    void* p = kConfig.guard_zero_size && bytes == 0 ? AllocateZeroSize() : nullptr;
    return p != nullptr ? p : AllocateClassSlow(ClassOf(bytes));
  }
  if (bytes <= kMaxWideSize) return AllocateWide(bytes);
  return AllocateLarge(bytes, kPageSize, false);
}

// Without a bin, or when the shards have no run of the class's length at hand: as exactly as many
// pages as are needed, with all that the ladder can do.
void* Heap::AllocateWide(size_t bytes) {
  const SizeClass c = WideClassOf(PagesFor(bytes));
  Tcache* cache = thread_cache();
  void* p = cache->TryPop(c);
  if (p != nullptr) [[likely]]
    return p;
  if (kConfig.wider_bin && c.value() + 1u < kClasses) {
    p = cache->TryPop(SizeClass(c.value() + 1u));
    if (p != nullptr) return p;
  }
  p = RefillWide(c);
  if (p == nullptr) return AllocateLarge(bytes, kPageSize, false);
  if (profile_.sampling()) [[unlikely]]
    NoteIfWatched(p);
  if (bytes >= kNotedBlock) budget_.NoteUse();
  return p;
}

// Where memory never decays, time counts more than memory.
bool Heap::UsesWideBins(Tcache& cache) {
  return wide_bins_ && !registry_.scarce() && (!budget_.decays() || cache.UsesWideBins());
}

bool Heap::GivesRoomToGrow() {
  Tcache* cache = OwnCache();
  return cache != nullptr && wide_bins_ && (!budget_.decays() || cache->GivesRoomToGrow());
}

void* Heap::RefillWide(SizeClass c) {
  const int saved = errno;
  Tcache* cache = StartedCache();
  if (cache == nullptr || !UsesWideBins(*cache)) return nullptr;
  void* p = nullptr;
  {
    Tcache::BusyScope busy(*cache);
    cache->AnswerBroadcast();
    Housekeeping(*cache);
    p = cache->CachedObjects(c) > 0 ? cache->Pop(c) : cache->Refill(c);
  }
  if (arena_.meter().alarmed()) [[unlikely]]
    budget_.Relieve();
  errno = saved;
  return p;
}

void* Heap::AllocateClassSlow(SizeClass c) {
  const int saved = errno;
  const auto allocate = [&] {
    Tcache* cache = StartedCache();
    return cache != nullptr ? AllocateFromCache(*cache, c) : AllocateDirectly(c);
  };
  void* p = allocate();
  if (p == nullptr) p = budget_.callback().AskAndRetry(InfoOf(c).size, allocate);
  if (p == nullptr) return NoMemory();
  if (profile_.sampling()) [[unlikely]]
    NoteIfWatched(p);
  if (arena_.meter().alarmed()) [[unlikely]]
    budget_.Relieve();
  errno = saved;
  return p;
}

void* Heap::AllocateFromCache(Tcache& cache, SizeClass c) {
  Tcache::BusyScope busy(cache);
  cache.AnswerBroadcast();
  Housekeeping(cache);
  // A watched block is next; or StartThread has allocated and so filled this bin already.
  if (cache.CachedObjects(c) > 0) return cache.Pop(c);
  const Request request{c, InfoOf(c).pages, 1};
  if (pressure_.FailsAgain(request, [&] { cache.FlushAll(Delivery::kBitmap); })) return nullptr;
  void* p = cache.Refill(c);
  if (p != nullptr) [[likely]]
    return p;
  if (budget_.MakeRoom(request.pages)) {
    p = cache.Refill(c);
    if (p != nullptr) return p;
  }
  return Climb(request);
}

void* Heap::AllocateDirectly(SizeClass c) {
  if (!EnsureReady()) return nullptr;
  void* p = nullptr;
  {
    Shard& shard = shards_[HomeShard()];
    LeaseHolder hold(shard.lease());
    shard.Refill(c, &p, 1, kFullEffort);
  }
  return p != nullptr ? p : Climb({c, InfoOf(c).pages, 1});
}

void* Heap::AllocateAligned(size_t bytes, size_t align) {
  if (align <= kPageSize) {
    const SizeClass c = AlignedClassOf(bytes, align);
    if (c != SizeClass(0)) {
      Tcache* cache = thread_cache();
      void* p = cache->top[c.value()][-1];
      if (p == nullptr) return AllocateClassSlow(c);
      --cache->top[c.value()];
      return p;
    }
  }
  if (align <= kPageSize && bytes <= kMaxWideSize) return AllocateWide(bytes);
  return AllocateLarge(std::max<size_t>(bytes, 1), align, false);
}

void* Heap::AllocateLarge(size_t bytes, size_t align, bool zero) {
  if (bytes > PTRDIFF_MAX || align > Arena::kMaxBytes) return NoMemory();
  const int saved = errno;
  // Started also for its own sake: a thread that only has large blocks is a thread of a shard too.
  StartedCache();
  if (!EnsureReady()) return NoMemory();
  const size_t pages = PagesFor(bytes);
  // What no arena or limit of this size can ever hold is not worth disturbing all threads for.
  if (pages > arena_.segmap().pages() || pages > arena_.meter().limit()) return NoMemory();
  const auto allocate = [&] { return AllocatePages(bytes, align, zero); };
  void* p = allocate();
  if (p == nullptr) p = budget_.callback().AskAndRetry(bytes, allocate);
  if (p == nullptr) return NoMemory();
  if (profile_.sampling()) [[unlikely]]
    MaybeSample(p, pages * kPageSize);
  if (bytes >= kNotedBlock) budget_.NoteUse();
  if (arena_.meter().alarmed()) [[unlikely]]
    budget_.Relieve();
  errno = saved;
  return p;
}

void* Heap::AllocatePages(size_t bytes, size_t align, bool zero) {
  const size_t pages = PagesFor(bytes);
  const unsigned align_pages = static_cast<unsigned>(std::max<size_t>(align >> kPageShift, 1));
  if (pages <= kMaxRunPages && align <= kSegmentSize) {
    bool clean = false;
    void* p = AllocateRun(static_cast<unsigned>(pages), align_pages, &clean);
    if (p != nullptr && zero && !clean) ZeroRun(p, pages * kPageSize);
    return p;
  }
  const HugeBlock block{bytes, align, zero};
  void* p = AllocateHuge(block);
  if (p != nullptr) return p;
  return Climb({SizeClass(0), std::max<size_t>(pages, kMaxRunPages + 1), align_pages}, &block);
}

// Pages that were handed out before need not have been touched: to write zeroes there would make
// them take memory. Where few of them do, the kernel empties those.
void Heap::ZeroRun(void* p, size_t bytes) {
  if (bytes >= kConfig.calloc_purge_bytes) {
    // Also where none does: pages that are swapped out do not count.
    OsMemory& os = arena_.os();
    const size_t pages = bytes / kPageSize;
    const bool few = os.ResidentPages(p, bytes).value_or(pages) * 2 < pages;
    if (few && os.Purge(p, bytes)) return;
  }
  memset(p, 0, bytes);
}

void* Heap::AllocateHuge(const HugeBlock& block) {
  return Large(arena_, kTagHuge).Allocate(block.bytes, block.align, block.zero);
}

// Pages that hold memory before fresh ones, wherever they lie; for a block that is longer than
// those of wide bins also what lies there, when fresh pages would be written: that takes longer
// than to empty the bins.
void* Heap::AllocateRun(unsigned pages, unsigned align, bool* clean) {
  Shard& shard = shards_[HomeShard()];
  const bool bins_first = kConfig.wide_bins_first && pages > kMaxWidePages;
  for (const bool last : {false, true}) {
    void* p = nullptr;
    MemoryRange fresh;
    {
      LeaseHolder hold(shard.lease());
      if (shard.dirty_free_pages() >= pages) {
        p = shard.AllocateRun(pages, align, kTagLarge, kDirtyEffort, clean);
      }
      if (p == nullptr && (last || !bins_first || !shard.ExpectsWrites())) {
        p = shard.AllocateRun(pages, align, kTagLarge, kFullEffort, clean);
      }
      if (p != nullptr) fresh = shard.TakeToPopulate();
    }
    arena_.Populate(fresh);
    arena_.CommitAhead();
    if (p != nullptr) return p;
    if (!bins_first) break;
    if (!last) EmptyWideBins();
  }
  *clean = false;
  return Climb({SizeClass(0), pages, align});
}

void Heap::EmptyWideBins() {
  Tcache* cache = OwnCache();
  if (cache == nullptr) return;
  Tcache::BusyScope busy(*cache);
  cache->EmptyWideBins();
}

void Heap::FreeSlow(void* p) {
  if (p == nullptr) return;
  const Tag tag = arena_.segmap().Lookup(p);
  if (tag >= kTagPrivate) {
    tag == kTagPrivate ? FreePrivate(p) : tag == kTagWatched ? FreeOnWatchedPage(p) : FreeLarge(p);
    return;
  }
  if (tag == 0) {
    if (FreeGuarded(p)) return;
    ReportBadFree(p);
  }
  FreeInClass(SizeClass(tag), p, false);
}

void Heap::FreeInClass(SizeClass c, void* p, bool watched) {
  const int saved = errno;
  Tcache* cache = StartedCache();
  if (cache == nullptr) {
    if (watched) registry_.watched().Unwatch(p);
    FreeDirectly(c, p);
  } else {
    Tcache::BusyScope busy(*cache);
    cache->AnswerBroadcast();
    Housekeeping(*cache);
    cache->Accept(c, p, watched);
  }
  errno = saved;
}

// Most blocks here are a watched one's neighbours: what the hot path would have done is done here.
void Heap::FreeOnWatchedPage(void* p) {
  const SizeClass c(PlainTagOf(p));
  const bool watched = registry_.watched().IsWatched(p);
  if (!watched && thread_cache()->Push(c, p)) return;
  if (watched) profile_.NoteFree(p);
  FreeInClass(c, p, watched);
}

void Heap::FreeDirectly(SizeClass c, void* p) {
  Shard& shard = shards_[shards_.OwnerOf(p)];
  LeaseHolder hold(shard.lease());
  shard.FreeObjects(c, &p, 1);
}

void Heap::FreeLarge(void* p) {
  const int saved = errno;
  ForgetSample(p);
  const PageIndex page = arena_.segmap().PageOf(p);
  if (arena_.segmap().Get(page) == kTagHuge) {
    if (arena_.segmap().AddressOf(page) != p) ReportMisuse(Misuse::kInteriorPointer, p);
    Large(arena_, kTagHuge).Free(page);
    shards_[0].NotePost();
    budget_.RelieveAfterFree();
  } else {
    Shard& shard = shards_[shards_.OwnerOf(p)];
    if (shard.lease().TryLock()) {
      shard.FreeRun(p);
      shard.lease().Unlock();
    } else if (shard.id() == HomeShard()) {
      LeaseHolder hold(shard.lease());
      shard.FreeRun(p);
    } else {
      shard.PostRun(p);
    }
  }
  errno = saved;
}

void Heap::FreePrivate(void* p) {
  PrivateHeap& owner = *PrivateHeap::Of(arena_, p);
  void* run;
  {
    LeaseHolder hold(owner.lease());
    run = owner.Free(p);
  }
  if (run != nullptr) FreeLarge(run);
}

void Heap::ReportBadFree(void* p) const {
  if (!arena_.segmap().Contains(p)) ReportMisuse(Misuse::kForeignPointer, p);
  const PageIndex page = arena_.segmap().PageOf(p);
  if (SlotOf(page).value() >= arena_.used_slots()) ReportMisuse(Misuse::kForeignPointer, p);
  const Segment& segment = arena_.segment(SlotOf(page));
  switch (segment.use()) {
    case Segment::Use::kHugeHead:
    case Segment::Use::kHugeTail:
      ReportMisuse(Misuse::kInteriorPointer, p);
    case Segment::Use::kSegment:
      if (!segment.IsFree(PageInSegment(page))) ReportMisuse(Misuse::kInteriorPointer, p);
      [[fallthrough]];
    case Segment::Use::kUnused:
      break;
  }
  if (!segment.dirty_bits().Test(PageInSegment(page))) ReportMisuse(Misuse::kForeignPointer, p);
  ReportMisuse(Misuse::kDoubleFree, p);
}

size_t Heap::UsableSize(const void* p) {
  if (p == nullptr) return 0;
  const Tag tag = PlainTagOf(p);
  if (tag == kTagHuge) {
    // Large::UsableSize reads the head slot only.
    return RoundUp(arena_.segment(SlotOf(arena_.segmap().PageOf(p))).huge.bytes, kPageSize);
  }
  if (tag == kTagLarge) {
    const PageIndex page = arena_.segmap().PageOf(p);
    const Segment& segment = arena_.segment(SlotOf(page));
    const unsigned noted = segment.NotedLength(PageInSegment(page));
    if (noted > 0) [[likely]]
      return size_t{noted} * kPageSize;
    // The run ends where the next one or a free page begins: the neighbour's bits, which its carve
    // changes one after the other. Hence the lease.
    LeaseHolder hold(shards_[shards_.OwnerOf(p)].lease());
    return size_t{segment.RunLength(PageInSegment(page))} * kPageSize;
  }
  if (tag == kTagPrivate) return PrivateHeap::UsableSize(arena_, p);
  if (tag != 0) return kClassTable[tag].size;
  if (guarded_pool_.Contains(p)) return guarded_pool_.UsableSize(p);
  if (zero_blocks_.Contains(p) && zero_blocks_.IsLive(p)) return 0;
  ReportMisuse(Misuse::kForeignPointer, p);
}

void* Heap::AllocateZeroSize() { return EnsureReady() ? zero_blocks_.Allocate() : nullptr; }

// Draws when the thread's next one is due before anything else: the unwinder may allocate. A block
// that a profile has sampled stays.
void* Heap::SampleGuarded(size_t bytes, const void* p) {
  const bool due = slow_paths_to_sample != 0;
  constexpr uint32_t kMean = std::max(kConfig.guarded_sample_refills, 1u);
  slow_paths_to_sample = 1 + kMean / 2 + RandomBelow(kMean);
  if (!due || bytes == 0 || bytes > GuardedPool::kMaxSize || !EnsureReady()) return nullptr;
  if (p != nullptr && profile_.has_run() && registry_.watched().IsWatched(p)) return nullptr;
  const int saved = errno;
  void* guarded = nullptr;
  if (guarded_pool_.ready() || guarded_pool_.Init(SystemMemory())) {
    InstallFaultHandler(ExplainFaultAt);
    guarded = guarded_pool_.Allocate(bytes);
  }
  errno = saved;
  return guarded;
}

bool Heap::FreeGuarded(void* p) {
  if (guarded_pool_.Contains(p)) {
    const int saved = errno;
    guarded_pool_.Free(p);
    errno = saved;
    return true;
  }
  if (!zero_blocks_.Contains(p)) return false;
  if (!zero_blocks_.Free(p)) ReportMisuse(Misuse::kDoubleFree, p);
  return true;
}

void Heap::ExplainFault(const void* address) {
  GuardedBlock block;
  if (guarded_pool_.Contains(address)) {
    guarded_pool_.ReportFault(address);
  } else if (zero_blocks_.Contains(address)) {
    Describe(Misuse::kZeroSizeAccess, address);
  } else if (guarded_blocks_.Explain(address, &block)) {
    Describe(block.freed                                        ? Misuse::kAccessAfterFree
             : static_cast<const char*>(address) < block.data() ? Misuse::kAccessBefore
                                                                : Misuse::kAccessBehind,
             address);
  }
}

// Only where that disturbs nobody: exit may be called by a signal's handler in the midst of a slow
// path, whose leases are then held by this very thread.
void Heap::CheckAtExit() {
  Tcache* cache = OwnCache();
  if (cache == nullptr || cache->busy()) return;
  Shard& own = shards_[cache->shard()];
  if (!own.lease().TryLock()) return;
  own.lease().Unlock();
  ReleaseThread();
  for (unsigned i = 0; i < shards_.count(); ++i) {
    if (!shards_[i].lease().TryLock()) continue;
    shards_[i].CollectHandedOver();
    shards_[i].lease().Unlock();
  }
}

// Runs and pointers that are no blocks are left to the free.
void Heap::CheckSize(const void* p, size_t bytes) {
  const Tag tag = arena_.segmap().Lookup(p);
  if (tag == 0 || tag == kTagLarge) return;
  if (bytes > UsableSize(p)) ReportMisuse(Misuse::kWrongSize, p);
}

void* Heap::ResizeInPlace(void* p, size_t bytes) {
  const Tag tag = PlainTagOf(p);
  if (bytes > PTRDIFF_MAX) return nullptr;
  const bool is_run = tag == kTagHuge || tag == kTagLarge || IsWide(tag);
  if (is_run && reinterpret_cast<uintptr_t>(p) % kPageSize != 0) {
    ReportMisuse(Misuse::kInteriorPointer, p);
  }
  // A block of another size is another sample. One that moves is nobody's in between.
  if (tag == kTagHuge && bytes > kSegmentSize) {
    const size_t had = UsableSize(p);
    const bool sampled = ForgetSample(p);
    void* resized = Large(arena_, kTagHuge).Resize(arena_.segmap().PageOf(p), bytes);
    // What it has left is free, for those too who have asked in vain.
    if (resized != nullptr) shards_[0].NotePost();
    if (sampled && resized == nullptr) Sample(p, had);
    if (profile_.sampling() && resized != nullptr) [[unlikely]]
      MaybeSample(resized, PagesFor(bytes) * kPageSize);
    if (arena_.meter().alarmed()) [[unlikely]]
      budget_.Relieve();
    return resized;
  }
  if ((tag == kTagLarge || IsWide(tag)) && bytes > kMaxBinnedSize && bytes <= kSegmentSize) {
    const size_t pages = PagesFor(bytes);
    Shard& shard = shards_[shards_.OwnerOf(p)];
    {
      LeaseHolder hold(shard.lease());
      if (!shard.ResizeRun(p, static_cast<unsigned>(pages))) return nullptr;
    }
    ForgetSample(p);
    if (profile_.sampling()) [[unlikely]]
      MaybeSample(p, pages * kPageSize);
    return p;
  }
  return nullptr;
}

Tag Heap::PlainTagOf(const void* p) {
  const Segmap& segmap = arena_.segmap();
  return segmap.Contains(p) ? PlainTag(arena_, segmap.PageOf(p)) : Tag{0};
}

// The thread has taken p from a bin. What cannot be noted need not be watched.
void Heap::NoteIfWatched(void* p) {
  if (!registry_.watched().IsWatched(p)) return;
  const int saved = errno;
  if (!profile_.NoteAllocation(p, InfoOf(SizeClass(PlainTagOf(p))).size)) {
    registry_.watched().Unwatch(p);
  }
  errno = saved;
}

// p came from no bin: its bytes pass the thread's sample points here.
void Heap::MaybeSample(void* p, size_t bytes) {
  Tcache* cache = OwnCache();
  if (cache == nullptr) return;
  {
    Tcache::BusyScope busy(*cache);
    cache->AnswerBroadcast();
    if (!cache->sample_points().Pass(bytes)) return;
  }
  Sample(p, bytes);
}

void Heap::Sample(void* p, size_t bytes) {
  const int saved = errno;
  registry_.watched().Watch(p, arena_.segmap().Lookup(p));
  if (!profile_.NoteAllocation(p, bytes)) registry_.watched().Unwatch(p);
  errno = saved;
}

// p, which goes to no bin, is not what was sampled any more. Whether it was sampled.
bool Heap::ForgetSample(void* p) {
  if (!profile_.has_run()) [[likely]]
    return false;
  if (!registry_.watched().IsWatched(p)) return false;
  profile_.NoteFree(p);
  registry_.watched().Unwatch(p);
  return true;
}

bool Heap::StartProfile(size_t interval, uint64_t seed) {
  if (!EnsureReady()) return false;
  LeaseHolder hold(profile_lease_);
  registry_.SetSampling(interval, seed);
  if (!profile_.Start(SystemMemory(), interval)) {
    registry_.SetSampling(0, 0);
    return false;
  }
  FollowSampling();
  return true;
}

void Heap::StopProfile() {
  if (!EnsureReady()) return;
  LeaseHolder hold(profile_lease_);
  profile_.Stop();
  registry_.SetSampling(0, 0);
  FollowSampling();
}

// What lies in the bins has passed no sample points: all threads empty them when they come by.
void Heap::FollowSampling() {
  Tcache* cache = StartedCache();
  if (cache == nullptr) {
    registry_.Broadcast(nullptr);
  } else {
    Tcache::BusyScope busy(*cache);
    registry_.Broadcast(cache);
  }
}

int Heap::WriteProfile(const char* default_figure, int fd) {
  if (!profile_.has_run()) return EINVAL;
  LeaseHolder hold(profile_lease_);
  profile_.MeasureFragmentation(shards_);
  return WritePprofProfile(profile_, SystemMemory(), default_figure, fd);
}

void Heap::ReleaseThread() {
  Tcache* cache = OwnCache();
  if (cache == nullptr) return;
  Tcache::BusyScope busy(*cache);
  cache->FlushAll(Delivery::kBitmap);
}

size_t Heap::Trim() {
  if (!EnsureReady()) return 0;
  ReleaseThread();
  for (unsigned i = 0; i < shards_.count(); ++i) {
    LeaseHolder hold(shards_[i].lease());
    shards_[i].CollectAll();
    shards_[i].ReleaseEmptySegments();
  }
  return budget_.Purge(SIZE_MAX) * kPageSize;
}

uint64_t Heap::Activity() {
  if (!EnsureReady()) return 0;
  uint64_t sum = shards_.Releases();
  for (unsigned i = 0; i < shards_.count(); ++i) sum += shards_[i].counters().refills.Get();
  return sum;
}

void Heap::LetDecay() {
  if (!EnsureReady()) return;
  const uint64_t now = MemBudget::NowMs();
  for (unsigned i = 0; i < shards_.count(); ++i) budget_.MaybeDecay(shards_[i], now);
}

size_t Heap::TrimIdle() {
  if (!EnsureReady()) return 0;
  idle_purges_.fetch_add(1, std::memory_order_relaxed);
  if constexpr (kConfig.idle_steal) registry_.RobOthers(OwnCache());
  return Trim();
}

Stats Heap::GetStats() {
  if (!EnsureReady()) return Stats();
  budget_.NoteUse();
  Stats stats = GatherStats(shards_, registry_, budget_, pressure_, pool_.bytes());
  stats.idle_purges = idle_purges_.load(std::memory_order_relaxed);
  stats.private_heaps = private_heaps_.load(std::memory_order_relaxed);
  return stats;
}

ClassStatsTable Heap::GetClassStats() {
  if (!EnsureReady()) return {};
  return GatherClassStats(shards_, registry_);
}

// Leases in their order: gate, registry, purge, shards, arena, pool, callback, heaps. Handlers
// registered later run before this one and may still allocate.
void Heap::BeforeFork() HZ3_NO_ANALYSIS {
  if (!EnsureReady()) return;
  profile_lease_.Lock();
  pressure_.LockForFork();
  registry_.LockForFork();
  arena_.purge_lease().Lock();
  for (unsigned i = 0; i < shards_.count(); ++i) shards_[i].LockForFork();
  arena_.LockForFork();
  pool_.LockForFork();
  guarded_pool_.LockForFork();
  quarantine_.LockForFork();
  guarded_blocks_.LockForFork();
  budget_.callback().LockForFork();
  registry_.watched().LockForFork();
  profile_.LockForFork();
  for (PaddedLease& padded : private_leases_) padded.lease.Lock();
}

void Heap::AfterForkInParent() HZ3_NO_ANALYSIS {
  if (!ready_.load(std::memory_order_relaxed)) return;
  for (PaddedLease& padded : private_leases_) padded.lease.Unlock();
  profile_.UnlockAfterFork();
  registry_.watched().UnlockAfterFork();
  budget_.callback().UnlockAfterFork();
  guarded_blocks_.UnlockAfterFork();
  quarantine_.UnlockAfterFork();
  guarded_pool_.UnlockAfterFork();
  pool_.UnlockAfterFork();
  arena_.UnlockAfterFork();
  for (unsigned i = shards_.count(); i > 0; --i) shards_[i - 1].UnlockAfterFork();
  arena_.purge_lease().Unlock();
  registry_.UnlockAfterFork();
  pressure_.UnlockAfterFork();
  profile_lease_.Unlock();
}

void Heap::AfterForkInChild() HZ3_NO_ANALYSIS {
  if (!ready_.load(std::memory_order_relaxed)) return;
  for (PaddedLease& padded : private_leases_) padded.lease.ResetAfterFork();
  profile_.ResetAfterFork();
  profile_lease_.ResetAfterFork();
  budget_.callback().ResetAfterFork();
  guarded_blocks_.ResetAfterFork();
  quarantine_.ResetAfterFork();
  guarded_pool_.ResetAfterFork();
  pool_.ResetAfterFork();
  arena_.ResetAfterFork();
  for (unsigned i = 0; i < shards_.count(); ++i) shards_[i].ResetAfterFork();
  pressure_.ResetAfterFork();
  registry_.ResetAfterFork(OwnCache());
}

}  // namespace hz3
