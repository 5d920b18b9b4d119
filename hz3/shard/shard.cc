#include "hz3/shard/shard.h"

#include <algorithm>
#include <utility>

#include "hz3/base/report.h"
#include "hz3/config/config.h"
#include "hz3/objects/watched_blocks.h"

namespace hz3 {
namespace {

// A refill visits at most this many spans or segments, so that the lease stays short.
constexpr unsigned kMaxRefillSources = 16;
// Segments of freed runs are scattered: their records are fetched this many runs ahead.
constexpr unsigned kPrefetchAhead = 2;
// Pages are populated ahead of need by at most this part of what is committed.
constexpr size_t kPopulatePart = 16;
// More of one long run is left to page faults.
constexpr size_t kMostPopulated = size_t{256} << 10;
// A segment that is populated as a whole has at most so many pages that its runs leave over.
constexpr unsigned kMostLeftOver = kPagesPerSegment / 8;
constexpr SegmentSet::Reach kScattered{.scattered = true};
// Objects that leave an owner stash at a time.
constexpr unsigned kStashBatch = 64;
// Where memory is limited, the stashes of all shards grow by at most this part of it.
constexpr size_t kStashPart = 64;
// Objects that leave idle stashes in one call, so that the lease is not held for long.
constexpr unsigned kMostUnstashed = 1024;

uint32_t OffsetInPage(const void* p) {
  return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(p) & (kPageSize - 1));
}

SizeClass ClassAt(unsigned i) { return SizeClass(static_cast<uint8_t>(i)); }

PageIndex PageOfSegment(const Segment& segment, unsigned page) {
  return PageIndex(FirstPageOf(segment.slot()).value() + page);
}

// Whether the event just counted is to go wrong: one of `every`, none for 0.
bool IsFaulty(const Counter& events, unsigned every) {
  return every > 0 && events.Get() % every == 0;
}

// Why the free of `p`, expected to be a block of class `c`, cannot be.
Misuse Diagnose(Tag tag, SizeClass c) {
  return tag == c.value() ? Misuse::kInteriorPointer : Misuse::kDoubleFree;
}

}  // namespace

void Shard::Init(Arena& arena, ShardId id, unsigned shards) {
  arena_ = &arena;
  id_ = id;
  shards_ = shards;
  void** first = stash_entries_;
  for (unsigned i = 1; i < kClasses; ++i) first += OwnerStash::FirstOf(ClassAt(i));
  void** most = first;
  for (unsigned i = kClasses - 1; i > 0; --i) {
    const SizeClass c = ClassAt(i);
    first -= OwnerStash::FirstOf(c);
    stashes_[i].Init(c, first, most);
    most += OwnerStash::MostOf(c);
  }
}

unsigned Shard::Refill(SizeClass c, void** out, unsigned want, const Effort& effort) {
  counters_.refills.Add(1);
  to_populate_ = {};
  if (HasMail()) CollectMail();
  return IsSmall(c.value()) ? RefillSmall(c, out, want, effort) : RefillRuns(c, out, want, effort);
}

unsigned Shard::RefillSmall(SizeClass c, void** out, unsigned want, const Effort& effort) {
  Central& central = central_[c.value()];
  unsigned got = 0;
  for (unsigned sources = 0; got < want && sources < kMaxRefillSources; ++sources) {
    const uint32_t fullest = central.Fullest();
    // What is at hand serves the caller; a new span only for one who got nothing so far.
    if (fullest == kNoIndex && (got > 0 || !effort.open)) break;
    Span* const span = fullest == kNoIndex ? OpenSpan(c, effort) : &spans()[fullest];
    if (span == nullptr) break;
    got += TakeFromSpan(central, *span, out + got, want - got);
  }
  return got;
}

unsigned Shard::TakeFromSpan(Central& central, Span& span, void** out, unsigned want) {
  const unsigned got = span.Take(arena_->segmap().AddressOf(span.first_page()), out, want);
  central.Update(spans(), span);
  return got;
}

