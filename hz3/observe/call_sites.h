// CallSites: the distinct call stacks that allocated sampled blocks, each with a number, and what
// is known of each. Return addresses are stored once and have numbers too. A stack that was seen
// before is found without unwinding, from where its return addresses lie (call_stack.h).
//
// Bounded by kMaxSites and kMaxFrames; what comes after that belongs to the site kOther, which has
// no frames. Sites stay until Clear. Memory is fixed, is all zero at first, and takes space when
// used.
//
// Not thread-safe: the heap profile's lease. Slow path; a look-up is bounded by kWays stacks.
#ifndef HZ3_OBSERVE_CALL_SITES_H_
#define HZ3_OBSERVE_CALL_SITES_H_

#include <cstddef>
#include <cstdint>

#include "hz3/observe/call_stack.h"

namespace hz3 {

// An estimate of blocks from those that were sampled.
struct Estimate {
  double objects = 0;
  double bytes = 0;

  void Add(double objects_more, double bytes_more) {
    objects += objects_more;
    bytes += bytes_more;
  }
};

class CallSites {
 public:
  static constexpr unsigned kMaxSites = 1u << 14;
  static constexpr unsigned kMaxAddresses = 1u << 16;
  static constexpr unsigned kMaxFrames = 1u << 19;
  static constexpr uint32_t kOther = 0;

  struct Site {
    uint32_t first_frame;
    uint32_t frames;
    uint32_t hash;
    uint32_t next;  // in its chain, 0: none
    Estimate live, peak, allocated;
    // What a snapshot of fragmentation says; the writer's.
    Estimate stranded, pinned;
  };

  // The site of the stack that the frame `base` is in, if it was Found there lately; kUnknown.
  static constexpr uint32_t kUnknown = ~uint32_t{0};
  uint32_t Lookup(const void* base) const;
  // The site of `stack`, which was collected at `base`.
  uint32_t Intern(const void* base, const CallStack& stack);

  // Sites are 0..count()-1, addresses 0..address_count()-1.
  unsigned count() const { return site_count_ + 1; }
  Site& site(uint32_t i) { return sites_[i]; }
  const Site& site(uint32_t i) const { return sites_[i]; }
  // The number of the address of a site's frame, innermost first, and the address.
  uint32_t AddressOfFrame(const Site& site, unsigned frame) const {
    return frames_[site.first_frame + frame];
  }
  uintptr_t Address(uint32_t address) const { return addresses_[address]; }
  unsigned address_count() const { return address_count_; }
  // Stacks that were put to kOther.
  uint64_t overflows() const { return overflows_; }

  // Forgets all figures; the stacks stay, and their numbers.
  void ClearFigures();

 private:
  static constexpr unsigned kSets = 64;
  static constexpr unsigned kWays = 8;
  static constexpr unsigned kSiteChains = 1u << 12;
  static constexpr unsigned kAddressSlots = 2 * kMaxAddresses;

  // A stack as it was seen.
  struct Seen {
    const void* base;
    uint32_t site;
    uint32_t count;
    uint32_t offsets[CallStack::kMaxFrames];
  };
  struct Set {
    uint32_t next_way;
    Seen ways[kWays];
  };

  static unsigned SetOf(const void* base);
  bool Matches(const Seen& seen, const void* base) const;
  uint32_t InternAddress(uintptr_t address);
  bool IsStackOf(const Site& site, const uint32_t* addresses, unsigned n) const;
  uint32_t InternAddresses(const uint32_t* addresses, unsigned n);
  void Remember(const void* base, const CallStack& stack, uint32_t site);

  Set sets_[kSets];
  Site sites_[kMaxSites];
  uint32_t chains_[kSiteChains];
  uint32_t frames_[kMaxFrames];
  uintptr_t addresses_[kMaxAddresses];
  uint32_t address_slots_[kAddressSlots];  // number + 1; 0: empty
  // Counted without kOther.
  uint32_t site_count_;
  uint32_t frame_count_;
  uint32_t address_count_;
  uint64_t overflows_;
};

}  // namespace hz3

#endif  // HZ3_OBSERVE_CALL_SITES_H_
