// Class shift: threads fill the memory with blocks of one size, free all but every k-th in the
// order of allocation, and ask for blocks of another size.
//
// What can be had then is less than what is free: a survivor pins its page, and the pages between
// two survivors hold only whole runs of the new size. The yardstick counts exactly that, by the
// survivors' addresses, and knows nothing of the allocator: in each 2 MiB slot, each gap between
// pinned pages holds floor(gap / n) runs of the n pages that a new block needs (n is 1 for blocks
// below a page). `pinned_bytes` is the rest: pinned pages and what is left over of the gaps. An
// allocator that keeps more than the survivor's page back (the rest of its span) loses share.
// The addresses outside the slots that hold survivors count as free slots up to the arena's size.
#ifndef BENCH_WORKLOADS_CLASS_SHIFT_H_
#define BENCH_WORKLOADS_CLASS_SHIFT_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "bench/workloads/workload.h"

namespace hz3::bench {

struct ClassShiftShape {
  uint64_t threads = 4;
  uint64_t first_size = 64;
  uint64_t second_size = 32768;
  uint64_t keep_every = 640;
};

std::unique_ptr<Workload> MakeClassShift(const ClassShiftShape& shape, const FillOptions& options,
                                         Ledger* ledger);

// Bytes of an arena that cannot hold blocks of `run_pages` pages, because of the pinned ones.
// `pages` are page numbers (address / 4096), sorted, without repetition.
uint64_t PinnedBytes(const uint64_t* pages, size_t count, uint64_t run_pages, uint64_t arena_bytes);

}  // namespace hz3::bench

#endif  // BENCH_WORKLOADS_CLASS_SHIFT_H_