Span* Shard::OpenSpan(SizeClass c, const Effort& effort) {
  const unsigned pages = InfoOf(c).pages;
  unsigned first;
  unsigned fresh;
  Segment* segment = Carve(fresh_spans_, pages, 1, effort, &first, &fresh);
  if (segment == nullptr) return nullptr;
  // The first one of a class may stay the only one, with few objects in use.
  const bool more_to_come = ((opened_ >> c.value()) & 1) != 0;
  opened_ |= uint64_t{1} << c.value();
  if (kConfig.populate_pages > 0 && fresh > 0) {
    if (fresh_spans_.WillBeWritten(arena_->os())) {
      if (more_to_come) Populate(*segment, first, pages);
    } else if (fresh == pages) {  // a page that held memory before would look like a written one
      // Its first objects are written, if any is.
      fresh_spans_.HandOut(arena_->segmap().AddressOf(PageOfSegment(*segment, first)), pages, 1);
    }
  }
  Span& span = SpanTable::Open(*arena_, *segment, first, c);
  arena_->segmap().SetRange(span.first_page(), pages, c.value());
  central_[c.value()].Update(spans(), span);
  counters_.spans_opened.Add(1);
  return &span;
}

// Objects of a span share pages, so that all of them will be touched, and in a heap that grows
// those behind them soon. What is populated ahead is free and dirty: the next span is cut from it.
void Shard::Populate(Segment& segment, unsigned first, unsigned n) {
  CommitMeter& meter = arena_->meter();
  unsigned ahead = 0;
  // Where pages are counted they are not taken ahead of need.
  if (!meter.IsLimited()) {
    const size_t most = std::min<size_t>(kConfig.populate_pages, meter.committed() / kPopulatePart);
    const unsigned end = std::min(first + static_cast<unsigned>(most), kPagesPerSegment);
    while (first + n + ahead < end && segment.IsFreeAndClean(first + n + ahead)) ++ahead;
  }
  if (n + ahead < 2) return;
  if (ahead > 0 && !meter.Charge(ahead)) ahead = 0;
  segment.MarkDirty(first + n, ahead);
  SetDirtyFree(dirty_free_pages() + ahead);
  char* const start = arena_->segmap().AddressOf(PageOfSegment(segment, first));
  if (arena_->PopulateRun({start, (n + ahead) * kPageSize}) || ahead == 0) return;
  // Some of those ahead may have memory now.
  PageBits pages;
  pages.SetRange(first + n, ahead);
  SetDirtyFree(dirty_free_pages() - arena_->PurgePages(segment, pages));
}

void Shard::CloseSpan(Span& span) {
  const PageIndex page = span.first_page();
  const unsigned pages = span.info().pages;
  central_[span.size_class().value()].Remove(spans(), span);
  SpanTable::Close(*arena_, span);
  arena_->segmap().SetRange(page, pages, 0);
  counters_.spans_closed.Add(1);
  if (IsFaulty(counters_.spans_closed, kConfig.fault_lost_run)) return;
  Uncarve(arena_->SegmentOf(page), PageInSegment(page), pages);
}

// An empty span is kept only while it is the class's last one with room.
void Shard::SpanGained(Span& span) {
  Central& central = central_[span.size_class().value()];
  central.Update(spans(), span);
  if (span.AllFree() && !central.HasOnly(span)) CloseSpan(span);
}

unsigned Shard::RefillRuns(SizeClass c, void** out, unsigned want, const Effort& effort) {
  const unsigned pages = InfoOf(c).pages;
  if (effort.best_fit) {
    bool clean;
    out[0] = AllocateRun(pages, 1, c.value(), effort, &clean);
    return out[0] != nullptr ? 1 : 0;
  }
  unsigned got = 0;
  for (unsigned sources = 0; got < want && sources < kMaxRefillSources; ++sources) {
    Pages from = Pages::kDirtyOnly;
    Segment* segment = FindForRuns(pages, effort, got == 0, &from);
    if (segment == nullptr) break;
    const unsigned taken = TakeRuns(*segment, c, from, out + got, want - got);
    if (taken == 0) break;
    got += taken;
    if (from == Pages::kAny) break;
  }
  counters_.runs_carved.Add(got);
  return got;
}

// Only who has nothing yet may touch fresh pages, cut into a large hole or make the heap grow.
Segment* Shard::FindForRuns(unsigned n, const Effort& effort, bool first, Pages* from) {
  if (effort.scattered_first && segments_.HasScattered(n)) {
    Segment* segment = segments_.FindAny(*arena_, n, Pages::kDirtyOnly, kScattered);
    if (segment != nullptr) return segment;
    if (!first) return nullptr;
    *from = Pages::kAny;
    segment = segments_.FindAny(*arena_, n, Pages::kAny, kScattered);
    if (segment != nullptr) return segment;
  }
  *from = Pages::kDirtyOnly;
  Segment* segment = segments_.FindAny(*arena_, n, Pages::kDirtyOnly, {effort.exhaustive});
  if (segment != nullptr || !first || effort.pages == Pages::kDirtyOnly) return segment;
  *from = Pages::kAny;
  segment = segments_.FindAny(*arena_, n, Pages::kAny, {effort.exhaustive});
  return segment == nullptr && effort.grow ? Grow(fresh_runs_, n) : segment;
}

