#include "testing/simulation/audit.h"

#include <sstream>
#include <unordered_map>
#include <vector>

#include "hz3/objects/owner_stash.h"
#include "hz3/objects/span_table.h"

namespace hz3::simulation {
namespace {

using Block = PageOracle::Block;

class Auditor {
 public:
  explicit Auditor(ModelHeap& heap)
      : heap_(heap), oracle_(heap.oracle()), arena_(heap.arena()), segmap_(arena_.segmap()) {}

  std::string Run() {
    for (unsigned i = 0; i < heap_.shards().count(); ++i) LookIntoStashes(heap_.shards()[i]);
    for (const auto& thread : heap_.threads()) LookIntoBins(*thread);
    for (uint32_t slot = 0; slot < arena_.slots() && error_.empty(); ++slot) LookAtSlot(slot);
    if (error_.empty()) CheckSums();
    return error_;
  }

 private:
  enum Found : uint8_t { kNowhere, kInBin, kInStash };

  void Fail(const std::string& what, uint32_t page) {
    if (!error_.empty()) return;
    std::ostringstream text;
    text << "audit: " << what << ": slot " << page / kPagesPerSegment << " page "
         << page % kPagesPerSegment;
    error_ = text.str();
  }
  void Check(bool right, const char* what, uint32_t page) {
    if (!right) Fail(what, page);
  }

  void Note(const void* p, Found found) {
    if (!found_.emplace(p, found).second) Fail("in two bins or stashes", oracle_.PageOf(p));
  }
  // Where `p` was found; it is asked for once.
  Found TakeFound(const void* p) {
    const auto at = found_.find(p);
    if (at == found_.end()) return kNowhere;
    const Found found = at->second;
    found_.erase(at);
    return found;
  }
  void LookIntoStashes(Shard& shard) {
    for (unsigned i = 1; i < kClasses; ++i) {
      const SizeClass c(static_cast<uint8_t>(i));
      void* objects[OwnerStash::kMaxEntries];
      // Out and in again: they lie as they lay.
      const unsigned n = shard.stash(c).Take(objects, OwnerStash::kMaxEntries);
      shard.stash(c).Put(objects, n, this);
      for (unsigned k = 0; k < n; ++k) {
        Note(objects[k], kInStash);
        Check(segmap_.Lookup(objects[k]) == i, "in the stash of another class",
              oracle_.PageOf(objects[k]));
      }
    }
  }
  void LookIntoBins(const ModelThread& thread) {
    if (thread.cache == nullptr) return;
    staged_bytes_ += thread.cache->CachedBytes();
    for (unsigned i = 1; i < kClasses; ++i) {
      const SizeClass c(static_cast<uint8_t>(i));
      const unsigned n = thread.cache->CachedObjects(c);
      staged_bytes_ -= size_t{n} * InfoOf(c).size;
      const std::vector<void*>& known = oracle_.bin(thread.holder, c);
      if (n != known.size()) return Fail("a bin holds more or less than was seen", 0);
      for (unsigned k = 0; k < n; ++k) {
        const void* p = thread.cache->top[i][-1 - static_cast<int>(k)];
        Note(p, kInBin);
        Check(p == known[n - 1 - k], "a bin holds something else than was seen", oracle_.PageOf(p));
      }
    }
  }

