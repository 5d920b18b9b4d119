// --peer and --only: which allocators a comparison runs, said in the same words in all tools.
#ifndef BENCH_LIB_ALLOCATOR_FLAGS_H_
#define BENCH_LIB_ALLOCATOR_FLAGS_H_

#include <string>
#include <string_view>
#include <vector>

#include "bench/lib/allocators.h"

namespace hz3::bench {

struct AllocatorChoice {
  std::vector<Allocator> allocators;
  std::string error;  // one line, when the flags ask for what is not there
};

// hz3's lanes, the peers of this machine and those that --peer added, or of these only what --only
// names, in its order. Without --only hz3 must be there: a comparison without it would pass as one
// that had measured something.
AllocatorChoice ChosenAllocators(std::string_view argv0);

}  // namespace hz3::bench

#endif  // BENCH_LIB_ALLOCATOR_FLAGS_H_