unsigned Shard::TakeRuns(Segment& segment, SizeClass c, Pages pages, void** out, unsigned want) {
  uint16_t firsts[kPagesPerSegment];
  const unsigned n = InfoOf(c).pages;
  want = std::min(want, kPagesPerSegment / n);
  const bool was_empty = segment.AllFree();
  unsigned got = 0;
  unsigned fresh = 0;
  bool populate = false;
  if (pages == Pages::kDirtyOnly) {
    got = segment.CarveBatch(segment.FreeDirty(), n, want, firsts);
  } else {
    const bool has_fresh = segment.DirtyPages() < kPagesPerSegment;
    populate = kConfig.populate_pages > 0 && has_fresh && fresh_runs_.WillBeWritten(arena_->os());
    if (has_fresh && fresh_runs_.expects_writes()) {
      want = std::min(want, std::max(kConfig.populate_pages / n, 1u));
    }
    // Charged for as if all were clean; what turns out otherwise is given back below.
    while (want > 0 && !arena_->meter().Charge(size_t{want} * n)) want /= 2;
    if (want == 0) return 0;
    const unsigned dirty_before = segment.DirtyPages();
    got = segment.CarveBatch(segment.free_bits(), n, want, firsts);
    fresh = segment.DirtyPages() - dirty_before;
    arena_->meter().Uncharge(want * n - fresh);
  }
  if (got == 0) return 0;
  if (was_empty) {
    NoLongerEmpty(segment);
  } else {
    segments_.Update(*arena_, segment);
  }
  SubtractFree(size_t{got} * n);
  SetDirtyFree(dirty_free_pages() - (got * n - fresh));
  const uint32_t base = FirstPageOf(segment.slot()).value();
  for (unsigned i = 0; i < got; ++i) {
    const PageIndex page(base + firsts[i]);
    arena_->segmap().Set(page, c.value());
    out[i] = arena_->segmap().AddressOf(page);
  }
  if (fresh > 0 && (populate || fresh == got * n)) {
    // The end of a wide run may belong to no block.
    const SizeClass shorter(static_cast<uint8_t>(c.value() - 1));
    const unsigned used = IsWide(c.value()) ? InfoOf(shorter).pages + 1u : n;
    NoteFreshRuns(out, got, n, used, populate);
  }
  return got;
}

// The batch lies mostly in one piece, and what a bin gives out first is its last run.
void Shard::NoteFreshRuns(void* const* runs, unsigned count, unsigned n, unsigned used,
                          bool populate) {
  const size_t bytes = n * kPageSize;
  char* first = static_cast<char*>(runs[count - 1]);
  if (!populate) {
    fresh_runs_.HandOut(first, n, std::max(used * 3 / 4, 1u));
    return;
  }
  unsigned i = count - 1;
  for (; i > 0 && runs[i - 1] == first - bytes; --i) first -= bytes;
  const size_t all = (count - i) * bytes - (n - used) * kPageSize;
  to_populate_ = {first, std::min(all, kMostPopulated)};
}

void* Shard::AllocateRun(unsigned n, unsigned align, Tag tag, const Effort& effort, bool* clean) {
  to_populate_ = {};
  if (HasMail()) CollectMail();
  unsigned first;
  unsigned fresh;
  Segment* segment = Carve(fresh_runs_, n, align, effort, &first, &fresh);
  if (segment == nullptr) return nullptr;
  *clean = fresh == n;
  const PageIndex page(FirstPageOf(segment->slot()).value() + first);
  arena_->segmap().Set(page, tag);
  segment->NoteLength(first, n);
  counters_.runs_carved.Add(1);
  void* run = arena_->segmap().AddressOf(page);
  if (kConfig.populate_pages > 0 && *clean) {
    NoteFreshRuns(&run, 1, n, n, fresh_runs_.WillBeWritten(arena_->os()));
  }
  return run;
}

Segment* Shard::FindHole(unsigned n, unsigned align, const Effort& effort, unsigned* first) {
  if (effort.best_fit && align == 1) {
    Segment* segment = segments_.FindExact(*arena_, n);
    if (segment != nullptr) {
      *first = segment->free_bits().ExactRunsOf(n).NextSet(0);
      return segment;
    }
  }
  if (effort.scattered_first && segments_.HasScattered(n)) {
    for (const Pages pages : {Pages::kDirtyOnly, Pages::kAny}) {
      if (pages == Pages::kDirtyOnly && dirty_free_pages() < n) continue;
      Segment* segment = segments_.Find(*arena_, n, align, pages, kScattered, first);
      if (segment != nullptr) return segment;
    }
  }
  return segments_.Find(*arena_, n, align, effort.pages, {effort.exhaustive}, first);
}

