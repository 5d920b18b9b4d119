#include "testing/simulation/simulation.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "testing/lib/random.h"
#include "testing/simulation/audit.h"

namespace hz3::simulation {
namespace {

using testlib::Random;

char progress[64] = "no simulation";

// What the program has, and what it wrote into it.
struct Block {
  char* p;
  size_t bytes;
  uint64_t mark;
};

struct Wanted {
  size_t bytes;
  unsigned align;  // in pages
};

class Program {
 public:
  explicit Program(const Options& options)
      : options_(options),
        random_(options.seed),
        heap_(options.slots, options.slack ? options.slots * kSegmentSize / 2 : MemBudget::kNoLimit,
              options.shards, options.flaw) {
    heap_.set_answers([this](ModelThread& thread) { ComeBy(thread); });
  }

  Outcome Run() {
    heap_.StartThread(true);
    NewTheme();
    for (step_ = 0; step_ < options_.steps && Right(); ++step_) {
      if (step_ % 64 == 0) NoteProgress();
      Step();
      if (step_ % options_.audit_every == 0) AuditNow();
    }
    if (Right()) AuditNow();
    if (Right()) Finish();
    return Summary();
  }

 private:
  // What the program does for a while.
  struct Theme {
    uint64_t steps_left = 0;
    unsigned percent_malloc = 50;
    unsigned classes = 1;
    SizeClass pool[4];
    unsigned percent_large = 0;
    unsigned percent_huge = 0;
    enum Order { kAny, kNewest, kOneSlot } order = kAny;
    // So many failures end a theme that fills the arena.
    unsigned failures_left = 0;
  };

  bool Right() const { return heap_.error().empty() && error_.empty(); }
  void Fail(const std::string& what) {
    if (error_.empty()) error_ = what;
  }
  bool Chance(unsigned percent) { return random_.Below(100) < percent; }
  unsigned Below(size_t n) { return static_cast<unsigned>(random_.Below(n)); }
  void NoteProgress() {
    std::snprintf(progress, sizeof(progress), "seed %llu, step %llu",
                  static_cast<unsigned long long>(options_.seed),
                  static_cast<unsigned long long>(step_));
  }
  void AuditNow() {
    ++outcome_.audits;
    const std::string error = Audit(heap_);
    if (!error.empty()) Fail(error);
  }

  // -- What to do ---------------------------------------------------------------------------------

  void NewTheme() {
    theme_ = Theme();
    theme_.steps_left = random_.Between(200, 8000);
    static constexpr unsigned kPercents[] = {90, 80, 60, 50, 45, 30, 10};
    theme_.percent_malloc = kPercents[Below(std::size(kPercents))];
    theme_.classes = 1 + Below(4);
    for (SizeClass& c : theme_.pool) c = AnyClass();
    if (Chance(40)) theme_.percent_large = 1 + Below(30);
    if (Chance(25)) theme_.percent_huge = 1 + Below(5);
    theme_.order = static_cast<Theme::Order>(Below(3));
    theme_.failures_left = 50 + Below(500);
  }
  // Objects so small that they would never fill an arena are rare.
  SizeClass AnyClass() {
    if (Chance(35)) return SizeClass(static_cast<uint8_t>(kFirstMediumClass + Below(8)));
    if (Chance(15)) return SizeClass(static_cast<uint8_t>(1 + Below(kSmallClasses)));
    return ClassOf(random_.Between(700, kMaxSmallSize));
  }

  // Whose turn it is. Threads run for a while, not for one step.
  ModelThread& Runner() {
    if (runner_ == nullptr || runner_->asleep || runs_left_ == 0) {
      runner_ = AnyAwake();
      runs_left_ = 1 + Below(40);
    }
    --runs_left_;
    return *runner_;
  }
  ModelThread* AnyAwake() {
    const auto& threads = heap_.threads();
    const size_t from = Below(threads.size());
    for (size_t i = 0; i < threads.size(); ++i) {
      ModelThread& thread = *threads[(from + i) % threads.size()];
      if (!thread.asleep) return &thread;
    }
    heap_.Wake(*threads[from]);
    return threads[from].get();
  }

  void Step() {
    if (theme_.steps_left-- == 0 || theme_.failures_left == 0) NewTheme();
    const unsigned dice = Below(1000);
    if (dice < 940) {
      Chance(theme_.percent_malloc) ? Allocate(Runner()) : FreeOne(Runner());
    } else if (dice < 950) {
      Resize(Runner());
    } else if (dice < 965) {
      clock_ms_ += Below(100);
      heap_.Watch(Runner(), clock_ms_);
    } else if (dice < 980) {
      heap_.HoldLease(Below(options_.shards));
    } else if (dice < 988) {
      Preempt();
    } else if (dice < 994) {
      ChangeThreads();
    } else {
      KeepUp();
    }
  }

