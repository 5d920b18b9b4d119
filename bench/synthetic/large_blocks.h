// large and calloc: each thread toggles 16 slots between empty and a block of log-uniform size, so
// that about eight are live.
#ifndef BENCH_SYNTHETIC_LARGE_BLOCKS_H_
#define BENCH_SYNTHETIC_LARGE_BLOCKS_H_

#include "bench/synthetic/workload.h"

namespace hz3::bench {

enum class Zeroing {
  kMalloc,
  // calloc. First, last and middle byte are checked, then the ends are written, so that memory that
  // is used again is not zero by chance. The field not_zero counts bytes that were wrong.
  kCalloc,
};

SyntheticResult RunLargeBlocks(const SyntheticOptions& options, Zeroing zeroing);

}  // namespace hz3::bench

#endif  // BENCH_SYNTHETIC_LARGE_BLOCKS_H_