Segment* Shard::Carve(FreshRuns& kind, unsigned n, unsigned align, const Effort& effort,
                      unsigned* first, unsigned* fresh) {
  Segment* segment = FindHole(n, align, effort, first);
  if (segment == nullptr && effort.grow) {
    segment = Grow(kind, n);
    if (segment != nullptr) *first = segment->FindRun(n, align, Pages::kAny);
  }
  if (segment == nullptr) return nullptr;
  if (TakeRun(*segment, *first, n, fresh)) {
    if (effort.best_fit) {  // the next one is to find the lists as they are
      segment->UpdateLongest();
      segments_.Update(*arena_, *segment);
    }
    return segment;
  }
  // The commit limit forbids clean pages: dirty ones may still be had.
  segment = segments_.Find(*arena_, n, align, Pages::kDirtyOnly, {effort.exhaustive}, first);
  if (segment == nullptr || !TakeRun(*segment, *first, n, fresh)) return nullptr;
  return segment;
}

bool Shard::TakeRun(Segment& segment, unsigned first, unsigned n, unsigned* fresh) {
  *fresh = segment.CleanPagesIn(first, n);
  if (*fresh > 0 && !arena_->meter().Charge(*fresh)) return false;
  const bool was_empty = segment.AllFree();
  segment.Carve(first, n);
  if (was_empty) NoLongerEmpty(segment);
  SubtractFree(n);
  SetDirtyFree(dirty_free_pages() - (n - *fresh));
  return true;
}

// The list of empty segments holds nothing else: what leaves it is listed anew at once.
void Shard::NoLongerEmpty(Segment& segment) {
  --empty_segments_;
  segment.UpdateLongest();
  segments_.Update(*arena_, segment);
}

Segment* Shard::Grow(FreshRuns& kind, unsigned n) {
  const uint32_t slot = arena_->TakeSlots(1);
  if (slot == kNoIndex) return nullptr;
  Segment& segment = arena_->segment(SlotIndex(slot));
  // The owner first: a shard that finds this slot in its list, by a hint from its time, takes it
  // for its own only if it sees a segment with its own number.
  arena_->set_owner(SlotIndex(slot), id_);
  segment.Open(SlotIndex(slot));
  if (WantsHugePage(segment, kind, n) && arena_->meter().Charge(kPagesPerSegment)) {
    segment.MarkDirty(0, kPagesPerSegment);
    to_populate_ = {arena_->segmap().AddressOf(PageOfSegment(segment, 0)), kSegmentSize};
  }
  segments_.Insert(*arena_, segment);
  ++empty_segments_;
  AddFree(kPagesPerSegment);
  SetDirtyFree(dirty_free_pages() + segment.dirty_bits().Count());
  counters_.segments_opened.Add(1);
  return &segment;
}

// What a new segment has too much is a part of what the shard has, and of what runs of n pages
// leave over in it. Where pages are counted they are not taken ahead of need.
bool Shard::WantsHugePage(const Segment& segment, FreshRuns& kind, unsigned n) const {
  constexpr unsigned kLeast = kConfig.huge_page_segments;
  return Arena::MayBeHuge(segment.slot()) && counters_.SegmentsNow() >= kLeast &&
         kPagesPerSegment % n <= kMostLeftOver && !arena_->meter().IsLimited() &&
         segment.DirtyPages() == 0 && arena_->huge_pages().AskForOne() &&
         kind.WillBeWrittenAhead(arena_->os());
}

void Shard::Uncarve(Segment& segment, unsigned first, unsigned n) {
  segment.Uncarve(first, n);
  Uncarved(segment, n);
}

// n pages of the segment have become free.
void Shard::Uncarved(Segment& segment, unsigned n) {
  segments_.Update(*arena_, segment);
  AddFree(n);
  SetDirtyFree(dirty_free_pages() + n);
  if (!segment.AllFree()) return;
  ++empty_segments_;
  if (!collecting_) ReturnEmptySegments(kConfig.retained_segments);
}

