// Fragmentation: the free memory that one live block keeps from being given back.
//
//   stranded  bytes of free objects in the block's span. Their pages hold memory of the machine as
//             long as one object of the span is in use, and only blocks of the same class can use
//             them. The span's objects that are not free, live or in some bin, share them equally.
//   pinned    bytes of free pages in the block's segment. They can be given back to the system and
//             serve any size up to a segment; what cannot be had while one page of the segment is
//             in use is the 2 MiB slot as a whole: for longer blocks, in a fixed arena, for another
//             shard, as a huge page. The pages in use share them equally.
//
// Any thread; takes the lease of the block's shard for a moment. Event path.
#ifndef HZ3_OBSERVE_FRAGMENTATION_H_
#define HZ3_OBSERVE_FRAGMENTATION_H_

#include "hz3/shard/shard_table.h"

namespace hz3 {

// The part of one block, in bytes.
struct Fragmentation {
  double stranded = 0;
  double pinned = 0;
};

// `block` lies in a part of the arena that was used; where nothing begins any more it has no part.
Fragmentation FragmentationBy(const ShardTable& shards, const void* block);

}  // namespace hz3

#endif  // HZ3_OBSERVE_FRAGMENTATION_H_
