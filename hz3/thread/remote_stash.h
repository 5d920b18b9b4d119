// RemoteStash: the small objects of other shards that one thread has flushed in numbers too small
// to be worth a hand-over. They wait here until there are enough for whole batches.
//
// Belongs to one thread; slow path. Bounded by kEntries and by kMaxBytes; the entries' memory is the
// caller's, so that a thread which frees nothing of others does without. The objects in it are
// cached: the pressure ladder and thread exit deliver them (Tcache::FlushAll).
#ifndef HZ3_THREAD_REMOTE_STASH_H_
#define HZ3_THREAD_REMOTE_STASH_H_

#include <cstddef>
#include <cstdint>

#include "hz3/base/words.h"
#include "hz3/objects/size_classes.h"

namespace hz3 {

class RemoteStash {
 public:
  static constexpr unsigned kEntries = 128;
  static constexpr size_t kMaxBytes = size_t{64} << 10;

  struct Entry {
    void* object;
    SizeClass size_class;
    ShardId owner;
  };

  // Room for kEntries entries, which stay the caller's; nullptr takes it away from an empty stash.
  void SetRoom(Entry* entries) { entries_ = entries; }
  Entry* room() const { return entries_; }

  // False when there is no room: deliver first.
  bool Add(void* object, SizeClass c, ShardId owner) {
    if (entries_ == nullptr || count_ == kEntries || bytes_ + InfoOf(c).size > kMaxBytes) return false;
    entries_[count_++] = {object, c, owner};
    bytes_ += InfoOf(c).size;
    return true;
  }

  // Calls deliver(owner, class, objects, n) for each group of the same owner and class, and is
  // empty then. Bounded: every entry is moved once and looked at once a group.
  template <typename F>
  void Deliver(F deliver) {
    void* batch[kEntries];
    while (count_ > 0) {
      const Entry first = entries_[0];
      unsigned n = 0;
      unsigned kept = 0;
      for (unsigned i = 0; i < count_; ++i) {
        const Entry& entry = entries_[i];
        if (entry.owner == first.owner && entry.size_class == first.size_class) {
          batch[n++] = entry.object;
        } else {
          entries_[kept++] = entry;
        }
      }
      count_ = kept;
      deliver(first.owner, first.size_class, batch, n);
    }
    bytes_ = 0;
  }

  unsigned count() const { return count_; }
  size_t bytes() const { return bytes_; }

 private:
  unsigned count_ = 0;
  size_t bytes_ = 0;
  Entry* entries_ = nullptr;
};

}  // namespace hz3

#endif  // HZ3_THREAD_REMOTE_STASH_H_