void Shard::ReturnEmptySegments(unsigned keep) {
  while (empty_segments_ > keep) {
    Segment& segment = arena_->segment(SlotIndex(segments_.empty_segment()));
    segments_.Remove(*arena_, segment);
    --empty_segments_;
    SubtractFree(kPagesPerSegment);
    SetDirtyFree(dirty_free_pages() - segment.dirty_bits().Count());
    segment.Close();
    counters_.segments_closed.Add(1);
    if (IsFaulty(counters_.segments_closed, kConfig.fault_leaked_slot)) continue;
    arena_->ReturnSlots(segment.slot(), 1);
  }
}

void Shard::FreeObjects(SizeClass c, void* const* objects, unsigned n) {
  counters_.flushes.Add(1);
  releases_.Add(1);
  if (!IsSmall(c.value())) {
    FreeRuns(c, objects, n);
    return;
  }
  const Segmap& segmap = arena_->segmap();
  // Neighbours in the batch often lie in one span.
  for (unsigned i = 0; i < n;) {
    const PageIndex page = segmap.PageOf(objects[i]);
    Span& span = SpanTable::Find(*arena_, page);
    if (span.size_class() != c || !span.Has(page)) ReportMisuse(Misuse::kDoubleFree, objects[i]);
    FreeResult result;
    i += span.FreeRow(segmap.AddressOf(span.first_page()), objects + i, n - i, &result);
    if (result != FreeResult::kFreed) [[unlikely]] {
      ReportMisuse(
          result == FreeResult::kDoubleFree ? Misuse::kDoubleFree : Misuse::kInteriorPointer,
          objects[i]);
    }
    SpanGained(span);
  }
}

// Runs of one class: neighbours in the batch that lie in one segment are booked together.
void Shard::FreeRuns(SizeClass c, void* const* objects, unsigned n) {
  const unsigned pages = InfoOf(c).pages;
  for (unsigned i = 0; i < n;) {
    unsigned first;
    Segment& segment = CheckedRun(objects[i], &first);
    unsigned runs = 0;
    do {
      if (i + kPrefetchAhead < n) arena_->PrefetchSegmentOf(objects[i + kPrefetchAhead]);
      const PageIndex page = PageOfSegment(segment, first);
      if (arena_->segmap().Get(page) != c.value()) ReportMisuse(Misuse::kDoubleFree, objects[i]);
      arena_->segmap().Set(page, 0);
      segment.Uncarve(first, pages);
      ++runs;
    } while (++i < n && &CheckedRun(objects[i], &first) == &segment);
    Uncarved(segment, runs * pages);
  }
}

// The segment of the run that starts at `p`, and where; reports what is no run's start.
Segment& Shard::CheckedRun(void* p, unsigned* first) {
  const PageIndex page = arena_->segmap().PageOf(p);
  Segment& segment = arena_->SegmentOf(page);
  *first = PageInSegment(page);
  if (OffsetInPage(p) != 0) ReportMisuse(Misuse::kInteriorPointer, p);
  if (segment.IsFree(*first)) ReportMisuse(Misuse::kDoubleFree, p);
  if (!segment.IsRunStart(*first)) ReportMisuse(Misuse::kInteriorPointer, p);
  return segment;
}

void Shard::FreeRun(void* p) {
  unsigned first;
  Segment& segment = CheckedRun(p, &first);
  releases_.Add(1);
  arena_->segmap().Set(PageOfSegment(segment, first), 0);
  Uncarve(segment, first, segment.RunLength(first));
}

bool Shard::ResizeRun(void* p, unsigned pages) {
  const PageIndex page = arena_->segmap().PageOf(p);
  Segment& segment = arena_->SegmentOf(page);
  const unsigned first = PageInSegment(page);
  const unsigned had = segment.RunLength(first);
  if (pages < had) {
    arena_->segmap().Set(page, kTagLarge);
    segment.ShrinkRun(first, had, pages);
    segment.NoteLength(first, pages);
    segments_.Update(*arena_, segment);
    AddFree(had - pages);
    SetDirtyFree(dirty_free_pages() + (had - pages));
    releases_.Add(1);
    return true;
  }
  if (pages == had) return true;
  const unsigned more = pages - had;
  if (first + pages > kPagesPerSegment) return false;
  if (segment.free_bits().CountRange(first + had, more) != more) return false;
  const unsigned fresh = segment.CleanPagesIn(first + had, more);
  if (!arena_->meter().Charge(fresh)) return false;
  unsigned clean;
  segment.GrowRun(first, had, pages, &clean);
  arena_->segmap().Set(page, kTagLarge);
  segment.NoteLength(first, pages);
  segments_.Update(*arena_, segment);
  SubtractFree(more);
  SetDirtyFree(dirty_free_pages() - (more - fresh));
  return true;
}

