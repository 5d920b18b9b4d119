// HeldBlocks: the watched blocks (objects/watched_blocks.h) that lie in the bins of one thread. In
// its bin such a block is a nullptr, so that the pop which is due to get it takes the slow path;
// which block it stands for is kept here. The blocks of one class are held in the order in which
// they lie in the bin, lowest first.
//
// Belongs to a thread cache, and to its thief; slow path. A look-up passes over the blocks of other
// classes that came later: with one block in a hundred thousand bytes watched, these are few.
#ifndef HZ3_THREAD_HELD_BLOCKS_H_
#define HZ3_THREAD_HELD_BLOCKS_H_

#include <cstddef>
#include <cstdint>

#include "hz3/base/metadata_pool.h"
#include "hz3/base/words.h"

namespace hz3 {

class HeldBlocks {
 public:
  static constexpr unsigned kMaxBlocks = 4096;

  // The block now lies above all others of its class. False when there is no room for it.
  bool Add(MetadataPool& pool, SizeClass c, void* block);
  // The highest of the class, and the lowest, leaves; nullptr when there is none.
  void* TakeLast(SizeClass c);
  void* TakeFirst(SizeClass c);
  unsigned count() const { return count_; }

  // Gives the memory back; nothing may be held.
  void Release(MetadataPool& pool);

 private:
  struct Entry {
    void* block;
    SizeClass size_class;
  };
  static constexpr unsigned kFirstRoom = 16;

  bool Grow(MetadataPool& pool);
  void* Remove(unsigned i);

  Entry* entries_ = nullptr;
  uint32_t count_ = 0;
  uint32_t room_ = 0;
};

}  // namespace hz3

#endif  // HZ3_THREAD_HELD_BLOCKS_H_
