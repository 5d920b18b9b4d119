// LiveBlocks: how many blocks of the heap this process holds. A test that links it has every
// malloc, calloc, realloc and free counted on its way to glibc, those of the C library included.
#ifndef BENCH_SYNTHETIC_LIVE_BLOCKS_H_
#define BENCH_SYNTHETIC_LIVE_BLOCKS_H_

#include <cstdint>

namespace hz3::bench {

// Always 0 where a sanitizer owns malloc. Thread-safe; exact when all threads are at rest.
int64_t LiveBlocks();

}  // namespace hz3::bench

#endif  // BENCH_SYNTHETIC_LIVE_BLOCKS_H_