void Shard::CollectMail() {
  // A segment that becomes empty on the way stays ours until the walk is over: in another shard's
  // hands it could get mail that this walk would take.
  collecting_ = true;
  for (uint32_t slot = mail_.TakeAll(); slot != kNoIndex;) {
    Segment& segment = arena_->segment(SlotIndex(slot));
    slot = MailList::Next(segment.inbox);
    segment.inbox.ClearPosted();
    // What follows is read after ClearPosted: whoever posted before it came after the slot's last
    // change of hands, so this thread sees who has it now.
    if (segment.use() != Segment::Use::kSegment) continue;  // a late hint, and nothing else
    const ShardId owner = arena_->owner(segment.slot());
    if (owner == id_) {
      CollectSegment(segment);
    } else if (!segment.inbox.Empty() && segment.inbox.MarkPosted()) {
      // The slot has changed hands since: its mail is the new owner's. The address of that shard
      // is found from ours, because shards lie in one array.
      Shard* other = this - id_.value() + owner.value();
      other->mail_.Push(segment.slot(), segment.inbox);
      other->NotePost();  // who has swept that shard in vain has missed this
    }
  }
  collecting_ = false;
  ReturnEmptySegments(kConfig.retained_segments);
}

void Shard::CollectSegment(Segment& segment) {
  const uint32_t base = FirstPageOf(segment.slot()).value();
  for (unsigned w = 0; w < Inbox::kWords; ++w) {
    uint64_t spans = segment.inbox.Take(Inbox::kSpan, w);
    for (; spans != 0; spans &= spans - 1) {
      CollectSpan(PageIndex(base + w * 64 + static_cast<unsigned>(std::countr_zero(spans))));
    }
    uint64_t runs = segment.inbox.Take(Inbox::kRun, w);
    for (; runs != 0; runs &= runs - 1) {
      const PageIndex page(base + w * 64 + static_cast<unsigned>(std::countr_zero(runs)));
      counters_.mail_collected.Add(1);
      FreeRun(arena_->segmap().AddressOf(page));
    }
  }
}

// The hint may be stale: the page may be anything by now, and then there is no mail for it.
void Shard::CollectSpan(PageIndex page) {
  if (!IsSmall(PlainTag(*arena_, page))) return;
  Span& span = SpanTable::Find(*arena_, page);
  if (span.size_class() == SizeClass(0) || !(span.first_page() == page)) return;
  const unsigned before = span.free_count();
  unsigned bad;
  if (!span.Collect(arena_->page_mail<SpanMail>(page), &bad)) {
    ReportMisuse(Misuse::kDoubleFree,
                 arena_->segmap().AddressOf(page) + size_t{bad} * span.info().size);
  }
  const unsigned gained = span.free_count() - before;
  if (gained == 0) return;
  counters_.mail_collected.Add(gained);
  releases_.Add(1);
  SpanGained(span);
}

void Shard::CollectHandedOver() {
  CollectMail();
  for (unsigned i = 1; i < kClasses; ++i) {
    const SizeClass c = ClassAt(i);
    if (stash(c).count() > 0) EmptyStash(c);
  }
}

void Shard::CollectAll() {
  CollectHandedOver();
  for (unsigned c = 1; c <= kSmallClasses; ++c) {
    central_[c].ForEach(spans(), [&](Span& span) HZ3_NO_ANALYSIS {
      if (span.AllFree()) CloseSpan(span);
    });
  }
}

void Shard::EmptyStash(SizeClass c) {
  void* batch[kStashBatch];
  // The stash is bounded, and others may fill it while it is emptied: bounded all the same.
  for (unsigned round = 0; round < 2 * OwnerStash::kMaxEntries / kStashBatch; ++round) {
    const unsigned n = stash(c).Take(batch, kStashBatch);
    if (n == 0) return;
    FreeObjects(c, batch, n);
  }
}

unsigned Shard::TakeStashed(SizeClass c, void** out, unsigned want, const void* who) {
  OwnerStash& from = stash(c);
  const unsigned got = from.Take(out, want);
  if (got > 0) from.NoteUse();
  if (got < want && from.TooSmallFor(who)) GrowStash(c);
  return got;
}

size_t Shard::MostStashGrowth() const {
  const CommitMeter& meter = arena_->meter();
  if (!meter.IsLimited()) return kConfig.stash_growth_bytes;
  const size_t pages = std::min(meter.limit(), meter.alarm()) / kStashPart / shards_;
  return std::min(kConfig.stash_growth_bytes, pages << kPageShift);
}

