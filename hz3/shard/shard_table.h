// ShardTable: the shards of a process and the arena they share; who owns an address. Fixed after
// Init, so every thread may read it without a lock.
#ifndef HZ3_SHARD_SHARD_TABLE_H_
#define HZ3_SHARD_SHARD_TABLE_H_

#include <new>

#include "hz3/base/os_memory.h"
#include "hz3/base/words.h"
#include "hz3/pages/arena.h"
#include "hz3/shard/shard.h"

namespace hz3 {

class ShardTable {
 public:
  // Makes `count` shards over `arena` (1..kMaxShards); their memory is the OS's. False when it
  // refuses.
  bool Init(Arena& arena, unsigned count) {
    void* memory = CommitBetweenGuards(arena.os(), count * sizeof(Shard));
    if (memory == nullptr) return false;
    arena_ = &arena;
    count_ = count;
    shards_ = static_cast<Shard*>(memory);
    for (unsigned i = 0; i < count; ++i) {
      new (&shards_[i]) Shard;  // without (): that would clear all of its memory first
      shards_[i].Init(arena, ShardId(static_cast<uint8_t>(i)), count);
    }
    return true;
  }

  unsigned count() const { return count_; }
  Shard& operator[](unsigned i) const { return shards_[i]; }
  Shard& operator[](ShardId id) const { return shards_[id.value()]; }
  Arena& arena() const { return *arena_; }

  // The shard of the segment that `p` lies in; p is a pointer into a run or span.
  ShardId OwnerOf(const void* p) const { return arena_->owner(SlotOf(arena_->segmap().PageOf(p))); }

  // Changes whenever anything became free anywhere; for the ladder's memory of a failure.
  uint64_t Releases() const {
    uint64_t sum = 0;
    for (unsigned i = 0; i < count_; ++i) sum += shards_[i].releases();
    return sum;
  }

 private:
  friend class HeapLayoutMaker;
  Arena* arena_ = nullptr;
  Shard* shards_ = nullptr;
  unsigned count_ = 0;
};

}  // namespace hz3

#endif  // HZ3_SHARD_SHARD_TABLE_H_
