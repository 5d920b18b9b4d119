#include "testing/simulation/page_oracle.h"

#include <algorithm>
#include <sstream>
#include <utility>

namespace hz3::simulation {
namespace {

const char* NameOf(Place place) {
  switch (place) {
    case Place::kHeap:
      return "heap";
    case Place::kLive:
      return "live";
    case Place::kBin:
      return "bin";
    case Place::kStaged:
      return "staged";
    case Place::kTransit:
      return "transit";
    case Place::kLost:
      return "lost";
  }
  return "?";
}

bool IsElsewhere(Place place) { return place != Place::kHeap && place != Place::kLive; }

}  // namespace

PageOracle::PageOracle(const char* base, uint32_t slots,
                       std::function<uint32_t(const void*)> span_start)
    : base_(base),
      span_start_(std::move(span_start)),
      map_(size_t{slots} * kPagesPerSegment, kNone),
      spots_(map_.size() * kMaxObjects),
      mute_(slots, 0) {}

void PageOracle::Fail(const std::string& what, const void* p) {
  if (!error_.empty()) return;
  const size_t offset = static_cast<size_t>(static_cast<const char*>(p) - base_);
  std::ostringstream text;
  text << what << ": slot " << offset / kSegmentSize << " page "
       << offset / kPageSize % kPagesPerSegment << " byte " << offset % kPageSize;
  error_ = text.str();
}

bool PageOracle::Locate(const void* p, Object* object) const {
  const uint32_t page = PageOf(p);
  if (page >= map_.size() || map_[page] == kNone) return false;
  const Block& block = blocks_[map_[page]];
  const size_t offset =
      static_cast<size_t>(static_cast<const char*>(p) - base_) - block.first * kPageSize;
  const bool small = IsSmall(block.size_class.value());
  const size_t size = small ? InfoOf(block.size_class).size : block.pages * kPageSize;
  *object = {map_[page], static_cast<unsigned>(offset / size)};
  return offset % size == 0 && object->number < block.objects;
}

bool PageOracle::Find(const void* p, Object* object) {
  if (Locate(p, object)) return true;
  Fail("no block begins here", p);
  return false;
}

// The object at `p` if it is still where it is said to be: the pages may be another block by now.
PageOracle::Spot* PageOracle::SpotAt(const void* p, Place place, Holder holder, Object* object) {
  if (!Locate(p, object)) return nullptr;
  Spot& spot = At(blocks_[object->block], object->number);
  return spot.place == place && spot.holder == holder ? &spot : nullptr;
}

// The object at `p`, which is of class c; makes its block if the oracle did not know of one.
bool PageOracle::FindOrMake(const void* p, SizeClass c, size_t pages, Object* object) {
  const uint32_t page = PageOf(p);
  if (page >= map_.size()) {
    Fail("outside of the arena", p);
    return false;
  }
  const bool small = IsSmall(c.value());
  const uint32_t first = small ? span_start_(p) : page;
  if (map_[page] != kNone) {
    const Block& block = blocks_[map_[page]];
    if (block.size_class == c && block.first == first && block.pages == pages) {
      return Find(p, object);
    }
  }
  if (first > page || page - first >= pages || first + pages > map_.size()) {
    Fail("lies outside of its span", p);
    return false;
  }
  for (uint32_t i = first; i < first + pages; ++i) {
    // What is on its way to the heap, or may be, has evidently arrived.
    if (map_[i] != kNone && !ForgetIfWithHeap(map_[i])) {
      Fail("overlaps a block that somebody has", p);
      return false;
    }
  }
  Make(first, pages, c);
  return Find(p, object);
}

uint32_t PageOracle::Make(uint32_t first, size_t pages, SizeClass c) {
  uint32_t index;
  if (free_blocks_.empty()) {
    index = static_cast<uint32_t>(blocks_.size());
    blocks_.emplace_back();
  } else {
    index = free_blocks_.back();
    free_blocks_.pop_back();
  }
  Block& block = blocks_[index];
  block = Block();
  block.first = first;
  block.pages = static_cast<uint32_t>(pages);
  block.size_class = c;
  block.objects = IsSmall(c.value()) ? InfoOf(c).objects : 1;
  std::fill_n(map_.begin() + first, pages, index);
  for (unsigned i = 0; i < block.objects; ++i) At(block, i) = Spot();
  return index;
}

void PageOracle::Forget(uint32_t index) {
  Block& block = blocks_[index];
  for (unsigned i = 0; i < block.objects; ++i) At(block, i).place = Place::kHeap;
  std::fill_n(map_.begin() + block.first, block.pages, kNone);
  block = Block();
  free_blocks_.push_back(index);
}

// Forgets the block if the heap can have all of it: nothing live, in a bin, claimed or lost.
bool PageOracle::ForgetIfWithHeap(uint32_t index) {
  const Block& block = blocks_[index];
  for (unsigned i = 0; i < block.objects; ++i) {
    const Place place = At(block, i).place;
    if (place != Place::kHeap && place != Place::kStaged && place != Place::kTransit) return false;
  }
  Forget(index);
  return true;
}

void PageOracle::Move(const Object& object, Place to, Holder holder) {
  Block& block = blocks_[object.block];
  Spot& spot = At(block, object.number);
  if (spot.place == Place::kLive) --block.live;
  if (IsElsewhere(spot.place)) --block.elsewhere;
  if (to == Place::kLive) ++block.live;
  if (IsElsewhere(to)) ++block.elsewhere;
  if (to == Place::kLost) ++lost_;
  spot.place = to;
  spot.holder = holder;
  if (block.live == 0 && block.elsewhere == 0) Forget(object.block);
}

void PageOracle::HandOut(const void* p, SizeClass c, size_t pages) {
  Object object;
  if (!FindOrMake(p, c, pages, &object)) return;
  const Spot& spot = At(blocks_[object.block], object.number);
  if (spot.place == Place::kLive || spot.place == Place::kBin || spot.place == Place::kLost) {
    return Fail(std::string("handed out although it is ") + NameOf(spot.place), p);
  }
  Move(object, Place::kLive, 0);
}

void PageOracle::Return(const void* p, Place to, Holder holder) {
  Object object;
  if (!Find(p, &object)) return;
  if (PlaceOf(blocks_[object.block], object.number) != Place::kLive) {
    return Fail("returned although it is not live", p);
  }
  if (to == Place::kStaged) staged_[holder].push_back(p);
  Move(object, to, holder);
}

void PageOracle::Resize(const void* p, size_t pages) {
  Object object;
  if (!Find(p, &object)) return;
  Block& block = blocks_[object.block];
  for (size_t i = block.first + block.pages; i < block.first + pages; ++i) {
    if (i >= map_.size() || (map_[i] != kNone && !ForgetIfWithHeap(map_[i]))) {
      return Fail("grew into a block that somebody has", p);
    }
  }
  std::fill_n(map_.begin() + block.first, block.pages, kNone);
  std::fill_n(map_.begin() + block.first, pages, object.block);
  block.pages = static_cast<uint32_t>(pages);
}

void PageOracle::Arrive(const void* p, Place from, Holder holder) {
  Object object;
  if (SpotAt(p, from, holder, &object) != nullptr) Move(object, Place::kHeap, 0);
}

void PageOracle::ObserveLeft(Holder holder, SizeClass c, void* const* entries, unsigned n,
                             const std::function<Place(const void*)>& left_to) {
  ++observation_;
  for (unsigned i = 0; i < n; ++i) {
    Object object;
    Spot* spot = SpotAt(entries[i], Place::kBin, holder, &object);
    if (spot != nullptr && blocks_[object.block].size_class == c) spot->seen = observation_;
  }
  for (void* p : bins_[holder][c.value()]) {
    Object object;
    const Spot* spot = SpotAt(p, Place::kBin, holder, &object);
    if (spot == nullptr || spot->seen == observation_) continue;
    const Place to = left_to(p);
    if (to == Place::kStaged) staged_[holder].push_back(p);
    Move(object, to, holder);
  }
}

void PageOracle::ObserveNew(Holder holder, SizeClass c, void* const* entries, unsigned n) {
  ++observation_;
  for (unsigned i = 0; i < n; ++i) {
    Object object;
    if (!FindOrMake(entries[i], c, InfoOf(c).pages, &object)) return;
    Spot& spot = At(blocks_[object.block], object.number);
    const bool taken = spot.place == Place::kLive || spot.place == Place::kLost ||
                       (spot.place == Place::kBin && spot.holder != holder);
    if (taken || spot.seen == observation_) {
      return Fail(std::string("in a bin although it is ") + NameOf(spot.place), entries[i]);
    }
    spot.seen = observation_;
    if (spot.place != Place::kBin) Move(object, Place::kBin, holder);
  }
  bins_[holder][c.value()].assign(entries, entries + n);
}

void PageOracle::PushBin(Holder holder, SizeClass c, void* p) {
  Return(p, Place::kBin, holder);
  bins_[holder][c.value()].push_back(p);
}

void PageOracle::PopBin(Holder holder, SizeClass c, void* p) {
  std::vector<void*>& bin = bins_[holder][c.value()];
  Object object;
  if (bin.empty() || bin.back() != p) return Fail("not what lies uppermost in the bin", p);
  bin.pop_back();
  if (Find(p, &object)) Move(object, Place::kLive, 0);
}

void PageOracle::NothingStaged(Holder holder) {
  for (const void* p : staged_[holder]) Arrive(p, Place::kStaged, holder);
  staged_[holder].clear();
}

void PageOracle::Lose(Holder holder) {
  for (std::vector<void*>& bin : bins_[holder]) {
    for (const void* p : bin) {
      Object object;
      if (Find(p, &object)) Move(object, Place::kLost, holder);
    }
    bin.clear();
  }
  // Not all of these were in the stash, so they may still be met: on their way for ever.
  for (const void* p : staged_[holder]) {
    Object object;
    if (SpotAt(p, Place::kStaged, holder, &object) == nullptr) continue;
    Move(object, Place::kTransit, kHolders);
    ++lost_;
  }
  staged_[holder].clear();
}

void PageOracle::Claim(uint32_t first, uint32_t n) {
  const char* p = base_ + size_t{first} * kPageSize;
  for (uint32_t i = first; i < first + n; ++i) {
    if (map_[i] != kNone && !ForgetIfWithHeap(map_[i])) {
      return Fail("claimed although somebody has it", p);
    }
  }
  const uint32_t index = Make(first, n, SizeClass(0));
  Move({index, 0}, Place::kLost, kHolders);
  --lost_;
}

void PageOracle::Unclaim(uint32_t first) {
  if (map_[first] != kNone) Move({map_[first], 0}, Place::kHeap, 0);
}

bool PageOracle::IsHidden(const Spot& spot, const Hidden& hidden) const {
  switch (spot.place) {
    case Place::kHeap:
      return false;
    case Place::kBin:
    case Place::kStaged:
      return hidden[spot.holder];
    case Place::kLive:
    case Place::kTransit:
    case Place::kLost:
      return true;
  }
  return true;
}

bool PageOracle::Blocks(const Block& block, const Hidden& hidden) const {
  if (block.live > 0) return true;
  for (unsigned i = 0; i < block.objects; ++i) {
    if (IsHidden(At(block, i), hidden)) return true;
  }
  return false;
}

// An object that is free in a span which others surely keep from being pages again.
bool PageOracle::HasRoom(const Block& block, const Hidden& hidden) const {
  bool kept = block.live > 0;
  bool room = block.live + block.elsewhere < block.objects;
  for (unsigned i = 0; i < block.objects && !(kept && room); ++i) {
    const Spot& spot = At(block, i);
    const bool is_hidden = IsHidden(spot, hidden);
    room = room || !is_hidden;
    kept = kept || spot.place == Place::kLost || (spot.place == Place::kBin && is_hidden);
  }
  return kept && room;
}

PageOracle::Sight PageOracle::Survey(const Wish& wish, const Hidden& hidden) const {
  Sight sight;
  const size_t slots_wanted = wish.pages > kMaxRunPages ? SlotsFor(wish.pages * kPageSize) : 0;
  size_t free_slots = 0;
  for (uint32_t slot = 0; slot < mute_.size(); ++slot) {
    const uint32_t begin = slot * kPagesPerSegment;
    const uint32_t end = begin + kPagesPerSegment;
    if (mute_[slot] > 0) {
      sight.blocked_pages += kPagesPerSegment;
      free_slots = 0;
      continue;
    }
    uint32_t run_begin = begin;
    uint32_t page = begin;
    const auto end_run = [&] {
      const uint32_t start = begin + static_cast<uint32_t>(RoundUp(run_begin - begin, wish.align));
      if (slots_wanted == 0 && start + wish.pages <= page) sight.run = true;
    };
    while (page < end) {
      if (map_[page] == kNone) {
        ++page;
        continue;
      }
      const Block& block = blocks_[map_[page]];
      const uint32_t next = std::min(end, block.first + block.pages);
      if (IsSmall(wish.size_class.value()) && block.size_class == wish.size_class &&
          HasRoom(block, hidden)) {
        sight.object = true;
      }
      if (Blocks(block, hidden)) {
        sight.blocked_pages += next - page;
        end_run();
        run_begin = next;
      }
      page = next;
    }
    end_run();
    free_slots = run_begin == begin ? free_slots + 1 : 0;
    if (slots_wanted > 0 && free_slots >= slots_wanted) sight.run = true;
  }
  return sight;
}

void PageOracle::Hides(const Hidden& hidden, size_t* pages, size_t* bytes) const {
  *pages = 0;
  *bytes = 0;
  for (uint32_t page = 0; page < map_.size();) {
    if (map_[page] == kNone) {
      ++page;
      continue;
    }
    const Block& block = blocks_[map_[page]];
    page = block.first + block.pages;
    size_t held = 0;
    for (unsigned i = 0; i < block.objects && block.elsewhere > 0; ++i) {
      const Spot& spot = At(block, i);
      if (spot.place == Place::kBin && hidden[spot.holder]) ++held;
    }
    const bool medium = IsBinnedRun(block.size_class.value());
    *bytes += held * (medium ? block.pages * kPageSize : InfoOf(block.size_class).size);
    if (held > 0 && block.live == 0) *pages += block.pages;
  }
}

std::string PageOracle::Dump() const {
  std::string text = "L live, b bin, s remote stash, t transit, x lost, . with the heap\n";
  for (uint32_t page = 0; page < map_.size(); ++page) {
    if (page % 128 == 0) {
      text += "slot " + std::to_string(page / kPagesPerSegment) + " page " +
              std::to_string(page % kPagesPerSegment) + ": ";
    }
    text += map_[page] == kNone ? '.' : MarkOf(blocks_[map_[page]]);
    if (page % 128 == 127) text += '\n';
  }
  return text;
}

// What keeps the block, the strongest first.
char PageOracle::MarkOf(const Block& block) const {
  if (block.live > 0) return 'L';
  static constexpr std::pair<Place, char> kMarks[] = {
      {Place::kLost, 'x'}, {Place::kBin, 'b'}, {Place::kTransit, 't'}, {Place::kStaged, 's'}};
  for (const auto& [place, mark] : kMarks) {
    for (unsigned i = 0; i < block.objects; ++i) {
      if (At(block, i).place == place) return mark;
    }
  }
  return '?';
}

}  // namespace hz3::simulation