void Shard::GrowStash(SizeClass c) {
  const unsigned had = stash(c).room();
  const unsigned room = std::min(2 * had, OwnerStash::MostOf(c));
  if (room == had) return;
  const size_t more = size_t{room - had} * InfoOf(c).size;
  const size_t before = stash_growth_.fetch_add(more, std::memory_order_relaxed);
  if (before + more > MostStashGrowth() || !stash(c).Grow(had, room)) {
    stash_growth_.fetch_sub(more, std::memory_order_relaxed);
  }
}

void Shard::ShrinkIdleStashes() {
  unsigned left = kMostUnstashed;
  for (unsigned i = 1; i < kClasses; ++i) {
    const SizeClass c = ClassAt(i);
    const bool too_much = stash_growth_.load(std::memory_order_relaxed) > MostStashGrowth();
    if (!stash(c).WasIdle() && !too_much) continue;
    const size_t less = size_t{stash(c).Shrink(c)} * InfoOf(c).size;
    if (less > 0) stash_growth_.fetch_sub(less, std::memory_order_relaxed);
    const unsigned keep = stash(c).count() / 2;
    void* batch[kStashBatch];
    while (left > 0) {
      const unsigned n = stash(c).Take(batch, std::min(left, kStashBatch), keep);
      if (n == 0) break;
      FreeObjects(c, batch, n);
      left -= n;
    }
  }
}

MemoryRange Shard::TakeToPopulate() {
  const MemoryRange range = std::exchange(to_populate_, {});
  if (range.bytes == kSegmentSize) {
    arena_->SegmentOf(arena_->segmap().PageOf(range.start)).set_populating(true);
  }
  return range;
}

Segment* Shard::ClaimDirty(size_t max_pages, PageBits* claimed) {
  Segment* best = nullptr;
  unsigned best_free = 0;
  segments_.ForEach(*arena_, [&](Segment& segment) {
    const unsigned n = segment.is_populating() ? 0 : segment.FreeDirty().Count();
    if (n > best_free) {
      best_free = n;
      best = &segment;
    }
  });
  *claimed = PageBits();
  if (best == nullptr || max_pages == 0) return nullptr;
  const PageBits dirty = best->FreeDirty();
  size_t left = max_pages;
  for (unsigned first = dirty.NextSet(0); first != PageBits::kNone && left > 0;) {
    const unsigned end = dirty.NextClear(first);
    const unsigned n = static_cast<unsigned>(std::min<size_t>(end - first, left));
    unsigned fresh;
    TakeRun(*best, first, n, &fresh);
    claimed->SetRange(first, n);
    left -= n;
    first = dirty.NextSet(end);
  }
  return best;
}

void Shard::UnclaimDirty(Segment& segment, const PageBits& claimed) {
  for (unsigned first = claimed.NextSet(0); first != PageBits::kNone;) {
    // Runs that touch were claimed one by one: give each back from its own start.
    const unsigned end = std::min(claimed.NextClear(first), first + segment.RunLength(first));
    const unsigned dirty = end - first - segment.CleanPagesIn(first, end - first);
    Uncarve(segment, first, end - first);
    SetDirtyFree(dirty_free_pages() - (end - first) + dirty);
    first = claimed.NextSet(end);
  }
  releases_.Add(1);
}

size_t Shard::TakeDirtyLowWater() {
  const size_t low = dirty_low_water_;
  dirty_low_water_ = dirty_free_pages();
  return low;
}

void Shard::AddFree(size_t pages) { free_.store(free_pages() + pages, std::memory_order_relaxed); }
void Shard::SubtractFree(size_t pages) {
  free_.store(free_pages() - pages, std::memory_order_relaxed);
}
void Shard::SetDirtyFree(size_t pages) {
  dirty_free_.store(pages, std::memory_order_relaxed);
  dirty_low_water_ = std::min(dirty_low_water_, pages);
}

// Of the segment only the inbox is touched: what was posted is not live any more, so it may be
// emptied and opened anew by another shard meanwhile.
uint64_t Shard::PostPages(SlotIndex slot, Inbox::Kind kind, unsigned w, uint64_t pages) {
  Inbox& inbox = arena_->segment(slot).inbox;
  const uint64_t before = inbox.Put(kind, w, pages);
  if (inbox.MarkPosted()) mail_.Push(slot, inbox);
  return before;
}

