#include "hz3/observe/call_sites.h"

#include <cstring>

#include "hz3/base/random.h"

namespace hz3 {
namespace {

constexpr uint32_t kNoAddress = ~uint32_t{0};

uint32_t HashOf(const uint32_t* addresses, unsigned n) {
  uint64_t hash = n;
  for (unsigned i = 0; i < n; ++i) hash = Mix(hash * 31 + addresses[i]);
  return static_cast<uint32_t>(hash);
}

}  // namespace

unsigned CallSites::SetOf(const void* base) {
  return static_cast<unsigned>(Mix(reinterpret_cast<uintptr_t>(base)) % kSets);
}

bool CallSites::Matches(const Seen& seen, const void* base) const {
  if (seen.base != base) return false;
  const Site& site = sites_[seen.site];
  const auto* words = static_cast<const uintptr_t*>(base);
  for (unsigned i = 0; i < seen.count; ++i) {
    if (words[seen.offsets[i]] != Address(AddressOfFrame(site, i))) return false;
  }
  return true;
}

uint32_t CallSites::Lookup(const void* base) const {
  for (const Seen& seen : sets_[SetOf(base)].ways) {
    if (Matches(seen, base)) return seen.site;
  }
  return kUnknown;
}

// Open addressing; the table is never more than half full.
uint32_t CallSites::InternAddress(uintptr_t address) {
  for (uint64_t slot = Mix(address);; ++slot) {
    uint32_t& entry = address_slots_[slot % kAddressSlots];
    if (entry != 0 && addresses_[entry - 1] == address) return entry - 1;
    if (entry != 0) continue;
    if (address_count_ == kMaxAddresses) return kNoAddress;
    addresses_[address_count_] = address;
    entry = ++address_count_;
    return entry - 1;
  }
}

bool CallSites::IsStackOf(const Site& site, const uint32_t* addresses, unsigned n) const {
  return site.frames == n &&
         memcmp(frames_ + site.first_frame, addresses, n * sizeof(uint32_t)) == 0;
}

uint32_t CallSites::InternAddresses(const uint32_t* addresses, unsigned n) {
  const uint32_t hash = HashOf(addresses, n);
  uint32_t& chain = chains_[hash % kSiteChains];
  for (uint32_t i = chain; i != 0; i = sites_[i].next) {
    if (sites_[i].hash == hash && IsStackOf(sites_[i], addresses, n)) return i;
  }
  if (site_count_ + 1 == kMaxSites || frame_count_ + n > kMaxFrames) return kOther;
  const uint32_t number = ++site_count_;
  memcpy(frames_ + frame_count_, addresses, n * sizeof(uint32_t));
  sites_[number] = {frame_count_, n, hash, chain, {}, {}, {}, {}, {}};
  frame_count_ += n;
  chain = number;
  return number;
}

void CallSites::Remember(const void* base, const CallStack& stack, uint32_t site) {
  Set& set = sets_[SetOf(base)];
  Seen& seen = set.ways[set.next_way++ % kWays];
  seen.base = base;
  seen.site = site;
  seen.count = stack.count;
  memcpy(seen.offsets, stack.offsets, stack.count * sizeof(uint32_t));
}

uint32_t CallSites::Intern(const void* base, const CallStack& stack) {
  uint32_t addresses[CallStack::kMaxFrames];
  for (unsigned i = 0; i < stack.count; ++i) {
    addresses[i] = InternAddress(stack.frames[i]);
    if (addresses[i] != kNoAddress) continue;
    ++overflows_;
    return kOther;
  }
  const uint32_t site = InternAddresses(addresses, stack.count);
  if (site == kOther) {
    ++overflows_;
  } else if (stack.has_offsets) {
    Remember(base, stack, site);
  }
  return site;
}

void CallSites::ClearFigures() {
  for (uint32_t i = 0; i < count(); ++i) {
    Site& site = sites_[i];
    site.live = site.peak = site.allocated = site.stranded = site.pinned = {};
  }
  overflows_ = 0;
}

}  // namespace hz3
