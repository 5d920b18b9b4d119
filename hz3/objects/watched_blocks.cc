#include "hz3/objects/watched_blocks.h"

namespace hz3 {

WatchedBlocks::Place WatchedBlocks::Find(const void* p) const {
  const Segmap& segmap = arena_->segmap();
  const PageIndex page = segmap.PageOf(p);
  const Tag tag = PlainTag(*arena_, page);
  if (!IsSmall(tag)) {
    return {page, page, segmap.AddressOf(page) == p ? 0 : kMaxObjects, tag};
  }
  const Span& span = SpanTable::Find(*arena_, page);
  // A span that is not open, or no longer: p is no block.
  if (span.size_class() != SizeClass(tag) || !span.Has(page)) return {page, page, kMaxObjects, tag};
  const char* base = segmap.AddressOf(span.first_page());
  const auto offset = static_cast<uint32_t>(static_cast<const char*>(p) - base);
  return {page, span.first_page(), span.ObjectNumber(offset), tag};
}

bool WatchedBlocks::IsWatched(const void* p) const {
  const Place place = Find(p);
  return place.number < kMaxObjects &&
         (WordOf(place).load(std::memory_order_relaxed) & BitOf(place)) != 0;
}

void WatchedBlocks::Watch(const void* p, Tag tag) {
  LeaseHolder hold(lease_);
  const Place place = Find(p);
  WordOf(place).fetch_or(BitOf(place), std::memory_order_relaxed);
  if (tag >= kTagWatched) return;
  arena_->page_record<Span>(place.page).plain_tag.store(tag, std::memory_order_relaxed);
  // Release: who sees the tag sees what is behind it.
  std::atomic_thread_fence(std::memory_order_release);
  arena_->segmap().Set(place.page, kTagWatched);
}

void WatchedBlocks::Unwatch(const void* p) {
  LeaseHolder hold(lease_);
  const Place place = Find(p);
  if (place.number == kMaxObjects) return;
  const uint64_t before = WordOf(place).fetch_and(~BitOf(place), std::memory_order_relaxed);
  if ((before & BitOf(place)) == 0 || arena_->segmap().Get(place.page) != kTagWatched) return;
  if (!IsAnyWatchedOn(place)) arena_->segmap().Set(place.page, place.tag);
}

// Whether a watched block begins on the page: only those of spans have neighbours there.
bool WatchedBlocks::IsAnyWatchedOn(const Place& place) const {
  if (!IsSmall(place.tag)) return false;
  const ClassInfo& info = kClassTable[place.tag];
  const auto begin = static_cast<uint32_t>((place.page.value() - place.record.value()) * kPageSize);
  Place other = place;
  for (other.number = (begin + info.size - 1) / info.size;
       other.number < info.objects && other.number * info.size < begin + kPageSize;
       ++other.number) {
    if ((WordOf(other).load(std::memory_order_relaxed) & BitOf(other)) != 0) return true;
  }
  return false;
}

}  // namespace hz3
