#include "testing/simulation/model_heap.h"

#include <algorithm>
#include <sstream>

#include "hz3/base/thread_barrier.h"
#include "hz3/config/config.h"
#include "hz3/thread/remote_stash.h"

namespace hz3 {

// The one step of a post that no public function makes alone.
class ShardPeer {
 public:
  static void Announce(Shard& shard, Segment& segment) {
    shard.mail_.Push(segment.slot(), segment.inbox);
  }
};

namespace simulation {
namespace {

// What tcache.h says of bins that were only just opened, all classes together.
constexpr size_t kFirstCapacities = size_t{7} << 20;
// With a flaw in free, one page of so many is affected.
constexpr uint64_t kFlawEvery = 500;

Large HugeBlocks(Arena& arena) { return Large(arena, kTagHuge); }

}  // namespace

ModelHeap::ModelHeap(unsigned slots, size_t memory_bytes, unsigned shards, Flaw flaw)
    : flaw_(flaw), can_rob_(kConfig.idle_steal && BarrierOnAllThreads()), held_(shards, false) {
  if (!arena_.Init(os_, slots * kSegmentSize, false, sizeof(Span))) error_ = "no arena";
  pool_.Init(os_);
  if (!shards_.Init(arena_, shards)) error_ = "no shards";
  registry_.Init(shards_, pool_, std::min(memory_bytes, arena_.bytes()));
  budget_.Init(shards_, &registry_);
  budget_.SetMemory(memory_bytes);
  pressure_.Init(shards_, registry_);
  oracle_ = std::make_unique<PageOracle>(static_cast<const char*>(arena_.segmap().base()), slots,
                                         [this](const void* p) { return SpanStart(p); });
}

ModelHeap::~ModelHeap() {
  for (auto& thread : threads_) thread->in_slow_path.reset();
  arena_.Destroy();
}

uint32_t ModelHeap::SpanStart(const void* p) {
  return SpanTable::Find(arena_, arena_.segmap().PageOf(p)).first_page().value();
}

void ModelHeap::Fail(const std::string& what) {
  if (error().empty()) error_ = what;
}

// -- What lies in the bins -----------------------------------------------------------------------

size_t ModelHeap::StagedBytes(const ModelThread& thread) const {
  size_t in_bins = 0;
  for (unsigned i = 1; i < kClasses; ++i) {
    const SizeClass c(static_cast<uint8_t>(i));
    in_bins += size_t{thread.cache->CachedObjects(c)} * InfoOf(c).size;
  }
  return thread.cache->CachedBytes() - in_bins;
}

// Tells the oracle what a call has made of the thread's bins.
void ModelHeap::Observe(ModelThread& thread) {
  if (thread.cache == nullptr) return;
  const bool staged = StagedBytes(thread) > 0;
  const auto left_to = [&](const void* p) {
    const bool small = IsSmall(oracle_->BlockAt(oracle_->PageOf(p))->size_class.value());
    const bool foreign = shards_.OwnerOf(p) != thread.cache->shard();
    return staged && small && foreign ? Place::kStaged : Place::kHeap;
  };
  SizeClass changed[kClasses];
  unsigned n_changed = 0;
  for (unsigned i = 1; i < kClasses; ++i) {
    const SizeClass c(static_cast<uint8_t>(i));
    const unsigned n = thread.cache->CachedObjects(c);
    const std::vector<void*>& known = oracle_->bin(thread.holder, c);
    void** const entries = thread.cache->top[i] - n;
    if (n == known.size() && std::equal(known.begin(), known.end(), entries)) continue;
    changed[n_changed++] = c;
    oracle_->ObserveLeft(thread.holder, c, entries, n, left_to);
  }
  for (unsigned i = 0; i < n_changed; ++i) {
    const unsigned n = thread.cache->CachedObjects(changed[i]);
    oracle_->ObserveNew(thread.holder, changed[i], thread.cache->top[changed[i].value()] - n, n);
  }
  if (!staged) oracle_->NothingStaged(thread.holder);
  CheckBound(thread);
}

void ModelHeap::ObserveAll() {
  for (auto& thread : threads_) Observe(*thread);
}

void ModelHeap::CheckBound(ModelThread& thread) {
  thread.bound = std::max(thread.bound, registry_.ThreadBytes());
  const size_t bytes = thread.cache->CachedBytes();
  const size_t promised = std::max(thread.bound, kFirstCapacities);
  if (bytes > promised) {
    counters_.most_over_header = std::max(counters_.most_over_header, bytes - promised);
  }
  if (bytes > thread.bound + kFirstCapacities + RemoteStash::kMaxBytes) {
    Fail("a thread's bins hold more than they may: " + std::to_string(bytes) + " bytes");
  }
}

// -- malloc --------------------------------------------------------------------------------------

void ModelHeap::Answer(ModelThread& thread) {
  NoteBroadcast();
  thread.cache->AnswerBroadcast();
  if (thread.owes_answer) ++counters_.answers;
  thread.owes_answer = thread.out_of_reach = false;
}

void ModelHeap::AnswerInSlowPath(ModelThread& thread) {
  Release(thread.cache->shard());
  Tcache::BusyScope busy(*thread.cache);
  Answer(thread);
  Observe(thread);
}

void* ModelHeap::Malloc(ModelThread& thread, SizeClass c) {
  void* p = thread.cache == nullptr ? nullptr : thread.handle.load()->top[c.value()][-1];
  if (p != nullptr) {
    --thread.cache->top[c.value()];
    oracle_->PopBin(thread.holder, c, p);
    return p;
  }
  p = thread.cache == nullptr ? MallocDirectly(thread, c) : MallocFromCache(thread, c);
  if (p == nullptr) {
    Judge(thread, {IsSmall(c.value()) ? c : SizeClass(0), InfoOf(c).pages, 1});
    return nullptr;
  }
  oracle_->HandOut(p, c, InfoOf(c).pages);
  Relieve();
  return p;
}

void* ModelHeap::MallocFromCache(ModelThread& thread, SizeClass c) {
  Release(thread.cache->shard());
  // While memory is scarce, a refill waits for the leases of other shards too.
  if (registry_.scarce()) ReleaseLeases();
  Tcache::BusyScope busy(*thread.cache);
  Answer(thread);
  void* p = thread.cache->Refill(c);
  Observe(thread);
  if (p != nullptr) return p;
  ReleaseLeases();
  if (budget_.MakeRoom(InfoOf(c).pages)) {
    p = thread.cache->Refill(c);
    Observe(thread);
    if (p != nullptr) return p;
  }
  return Climb(thread, {c, InfoOf(c).pages, 1});
}

void* ModelHeap::MallocDirectly(ModelThread& thread, SizeClass c) {
  void* p = nullptr;
  Release(HomeOf(thread));
  {
    Shard& shard = shards_[HomeOf(thread)];
    LeaseHolder hold(shard.lease());
    shard.Refill(c, &p, 1, kFullEffort);
  }
  return p != nullptr ? p : Climb(thread, {c, InfoOf(c).pages, 1});
}

void* ModelHeap::MallocPages(ModelThread& thread, size_t bytes, unsigned align_pages) {
  const size_t pages = PagesFor(bytes);
  const bool run = pages <= kMaxRunPages;
  void* p = nullptr;
  climbed_ = false;
  if (pages <= arena_.segmap().pages() && pages <= arena_.meter().limit()) {
    p = run ? MallocRun(thread, static_cast<unsigned>(pages), align_pages)
            : MallocHuge(thread, bytes);
  }
  if (p == nullptr) {
    Judge(thread, {SizeClass(0), pages, align_pages});
    return nullptr;
  }
  oracle_->HandOut(p, SizeClass(0), run ? pages : SlotsFor(bytes) * kPagesPerSegment);
  Relieve();
  return p;
}

void* ModelHeap::MallocRun(ModelThread& thread, unsigned pages, unsigned align) {
  Release(HomeOf(thread));
  {
    Shard& shard = shards_[HomeOf(thread)];
    LeaseHolder hold(shard.lease());
    bool clean = false;
    void* p = shard.AllocateRun(pages, align, kTagLarge, kFullEffort, &clean);
    if (clean && *static_cast<uint64_t*>(p) != 0) Fail("a run that is called clean is not zero");
    if (p != nullptr) return p;
  }
  return Climb(thread, {SizeClass(0), pages, align});
}

void* ModelHeap::MallocHuge(ModelThread& thread, size_t bytes) {
  ++counters_.huge;
  void* p = HugeBlocks(arena_).Allocate(bytes, kPageSize, false);
  if (p != nullptr) return p;
  return Climb(thread, {SizeClass(0), std::max<size_t>(PagesFor(bytes), kMaxRunPages + 1), 1},
               bytes);
}

// -- The ladder ----------------------------------------------------------------------------------

class ModelHeap::Attempt final : public Climber {
 public:
  // huge_bytes: of a block of whole slots, else 0.
  Attempt(ModelHeap& heap, ModelThread& self, const Request& request, size_t huge_bytes)
      : heap_(heap), self_(self), request_(request), huge_bytes_(huge_bytes) {}