  void LookAtSlot(uint32_t slot) {
    const uint32_t base = slot * kPagesPerSegment;
    if (slot >= arena_.used_slots()) {
      ++free_slots_;
      return CheckNobodys(base, kPagesPerSegment, "live in a slot that was never used");
    }
    const Segment& segment = arena_.segment(SlotIndex(slot));
    dirty_ += segment.DirtyPages();
    switch (segment.use()) {
      case Segment::Use::kUnused:
        ++free_slots_;
        dirty_free_slots_ += segment.DirtyPages();
        return CheckNobodys(base, kPagesPerSegment, "live in a free slot");
      case Segment::Use::kHugeHead:
        return LookAtHuge(base, segment);
      case Segment::Use::kHugeTail:
        return Check(oracle_.BlockAt(base) != nullptr, "a slot without its block", base);
      case Segment::Use::kSegment:
        return LookAtSegment(base, segment);
    }
  }
  // Nobody but the heap has anything of these pages.
  void CheckNobodys(uint32_t first, uint32_t n, const char* what) {
    for (uint32_t page = first; page < first + n; ++page) {
      Check(segmap_.Get(PageIndex(page)) == 0, "a free page with a tag", page);
      const Block* block = oracle_.BlockAt(page);
      for (unsigned i = 0; block != nullptr && i < block->objects; ++i) {
        const Place place = oracle_.PlaceOf(*block, i);
        // What may have arrived has.
        Check(place == Place::kHeap || place == Place::kStaged || place == Place::kTransit, what,
              page);
      }
    }
  }
  void LookAtHuge(uint32_t base, const Segment& segment) {
    const Block* block = oracle_.BlockAt(base);
    Check(block != nullptr && block->first == base && block->live == 1 &&
              block->pages == segment.huge.slots * kPagesPerSegment,
          "whole slots that nobody has", base);
    Check(segmap_.Get(PageIndex(base)) == kTagHuge, "whole slots with another tag", base);
  }
  void LookAtSegment(uint32_t base, const Segment& segment) {
    const unsigned owner = arena_.owner(segment.slot()).value();
    if (owner >= kMaxShards) return Fail("a segment without a shard", base);
    free_[owner] += segment.free_pages();
    dirty_free_[owner] += segment.FreeDirty().Count();
    Check(segment.free_pages() == segment.free_bits().Count(), "a wrong count of pages", base);
    Check(segment.longest() >= segment.free_bits().LongestRun(), "a longer run than said", base);
    Check((segment.start_bits() & segment.free_bits()) == PageBits(), "a run begins in free pages",
          base);
    unsigned spans = 0;
    for (unsigned page = 0; page < kPagesPerSegment && error_.empty();) {
      if (segment.IsFree(page)) {
        CheckNobodys(base + page, 1, "live although its page is free");
        ++page;
        continue;
      }
      Check(segment.IsRunStart(page), "a page of no run that is not free", base + page);
      const unsigned n = segment.RunLength(page);
      Check(segment.CleanPagesIn(page, n) == 0, "a clean page in a run", base + page);
      LookAtRun(base, segment, page, n);
      spans += IsSmall(segmap_.Get(PageIndex(base + page)));
      page += n;
    }
    CheckRecords(base, segment, spans);
  }
  // Each record that the segment's spans ever needed is a span's or in the list of free ones.
  void CheckRecords(uint32_t base, const Segment& segment, unsigned spans) {
    unsigned free = 0;
    for (uint32_t number = segment.free_record; number != Segment::kNone && error_.empty();) {
      Check(number < segment.records && ++free <= segment.records, "a broken list of records",
            base);
      if (!error_.empty()) return;
      const Span& record = SpanTable::Records(arena_)[base + number];
      Check(record.size_class() == SizeClass(0), "a free record of an open span", base);
      number = record.next;
    }
    if (error_.empty()) Check(free + spans == segment.records, "a record that is lost", base);
  }
  void LookAtRun(uint32_t base, const Segment& segment, unsigned first, unsigned n) {
    const uint32_t page = base + first;
    const Tag tag = segmap_.Get(PageIndex(page));
    if (IsSmall(tag)) return LookAtSpan(page, n, SizeClass(tag));
    for (unsigned i = 1; i < n; ++i) {
      Check(segmap_.Get(PageIndex(page + i)) == 0, "a tag inside of a run", page + i);
    }
    const Block* block = oracle_.BlockAt(page);
    const Place place = block == nullptr || block->first != page || block->pages != n
                            ? Place::kHeap
                            : oracle_.PlaceOf(*block, 0);
    const bool mail = (segment.inbox.Peek(Inbox::kRun, first / 64) >> (first % 64)) & 1;
    const Found found = TakeFound(segmap_.AddressOf(PageIndex(page)));
    if (tag == 0) {  // claimed by a purger, or lost with one
      return Check(place == Place::kLost && !mail && found == kNowhere, "a run without a tag",
                   page);
    }
    Check(!IsBinnedRun(tag) || kClassTable[tag].pages == n, "a run of another length", page);
    const unsigned owners =
        mail + (found != kNowhere) + (place == Place::kLive) + (place == Place::kLost);
    Check(owners == 1, owners == 0 ? "a run that is lost" : "a run that two have", page);
    Check((found == kInBin) == (place == Place::kBin), "a run in a bin or not", page);
  }
  void LookAtSpan(uint32_t page, unsigned n, SizeClass c) {
    const Span& span = SpanTable::Find(arena_, PageIndex(page));
    Check(span.first_page() == PageIndex(page), "a span that begins elsewhere", page);
    Check(span.size_class() == c && InfoOf(c).pages == n, "a span of another class", page);
    for (unsigned i = 0; i < n; ++i) {
      Check(segmap_.Get(PageIndex(page + i)) == c.value(), "a span with a wrong tag", page + i);
      const Span& of_page = SpanTable::Find(arena_, PageIndex(page + i));
      Check(&of_page == &span && span.Has(PageIndex(page + i)), "a wrong record", page + i);
    }
    if (!error_.empty()) return;
    const Block* block = oracle_.BlockAt(page);
    if (block != nullptr && (block->first != page || block->size_class != c)) block = nullptr;
    unsigned free = 0;
    unsigned unseen = 0;     // not free, and not in any place that can be looked into
    unsigned may_stage = 0;  // of these: may be in a remote stash
    for (unsigned i = 0; i < InfoOf(c).objects; ++i) {
      const Place place = block == nullptr ? Place::kHeap : oracle_.PlaceOf(*block, i);
      const Found found =
          TakeFound(segmap_.AddressOf(PageIndex(page)) + size_t{i} * InfoOf(c).size);
      const bool is_free = span.IsFree(i);
      free += is_free;
      const unsigned owners =
          is_free + (found != kNowhere) + (place == Place::kLive) + (place == Place::kLost);
      Check(owners <= 1, "an object that two have", page);
      Check((found == kInBin) == (place == Place::kBin), "an object in a bin or not", page);
      unseen += owners == 0;
      may_stage += owners == 0 && place == Place::kStaged;
    }
    Check(free == span.free_count(), "a wrong count of objects", page);
    const unsigned mail = arena_.page_mail<SpanMail>(PageIndex(page)).Count();
    if (unseen < mail) return Fail("mail for an object that somebody has", page);
    // A thread that a fork ended may have had some in its remote stash: these are in transit.
    const unsigned staged = unseen - mail;
    if (staged > may_stage && oracle_.lost() == 0) return Fail("an object that is lost", page);
    found_staged_ += size_t{staged} * InfoOf(c).size;
  }