  // -- The program's blocks -----------------------------------------------------------------------

  void Allocate(ModelThread& thread) {
    // What failed is often asked for again at once.
    if (!failed_ || Chance(60)) wanted_ = AnyWanted();
    void* p = wanted_.bytes <= kMaxBinnedSize
                  ? heap_.Malloc(thread, ClassOf(wanted_.bytes))
                  : heap_.MallocPages(thread, wanted_.bytes, wanted_.align);
    failed_ = p == nullptr;
    if (failed_ && theme_.failures_left > 0) --theme_.failures_left;
    if (failed_ || !Right()) return;
    Keep({static_cast<char*>(p), wanted_.bytes, random_.Next()});
  }
  Wanted AnyWanted() {
    if (Chance(theme_.percent_huge)) {
      return {kSegmentSize + 1 + random_.Below(kSegmentSize * std::max(options_.slots / 2, 1u)), 1};
    }
    if (Chance(theme_.percent_large)) {
      const size_t pages = random_.Between(9, Chance(20) ? kMaxRunPages : 64);
      return {pages * kPageSize - random_.Below(kPageSize), Chance(20) ? 1u << Below(10) : 1};
    }
    return {InfoOf(theme_.pool[Below(theme_.classes)]).size, 1};
  }
  void Keep(const Block& block) {
    blocks_.push_back(block);
    Write(block);
    live_bytes_ += block.bytes;
    outcome_.most_live_bytes = std::max(outcome_.most_live_bytes, live_bytes_);
  }
  static uint64_t* LastWord(const Block& block) {
    return reinterpret_cast<uint64_t*>(block.p + ((block.bytes - sizeof(uint64_t)) & ~size_t{7}));
  }
  static void Write(const Block& block) {
    *reinterpret_cast<uint64_t*>(block.p) = block.mark;
    *LastWord(block) = block.mark;
  }
  void Read(const Block& block) {
    if (*reinterpret_cast<uint64_t*>(block.p) != block.mark || *LastWord(block) != block.mark) {
      Fail("somebody else wrote into a block");
    }
  }

  size_t Choose() {
    if (theme_.order == Theme::kNewest) return blocks_.size() - 1;
    const size_t any = Below(blocks_.size());
    if (theme_.order == Theme::kAny) return any;
    // The lowest of a few: the upper part of the arena stays, the lower is emptied.
    size_t best = any;
    for (unsigned i = 0; i < 6; ++i) {
      const size_t other = Below(blocks_.size());
      if (blocks_[other].p < blocks_[best].p) best = other;
    }
    return best;
  }
  Block Take(size_t at) {
    const Block block = blocks_[at];
    blocks_[at] = blocks_.back();
    blocks_.pop_back();
    live_bytes_ -= block.bytes;
    Read(block);
    return block;
  }
  void FreeOne(ModelThread& thread) {
    if (blocks_.empty()) return;
    heap_.Free(thread, Take(Choose()).p);
  }
  void Resize(ModelThread& thread) {
    if (blocks_.empty()) return;
    size_t at = Choose();
    for (unsigned i = 0; i < 8; ++i) {
      const size_t other = Choose();
      if (blocks_[other].bytes > blocks_[at].bytes) at = other;
    }
    if (blocks_[at].bytes <= kMaxBinnedSize) return;
    Block block = Take(at);
    const bool huge = block.bytes > kSegmentSize;
    const size_t least = huge ? kSegmentSize + 1 : kMaxBinnedSize + 1;
    const size_t most = huge ? block.bytes * 2 : kSegmentSize;
    const size_t bytes = random_.Between(least, Chance(50) ? most : block.bytes);
    void* moved = heap_.Resize(thread, block.p, bytes);
    if (!Right()) return;
    if (moved != nullptr) {
      block.p = static_cast<char*>(moved);
      if (*reinterpret_cast<uint64_t*>(block.p) != block.mark) Fail("a move lost the contents");
      block.bytes = bytes;
    }
    Keep(block);
  }

  // -- The others ---------------------------------------------------------------------------------

  // A thread that runs while a leader waits: most free something, which brings them to the slow
  // path.
  void ComeBy(ModelThread& thread) {
    const unsigned dice = Below(10);
    if (dice == 0) return;  // it is at something else for the whole of the bounded wait
    if (Chance(30)) heap_.HoldLease((thread.cache->shard().value() + 1) % options_.shards);
    if (dice < 5 && !blocks_.empty()) FreeOne(thread);
    if (!thread.owes_answer) return;
    heap_.AnswerInSlowPath(thread);
  }