  void FlushOwn() override {
    if (self_.cache != nullptr) self_.cache->FlushAll(Delivery::kBitmap);
    heap_.Observe(self_);
  }
  bool TryShard(unsigned index) override {
    const unsigned count = heap_.shards_.count();
    if (broadcast_) LetAnswer();
    // All shards were looked into since anybody left mail: this has been passed on.
    if (looks_++ > count && heap_.shards_[index].HasMail()) heap_.passed_on_ = true;
    if (Try(index)) return true;
    // The first look is rung 1, one round is rung 3.
    if (++tried_ == 1 + count) broadcast_ = heap_.SkipTheWait(self_);
    return false;
  }
  void* block() const { return block_; }

 private:
  bool Try(unsigned index) {
    Shard& shard = heap_.shards_[index];
    if (heap_.flaw_ == Flaw::kOnlyOwnShard && index != heap_.HomeOf(self_).value()) return false;
    if (huge_bytes_ > 0) {
      {
        LeaseHolder hold(shard.lease());
        if (heap_.flaw_ != Flaw::kDoNotCollect) shard.CollectAll();
        shard.ReleaseEmptySegments();
      }
      block_ = HugeBlocks(heap_.arena_).Allocate(huge_bytes_, kPageSize, false);
      return block_ != nullptr;
    }
    LeaseHolder hold(shard.lease());
    if (heap_.flaw_ != Flaw::kDoNotCollect) shard.CollectAll();
    bool clean;
    if (request_.size_class == SizeClass(0)) {
      block_ = shard.AllocateRun(static_cast<unsigned>(request_.pages), request_.align, kTagLarge,
                                 kLadderEffort, &clean);
    } else {
      shard.Refill(request_.size_class, &block_, 1, kLadderEffort);
    }
    return block_ != nullptr;
  }
  // After the broadcast each thread that runs comes by once.
  void LetAnswer() {
    broadcast_ = false;
    looks_ = 1;
    heap_.NoteBroadcast();
    heap_.ObserveAll();
    for (auto& thread : heap_.threads_) {
      if (thread.get() == &self_ || thread->asleep || thread->cache == nullptr) continue;
      if (heap_.flaw_ == Flaw::kDoNotAnswer) {
        thread->owes_answer = false;
      } else if (heap_.answers_) {
        heap_.answers_(*thread);
        heap_.ReleaseLeases();
      }
    }
  }

