// strings: each thread builds lists of strings that grow piece by piece, as a parser or a formatter
// does, and keeps the last 32 lists. One op is one append of 1 to max_size bytes; a list has 100
// strings of 16 appends each. The blocks are those of std::string and std::vector.
#ifndef BENCH_SYNTHETIC_STRINGS_H_
#define BENCH_SYNTHETIC_STRINGS_H_

#include "bench/synthetic/workload.h"

namespace hz3::bench {

SyntheticResult RunStrings(const SyntheticOptions& options);

}  // namespace hz3::bench

#endif  // BENCH_SYNTHETIC_STRINGS_H_