  void CheckSums() {
    Check(found_.empty(), "in a bin or stash, but in no block", 0);
    Check(free_slots_ == arena_.free_slots(), "a wrong count of slots", 0);
    Check(dirty_free_slots_ == arena_.dirty_free_pages(), "a wrong count of dirty slots", 0);
    Check(dirty_ == arena_.meter().committed(), "another sum is committed than is dirty", 0);
    if (oracle_.lost() == 0) {
      Check(found_staged_ == staged_bytes_, "objects are lost, or in a stash that has no room", 0);
    }
    for (unsigned i = 0; i < heap_.shards().count(); ++i) {
      const Shard& shard = heap_.shards()[i];
      Check(shard.free_pages() == free_[i], "a shard counts its free pages wrongly", 0);
      Check(shard.dirty_free_pages() == dirty_free_[i], "a shard counts dirty pages wrongly", 0);
    }
  }

  ModelHeap& heap_;
  const PageOracle& oracle_;
  Arena& arena_;
  const Segmap& segmap_;
  std::unordered_map<const void*, Found> found_;
  size_t staged_bytes_ = 0;
  size_t found_staged_ = 0;
  uint32_t free_slots_ = 0;
  size_t dirty_ = 0;
  size_t dirty_free_slots_ = 0;
  size_t free_[kMaxShards] = {};
  size_t dirty_free_[kMaxShards] = {};
  std::string error_;
};

}  // namespace

std::string Audit(ModelHeap& heap) { return Auditor(heap).Run(); }

std::string AuditEmpty(ModelHeap& heap) {
  Arena& arena = heap.arena();
  for (uint32_t page = 0; page < heap.oracle().pages(); ++page) {
    const PageOracle::Block* block = heap.oracle().BlockAt(page);
    if (block != nullptr && block->live > 0) return "the program still has a block";
    const uint32_t slot = page / kPagesPerSegment;
    const bool used =
        slot < arena.used_slots() && arena.segment(SlotIndex(slot)).use() != Segment::Use::kUnused;
    if (!used) continue;
    bool lost = false;
    for (uint32_t i = slot * kPagesPerSegment; i < (slot + 1) * kPagesPerSegment; ++i) {
      lost = lost || heap.oracle().BlockAt(i) != nullptr;
    }
    if (!lost) return "slot " + std::to_string(slot) + " did not come back to the arena";
  }
  return Audit(heap);
}

}  // namespace hz3::simulation