  ModelHeap& heap_;
  ModelThread& self_;
  const Request& request_;
  const size_t huge_bytes_;
  bool broadcast_ = false;
  unsigned tried_ = 0;
  unsigned looks_ = 0;
  void* block_ = nullptr;
};

// A broadcast has reached all threads since the last look.
void ModelHeap::NoteBroadcast() {
  if (epoch_ == registry_.epoch()) return;
  epoch_ = registry_.epoch();
  for (auto& thread : threads_) {
    if (thread->cache == nullptr || thread->cache->answered_epoch() == epoch_) continue;
    thread->owes_answer = true;
    thread->out_of_reach = thread->out_of_reach || thread->in_slow_path.has_value();
  }
}

// Pressure is about to broadcast, or to wait for answers: then true. There is nobody here who could
// answer while the leader sleeps; but caches that are two broadcasts behind are not waited for, and
// after a new broadcast sleepers are robbed anew.
bool ModelHeap::SkipTheWait(const ModelThread& self) {
  bool expected = !registry_.scarce();
  registry_.ForEach([&](const Tcache& cache) {
    expected = expected || cache.answered_epoch() + 1 == registry_.epoch();
  });
  if (!kConfig.broadcast || !expected) return false;
  if (registry_.scarce()) registry_.Broadcast(self.cache);  // else Pressure makes the second one
  registry_.Broadcast(self.cache);
  NoteBroadcast();
  return true;
}

void* ModelHeap::Climb(ModelThread& thread, const Request& request, size_t huge_bytes) {
  ReleaseLeases();
  climbed_ = true;
  passed_on_ = false;
  Attempt attempt(*this, thread, request, huge_bytes);
  if (thread.cache == nullptr) {
    pressure_.Climb(request, HomeOf(thread).value(), nullptr, attempt);
  } else {
    Tcache::BusyScope busy(*thread.cache);
    pressure_.Climb(request, HomeOf(thread).value(), thread.cache, attempt);
  }
  ObserveAll();
  return attempt.block();
}

// -- Failure -------------------------------------------------------------------------------------

// Holds a failure against the oracle.
void ModelHeap::Judge(const ModelThread& thread, const Wish& wish) {
  ++counters_.failures;
  NoteBroadcast();
  Hidden hidden{};
  for (auto& other : threads_) {
    if (other.get() == &thread || !other->owes_answer) continue;
    hidden[other->holder] = true;
    if (climbed_) CheckRobbed(*other);
  }
  const PageOracle::Sight sight = oracle_->Survey(wish, hidden);
  const bool allowed = sight.blocked_pages + wish.pages <= arena_.meter().limit();
  if (sight.run && !allowed) ++counters_.over_limit;
  const bool limited = arena_.meter().limit() != SIZE_MAX;
  if (sight.run && allowed && limited && passed_on_) {
    ++counters_.late_mail;
  } else if (sight.object || (sight.run && allowed)) {
    FailAsPromised(thread, wish, sight);
  } else if (!sight.run) {
    NoteHidden(thread, wish, hidden);
  }
}

void ModelHeap::FailAsPromised(const ModelThread& thread, const Wish& wish,
                               const PageOracle::Sight& sight) {
  std::ostringstream text;
  text << "an allocation failed that the guarantee promises: class "
       << unsigned{wish.size_class.value()} << ", " << wish.pages << " pages at " << wish.align
       << ", thread " << unsigned{thread.holder}
       << (sight.object ? "; an object is free" : "; the pages are free") << "; "
       << sight.blocked_pages << " pages cannot be had, " << arena_.meter().committed()
       << " are committed, at most " << arena_.meter().limit() << " may be\n"
       << oracle_->Dump();
  Fail(text.str());
}

// How much more there would have been, if sleepers had been had too.
void ModelHeap::NoteHidden(const ModelThread& thread, const Wish& wish, const Hidden& hidden) {
  if (std::find(hidden.begin(), hidden.end(), true) == hidden.end()) return;
  const PageOracle::Sight all = oracle_->Survey(wish, Hidden{});
  if (!all.object && !all.run) return;
  ++counters_.hidden_failures;
  Hidden asleep{};
  for (auto& other : threads_) {
    asleep[other->holder] = other.get() != &thread && other->asleep;
  }
  const PageOracle::Sight awake = oracle_->Survey(wish, asleep);
  if (awake.object || awake.run) ++counters_.asleep_failures;
  size_t pages;
  size_t bytes;
  oracle_->Hides(hidden, &pages, &bytes);
  if (pages > counters_.most_hidden_pages) {
    counters_.most_hidden_pages = pages;
    counters_.hidden_bytes_then = bytes;
  }
}

// A sleeping thread was robbed of all but the last object of each bin.
void ModelHeap::CheckRobbed(const ModelThread& thread) {
  if (!can_rob_ || thread.out_of_reach) return;
  ++counters_.robbed;
  if (StagedBytes(thread) > 0) Fail("a remote stash outlived a robbery");
  for (unsigned i = 1; i < kClasses; ++i) {
    if (thread.cache->CachedObjects(SizeClass(static_cast<uint8_t>(i))) > 1) {
      Fail("a bin outlived a robbery");
    }
  }
}

// -- free ----------------------------------------------------------------------------------------

void ModelHeap::Free(ModelThread& thread, void* p) {
  const Tag tag = arena_.segmap().Lookup(p);
  if (tag >= kTagLarge) return FreeLarge(thread, p);
  const SizeClass c(tag);
  if (thread.cache == nullptr) return FreeSlow(thread, c, p);
  Tcache::Top* const bin = thread.handle.load()->top + tag;
  if (Tcache::IsFull(bin, *bin)) return FreeSlow(thread, c, p);
  *(*bin)++ = p;
  oracle_->PushBin(thread.holder, c, p);
}

void ModelHeap::FreeSlow(ModelThread& thread, SizeClass c, void* p) {
  const bool now = flaw_ != Flaw::kNone && arena_.segmap().PageOf(p).value() % kFlawEvery == 0;
  const auto give_back = [&](Place to) {
    if (!now || flaw_ != Flaw::kFreeALiveBlock) oracle_->Return(p, to, thread.holder);
    return !now || flaw_ != Flaw::kLoseAFree;
  };
  const ShardId owner = shards_.OwnerOf(p);
  if (thread.cache == nullptr) {
    if (!give_back(Place::kHeap)) return;
    Release(owner);
    LeaseHolder hold(shards_[owner].lease());
    shards_[owner].FreeObjects(c, &p, 1);
    return;
  }
  Release(thread.cache->shard());
  Tcache::BusyScope busy(*thread.cache);
  Answer(thread);
  const bool may_go_home = IsSmall(c.value()) && owner != thread.cache->shard();
  if (!give_back(may_go_home ? Place::kStaged : Place::kHeap)) return;
  thread.cache->Accept(c, p);
  Observe(thread);
}

void ModelHeap::FreeLarge(ModelThread& thread, void* p) {
  oracle_->Return(p, Place::kHeap, 0);
  const PageIndex page = arena_.segmap().PageOf(p);
  if (arena_.segmap().Get(page) == kTagHuge) {
    HugeBlocks(arena_).Free(page);
    shards_[0].NotePost();
    return;
  }
  Shard& shard = shards_[shards_.OwnerOf(p)];
  if (shard.lease().TryLock()) {
    shard.FreeRun(p);
    shard.lease().Unlock();
  } else if (shard.id() == HomeOf(thread)) {
    Release(shard.id());
    LeaseHolder hold(shard.lease());
    shard.FreeRun(p);
  } else {
    ++counters_.mails;
    shard.PostRun(p);
  }
}

size_t ModelHeap::UsableBytes(const void* p) const {
  const PageIndex page = arena_.segmap().PageOf(p);
  const Tag tag = arena_.segmap().Get(page);
  const Segment& segment = arena_.segment(SlotOf(page));
  if (tag == kTagHuge) return RoundUp(segment.huge.bytes, kPageSize);
  if (tag == kTagLarge) {
    const unsigned length = segment.RunLength(PageInSegment(page));
    const unsigned noted = segment.NotedLength(PageInSegment(page));
    // A wrong note is a wrong size: the oracle sees it.
    return size_t{noted > 0 ? noted : length} * kPageSize;
  }
  return kClassTable[tag].size;
}

void* ModelHeap::Resize(ModelThread&, void* p, size_t bytes) {
  const PageIndex page = arena_.segmap().PageOf(p);
  const Tag tag = arena_.segmap().Get(page);
  if (tag == kTagHuge && bytes > kSegmentSize) return ResizeHuge(p, bytes);
  if (tag != kTagLarge || bytes <= kMaxBinnedSize || bytes > kSegmentSize) return nullptr;
  const ShardId owner = shards_.OwnerOf(p);
  Release(owner);
  LeaseHolder hold(shards_[owner].lease());
  if (!shards_[owner].ResizeRun(p, static_cast<unsigned>(PagesFor(bytes)))) return nullptr;
  oracle_->Resize(p, PagesFor(bytes));
  return p;
}

void* ModelHeap::ResizeHuge(void* p, size_t bytes) {
  void* moved = HugeBlocks(arena_).Resize(arena_.segmap().PageOf(p), bytes);
  if (moved == nullptr) return nullptr;
  shards_[0].NotePost();
  const size_t pages = SlotsFor(bytes) * kPagesPerSegment;
  if (moved == p) {
    oracle_->Resize(p, pages);
  } else {
    oracle_->HandOut(moved, SizeClass(0), pages);
    oracle_->Return(p, Place::kHeap, 0);
  }
  Relieve();
  return moved;
}

// -- Threads -------------------------------------------------------------------------------------

ModelThread* ModelHeap::StartThread(bool with_cache) {
  std::array<bool, kHolders> used{};
  for (auto& thread : threads_) used[thread->holder] = true;
  const auto free_one = std::find(used.begin(), used.end(), false);
  auto thread = std::make_unique<ModelThread>();
  thread->holder = static_cast<Holder>(free_one - used.begin());
  if (with_cache) thread->cache = registry_.Start(&thread->handle);
  threads_.push_back(std::move(thread));
  return threads_.back().get();
}

void ModelHeap::EndThread(ModelThread& thread) {
  Wake(thread);
  if (thread.cache != nullptr) {
    Release(thread.cache->shard());
    registry_.End(thread.cache);
    thread.cache = nullptr;
    ForgetBins(thread);
  }
  const auto at = std::find_if(threads_.begin(), threads_.end(),
                               [&](const auto& other) { return other.get() == &thread; });
  threads_.erase(at);
}

// All that was in the thread's bins is with the heap.
void ModelHeap::ForgetBins(const ModelThread& thread) {
  for (unsigned i = 1; i < kClasses; ++i) {
    const SizeClass c(static_cast<uint8_t>(i));
    oracle_->ObserveLeft(thread.holder, c, nullptr, 0, [](const void*) { return Place::kHeap; });
    oracle_->ObserveNew(thread.holder, c, nullptr, 0);
  }
  oracle_->NothingStaged(thread.holder);
}

void ModelHeap::Sleep(ModelThread& thread, bool in_slow_path) {
  thread.asleep = true;
  if (!in_slow_path || thread.cache == nullptr) return;
  thread.in_slow_path.emplace(*thread.cache);
  thread.out_of_reach = thread.owes_answer;
}

void ModelHeap::Wake(ModelThread& thread) {
  thread.asleep = false;
  thread.in_slow_path.reset();
}

void ModelHeap::Fork(ModelThread& self) {
  ++counters_.forks;
  ReleaseLeases();
  for (unsigned i = 0; i < kPosters; ++i) {
    // The child announces the mail of such a slot itself.
    if (posters_[i].stage == Poster::kFirst) {
      oracle_->SetMute(posters_[i].segment->slot().value(), false);
    }
    posters_[i] = Poster();
  }
  pressure_.LockForFork();
  registry_.LockForFork();
  for (unsigned i = 0; i < shards_.count(); ++i) shards_[i].LockForFork();
  arena_.LockForFork();
  pool_.LockForFork();
  pool_.ResetAfterFork();
  arena_.ResetAfterFork();
  for (unsigned i = 0; i < shards_.count(); ++i) shards_[i].ResetAfterFork();
  pressure_.ResetAfterFork();
  registry_.ResetAfterFork(self.cache);
  // What a purger had claimed stays claimed for ever.
  purger_ = Purger();
  for (auto& thread : threads_) {
    if (thread.get() == &self || thread->cache == nullptr) continue;
    if (thread->in_slow_path) {
      oracle_->Lose(thread->holder);
    } else {
      ForgetBins(*thread);
    }
  }
  std::erase_if(threads_, [&](const auto& thread) { return thread.get() != &self; });
}

// -- Preempted threads ---------------------------------------------------------------------------

void ModelHeap::HoldLease(unsigned shard) {
  if (held_[shard] || !shards_[shard].lease().TryLock()) return;
  held_[shard] = true;
  ++counters_.held_leases;
}

// Whoever was preempted with this lease runs on.
void ModelHeap::Release(ShardId shard) {
  if (!held_[shard.value()]) return;
  held_[shard.value()] = false;
  shards_[shard].lease().Unlock();
}

void ModelHeap::ReleaseLeases() {
  for (unsigned i = 0; i < shards_.count(); ++i) Release(ShardId(static_cast<uint8_t>(i)));
}

bool ModelHeap::StartPoster(unsigned index, void* p) {
  Poster& poster = posters_[index];
  const PageIndex page = arena_.segmap().PageOf(p);
  const Tag tag = arena_.segmap().Get(page);
  if (poster.stage != Poster::kIdle || tag == kTagHuge) return false;
  oracle_->Return(p, Place::kTransit, static_cast<Holder>(index));
  poster.p = p;
  poster.shard = &shards_[shards_.OwnerOf(p)];
  poster.segment = &arena_.SegmentOf(page);
  poster.page = PageInSegment(page);
  poster.kind = IsSmall(tag) ? Inbox::kSpan : Inbox::kRun;
  if (!IsSmall(tag)) {
    poster.segment->inbox.Put(poster.kind, poster.page / 64, uint64_t{1} << (poster.page % 64));
    poster.stage = Poster::kPut;
    return true;
  }
  const PageIndex first(SpanStart(p));
  Span& span = SpanTable::Find(arena_, first);
  poster.page = PageInSegment(first);
  const unsigned number = span.ObjectNumber(
      static_cast<uint32_t>(static_cast<char*>(p) - arena_.segmap().AddressOf(first)));
  arena_.page_mail<SpanMail>(first).Post(number / 64, uint64_t{1} << (number % 64));
  poster.stage = Poster::kMailed;
  return true;
}

void ModelHeap::StepPoster(unsigned index) {
  Poster& poster = posters_[index];
  const uint32_t slot = poster.segment == nullptr ? 0 : poster.segment->slot().value();
  switch (poster.stage) {
    case Poster::kIdle:
      return;
    case Poster::kMailed:
      poster.segment->inbox.Put(poster.kind, poster.page / 64, uint64_t{1} << (poster.page % 64));
      poster.stage = Poster::kPut;
      return;
    case Poster::kPut:
      if (poster.segment->inbox.MarkPosted()) {
        oracle_->SetMute(slot, true);
        poster.stage = Poster::kFirst;
        return;
      }
      break;
    case Poster::kFirst:
      oracle_->SetMute(slot, false);
      if (flaw_ != Flaw::kDoNotAnnounce) ShardPeer::Announce(*poster.shard, *poster.segment);
      break;
  }
  poster.shard->NotePost();
  oracle_->Arrive(poster.p, Place::kTransit, static_cast<Holder>(index));
  ++counters_.mails;
  poster = Poster();
}

void ModelHeap::FinishPosters() {
  for (unsigned i = 0; i < kPosters; ++i) {
    while (posters_[i].stage != Poster::kIdle) StepPoster(i);
  }
}

void ModelHeap::StartPurger(unsigned index, size_t pages) {
  if (purger_.segment != nullptr) return;
  Release(ShardId(static_cast<uint8_t>(index)));
  Shard& shard = shards_[index];
  LeaseHolder hold(shard.lease());
  purger_.shard = &shard;
  purger_.segment = shard.ClaimDirty(pages, &purger_.claimed);
  if (purger_.segment == nullptr) return;
  const uint32_t base = FirstPageOf(purger_.segment->slot()).value();
  const PageBits& claimed = purger_.claimed;
  for (unsigned first = claimed.NextSet(0); first != PageBits::kNone;) {
    const unsigned end = claimed.NextClear(first);
    oracle_->Claim(base + first, end - first);
    first = claimed.NextSet(end);
  }
}

void ModelHeap::FinishPurger() {
  if (purger_.segment == nullptr) return;
  arena_.PurgePages(*purger_.segment, purger_.claimed);
  Release(purger_.shard->id());
  const uint32_t base = FirstPageOf(purger_.segment->slot()).value();
  const PageBits& claimed = purger_.claimed;
  for (unsigned first = claimed.NextSet(0); first != PageBits::kNone;) {
    oracle_->Unclaim(base + first);
    first = claimed.NextSet(claimed.NextClear(first));
  }
  Shard& shard = *purger_.shard;
  LeaseHolder hold(shard.lease());
  shard.UnclaimDirty(*purger_.segment, purger_.claimed);
  purger_ = Purger();
}

// -- Upkeep --------------------------------------------------------------------------------------

void ModelHeap::Watch(ModelThread& thread, uint64_t now_ms) {
  if (thread.cache == nullptr) return;
  ReleaseLeases();
  Tcache::BusyScope busy(*thread.cache);
  Answer(thread);
  pressure_.Watch(now_ms, thread.cache);
  NoteBroadcast();
  Observe(thread);
}

void ModelHeap::Decay(unsigned shard, uint64_t now_ms) {
  ReleaseLeases();
  budget_.MaybeDecay(shards_[shard], now_ms);
}

// After each allocation: the soft limit.
void ModelHeap::Relieve() {
  if (!arena_.meter().alarmed()) return;
  ReleaseLeases();
  budget_.Relieve();
}

void ModelHeap::Purge(size_t pages) {
  ReleaseLeases();
  budget_.Purge(pages);
}

void ModelHeap::PurgeFreeSlots(size_t pages) { arena_.PurgeFreeSlots(pages); }

void ModelHeap::ReleaseEmptySegments(unsigned shard) {
  Release(ShardId(static_cast<uint8_t>(shard)));
  LeaseHolder hold(shards_[shard].lease());
  shards_[shard].ReleaseEmptySegments();
}

void ModelHeap::CollectMail(unsigned shard) {
  Release(ShardId(static_cast<uint8_t>(shard)));
  LeaseHolder hold(shards_[shard].lease());
  shards_[shard].CollectMail();
}

void ModelHeap::CollectEverything() {
  ReleaseLeases();
  // Mail that was announced to the wrong shard is passed on in the first round.
  for (unsigned round = 0; round < 2; ++round) {
    for (unsigned i = 0; i < shards_.count(); ++i) {
      LeaseHolder hold(shards_[i].lease());
      shards_[i].CollectAll();
      shards_[i].ReleaseEmptySegments();
    }
  }
}

}  // namespace simulation
}  // namespace hz3
