// SampleTable: the sampled blocks that are live, by address: how large each is, who allocated it,
// and in which run of the profile. Bounded by kMaxSamples. Memory is fixed, all zero at first, and
// takes space when used.
//
// Not thread-safe: the heap profile's lease. Slow path; a look-up walks along one short chain.
#ifndef HZ3_OBSERVE_SAMPLE_TABLE_H_
#define HZ3_OBSERVE_SAMPLE_TABLE_H_

#include <cstddef>
#include <cstdint>

#include "hz3/base/random.h"

namespace hz3 {

struct Sample {
  const void* block;  // nullptr: none
  size_t bytes;
  uint32_t site;
  uint32_t run;
};

class SampleTable {
 public:
  static constexpr unsigned kMaxSamples = 1u << 18;

  // False when the table is full. The block is not in it yet.
  bool Insert(const Sample& sample) {
    const uint32_t entry = TakeEntry();
    if (entry == kNone) return false;
    uint32_t& chain = ChainOf(sample.block);
    entries_[entry] = {sample, chain};
    chain = entry;
    ++count_;
    return true;
  }

  // Takes the sample of `block` out. False when there is none.
  bool Remove(const void* block, Sample* sample) {
    for (uint32_t* link = &ChainOf(block); *link != kNone; link = &entries_[*link].next) {
      Entry& entry = entries_[*link];
      if (entry.sample.block != block) continue;
      *sample = entry.sample;
      const uint32_t number = *link;
      *link = entry.next;
      entry = {Sample(), free_entry_};
      free_entry_ = number;
      --count_;
      return true;
    }
    return false;
  }

  // Entries [0, end()) may hold a sample each.
  unsigned end() const { return used_entries_ + 1; }
  const Sample& at(unsigned i) const { return entries_[i].sample; }
  unsigned count() const { return count_; }

 private:
  static constexpr unsigned kChains = 1u << 16;
  static constexpr uint32_t kNone = 0;  // entries count from 1

  struct Entry {
    Sample sample;
    uint32_t next;
  };

  uint32_t& ChainOf(const void* block) {
    return chains_[Mix(reinterpret_cast<uintptr_t>(block)) % kChains];
  }
  uint32_t TakeEntry() {
    const uint32_t entry = free_entry_;
    if (entry != kNone) {
      free_entry_ = entries_[entry].next;
      return entry;
    }
    return used_entries_ == kMaxSamples ? kNone : ++used_entries_;
  }

  Entry entries_[kMaxSamples + 1];
  uint32_t chains_[kChains];
  uint32_t used_entries_;
  uint32_t free_entry_;
  uint32_t count_;
};

}  // namespace hz3

#endif  // HZ3_OBSERVE_SAMPLE_TABLE_H_