  void Preempt() {
    const unsigned poster = Below(ModelHeap::kPosters);
    switch (Below(6)) {
      case 0:
      case 1:
        if (blocks_.empty()) return;
        if (const size_t at = Choose(); heap_.StartPoster(poster, blocks_[at].p)) Take(at);
        return;
      case 2:
      case 3:
        return heap_.StepPoster(poster);
      case 4:
        return heap_.StartPurger(Below(options_.shards), 1 + Below(200));
      default:
        return heap_.FinishPurger();
    }
  }

  void ChangeThreads() {
    const auto& threads = heap_.threads();
    ModelThread& thread = *threads[Below(threads.size())];
    const unsigned dice = Below(100);
    if (dice < 35) {
      if (!thread.asleep) heap_.Sleep(thread, Chance(15));
    } else if (dice < 70) {
      heap_.Wake(thread);
      runner_ = &thread;
      runs_left_ = 1 + Below(40);
    } else if (dice < 84) {
      if (threads.size() < options_.threads) heap_.StartThread(Chance(95));
    } else if (dice < 97) {
      if (threads.size() > 1) {
        runner_ = nullptr;
        heap_.EndThread(thread);
      }
    } else if (options_.forks && Chance(10) && !thread.asleep && thread.cache != nullptr) {
      runner_ = nullptr;
      heap_.Fork(thread);
    }
  }

  void KeepUp() {
    const unsigned shard = Below(options_.shards);
    clock_ms_ += Below(300);
    switch (Below(7)) {
      case 0:
        return heap_.Decay(shard, clock_ms_);
      case 1:
        return heap_.Purge(1 + Below(600));
      case 2:
        return heap_.PurgeFreeSlots(1 + Below(600));
      case 3:
        return heap_.ReleaseEmptySegments(shard);
      case 4:
        return heap_.CollectMail(shard);
      case 5:
        return heap_.FinishPosters();
      default:
        if (options_.limits) ChangeLimit();
    }
  }
  void ChangeLimit() {
    const size_t committed = heap_.arena().meter().committed() * kPageSize;
    const size_t total = heap_.arena().bytes();
    switch (Below(5)) {
      case 0:
        return heap_.SetSoftLimit(Chance(30) ? MemBudget::kNoLimit : random_.Below(total));
      case 1:
        return heap_.SetLimit(MemBudget::kNoLimit);
      case 2:
        return heap_.SetLimit(committed + random_.Below(64) * kPageSize);
      case 3:
        return heap_.SetLimit(total / 2 + random_.Below(total / 2));
      default:
        return heap_.SetLimit(committed - committed / (2 + random_.Below(20)));
    }
  }

  // -- The end ------------------------------------------------------------------------------------

  void Finish() {
    heap_.SetLimit(MemBudget::kNoLimit);
    while (!blocks_.empty() && Right()) FreeOne(*AnyAwake());
    heap_.FinishPosters();
    heap_.FinishPurger();
    heap_.ReleaseLeases();
    while (!heap_.threads().empty()) heap_.EndThread(*heap_.threads().back());
    heap_.CollectEverything();
    if (!Right()) return;
    std::string error = AuditEmpty(heap_);
    heap_.Purge(SIZE_MAX);
    if (error.empty() && heap_.oracle().lost() == 0 && heap_.arena().meter().committed() != 0 &&
        options_.forks == false) {
      error = "what is free is committed after it was purged";
    }
    if (!error.empty()) Fail("after everything was freed: " + error);
  }

  Outcome Summary() {
    const std::string& error = error_.empty() ? heap_.error() : error_;
    NoteProgress();
    if (!error.empty()) outcome_.error = std::string(progress) + ": " + error;
    outcome_.steps = step_;
    outcome_.heap = heap_.counters();
    const Pressure::Counters& pressure = heap_.pressure().counters();
    outcome_.climbs = pressure.climbs;
    outcome_.rescues = pressure.rescues;
    outcome_.remembered = pressure.remembered;
    outcome_.broadcasts = pressure.broadcasts;
    for (unsigned i = 0; i < options_.shards; ++i) {
      outcome_.mail_collected += heap_.shards()[i].counters().mail_collected.Get();
      outcome_.segments_closed += heap_.shards()[i].counters().segments_closed.Get();
    }
    return outcome_;
  }

  const Options options_;
  Random random_;
  ModelHeap heap_;
  Theme theme_;
  std::vector<Block> blocks_;
  size_t live_bytes_ = 0;
  ModelThread* runner_ = nullptr;
  unsigned runs_left_ = 0;
  Wanted wanted_{};
  bool failed_ = false;
  uint64_t step_ = 0;
  uint64_t clock_ms_ = uint64_t{1} << 45;
  Outcome outcome_;
  std::string error_;
};

}  // namespace

Outcome Simulate(const Options& options) { return Program(options).Run(); }

const char* Progress() { return progress; }

}  // namespace hz3::simulation
