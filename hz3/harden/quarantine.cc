#include "hz3/harden/quarantine.h"

#include "hz3/base/random.h"

namespace hz3 {

bool Quarantine::Init(OsMemory& os, size_t max_bytes) {
  auto* entries = static_cast<Entry*>(CommitBetweenGuards(os, kStripes * kEntries * sizeof(Entry)));
  if (entries == nullptr) return false;
  for (unsigned i = 0; i < kStripes; ++i) stripes_[i].entries = entries + size_t{i} * kEntries;
  stripe_bytes_ = max_bytes / kStripes;
  return true;
}

unsigned Quarantine::StripeOfThread() {
  static constinit thread_local char anchor = 0;
  return static_cast<unsigned>(Mix(reinterpret_cast<uintptr_t>(&anchor)) % kStripes);
}

char* Quarantine::TakeOut(Stripe& stripe, unsigned i) {
  const Entry out = stripe.entries[i];
  stripe.entries[i] = stripe.entries[--stripe.count];
  stripe.bytes -= out.bytes;
  return out.block;
}

unsigned Quarantine::Hold(char* block, size_t bytes, char** evicted) {
  Stripe& stripe = stripes_[StripeOfThread()];
  LeaseHolder hold(stripe.lease);
  if (stripe.entries == nullptr || bytes > stripe_bytes_) {
    evicted[0] = block;
    return 1;
  }
  unsigned n = 0;
  while (n < kMaxEvicted && stripe.count > 0 &&
         (stripe.count == kEntries || stripe.bytes + bytes > stripe_bytes_)) {
    evicted[n++] = TakeOut(stripe, RandomBelow(stripe.count));
  }
  stripe.entries[stripe.count++] = {block, bytes};
  stripe.bytes += bytes;
  return n;
}

unsigned Quarantine::Drain(char** evicted) {
  unsigned n = 0;
  for (Stripe& stripe : stripes_) {
    LeaseHolder hold(stripe.lease);
    while (n < kMaxEvicted && stripe.count > 0) evicted[n++] = TakeOut(stripe, stripe.count - 1);
  }
  return n;
}

size_t Quarantine::bytes() {
  size_t sum = 0;
  for (Stripe& stripe : stripes_) {
    LeaseHolder hold(stripe.lease);
    sum += stripe.bytes;
  }
  return sum;
}

}  // namespace hz3