void Shard::PostObjects(SizeClass c, void* const* objects, unsigned n) {
  if (!IsSmall(c.value())) {
    PostRuns(objects, n);
    return;
  }
  const Segmap& segmap = arena_->segmap();
  for (unsigned i = 0; i < n;) {
    Span& span = SpanTable::Find(*arena_, segmap.PageOf(objects[i]));
    if (span.size_class() != c || !span.Has(segmap.PageOf(objects[i]))) {
      ReportMisuse(Diagnose(segmap.Lookup(objects[i]), c), objects[i]);
    }
    const PageIndex page = span.first_page();
    char* base = segmap.AddressOf(page);
    // All neighbours in the batch that share a word of this span's mailbox go by one post.
    unsigned word = Span::kWords;
    uint64_t bits = 0;
    for (; i < n; ++i) {
      char* object = static_cast<char*>(objects[i]);
      const size_t offset = static_cast<size_t>(object - base);
      if (object < base || offset >= size_t{InfoOf(c).pages} * kPageSize) break;
      const unsigned number = span.ObjectNumber(static_cast<uint32_t>(offset));
      if (number == kMaxObjects) ReportMisuse(Diagnose(segmap.Lookup(object), c), object);
      if (word != Span::kWords && word != number / 64) break;
      word = number / 64;
      const uint64_t bit = uint64_t{1} << (number % 64);
      if ((bits & bit) != 0) ReportMisuse(Misuse::kDoubleFree, object);
      bits |= bit;
    }
    // Read twice, the record was not the same: nobody held this object.
    if (word == Span::kWords) ReportMisuse(Misuse::kDoubleFree, objects[i]);
    const uint64_t twice = arena_->page_mail<SpanMail>(page).Post(word, bits) & bits;
    if (twice != 0) {
      const unsigned number = word * 64 + static_cast<unsigned>(std::countr_zero(twice));
      ReportMisuse(Misuse::kDoubleFree, base + size_t{number} * InfoOf(c).size);
    }
    const unsigned in_segment = PageInSegment(page);
    PostPages(SlotOf(page), Inbox::kSpan, in_segment / 64, uint64_t{1} << (in_segment % 64));
  }
  NotePost();
}

// Neighbours in the batch that share a word of their segment's mailbox go by one fetch_or.
void Shard::PostRuns(void* const* objects, unsigned n) {
  const Segmap& segmap = arena_->segmap();
  for (unsigned i = 0; i < n;) {
    const uint32_t word = segmap.PageOf(objects[i]).value() / 64;
    uint64_t bits = 0;
    for (; i < n; ++i) {
      const PageIndex page = segmap.PageOf(objects[i]);
      if (page.value() / 64 != word) break;
      const uint64_t bit = uint64_t{1} << (page.value() % 64);
      if (OffsetInPage(objects[i]) != 0) ReportMisuse(Misuse::kInteriorPointer, objects[i]);
      if (segmap.Get(page) == 0 || (bits & bit) != 0) ReportMisuse(Misuse::kDoubleFree, objects[i]);
      bits |= bit;
    }
    const PageIndex first(word * 64);
    const uint64_t twice =
        PostPages(SlotOf(first), Inbox::kRun, PageInSegment(first) / 64, bits) & bits;
    if (twice != 0) {
      const uint32_t bad = first.value() + static_cast<unsigned>(std::countr_zero(twice));
      ReportMisuse(Misuse::kDoubleFree, segmap.AddressOf(PageIndex(bad)));
    }
  }
  NotePost();
}

void Shard::LockForFork() {
  lease_.Lock();
  for (OwnerStash& stash : stashes_) stash.LockForFork();
}
void Shard::UnlockAfterFork() {
  for (OwnerStash& stash : stashes_) stash.UnlockAfterFork();
  lease_.Unlock();
}
// A thread that is gone may have been between marking a segment and linking it: the list is made
// anew from what the inboxes hold.
void Shard::ResetAfterFork() {
  for (OwnerStash& stash : stashes_) stash.ResetAfterFork();
  lease_.ResetAfterFork();
  mail_.Clear();
  for (uint32_t slot = 0; slot < arena_->used_slots(); ++slot) {
    if (!(arena_->owner(SlotIndex(slot)) == id_)) continue;
    arena_->segment(SlotIndex(slot)).set_populating(false);  // by a thread that is gone
    Inbox& inbox = arena_->segment(SlotIndex(slot)).inbox;
    inbox.ClearPosted();
    if (!inbox.Empty() && inbox.MarkPosted()) mail_.Push(SlotIndex(slot), inbox);
  }
}

}  // namespace hz3
