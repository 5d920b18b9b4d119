// gcc, g++ and clang++ on generated sources.
#ifndef BENCH_REAL_COMPILERS_H_
#define BENCH_REAL_COMPILERS_H_

#include <vector>

#include "bench/real/real_row.h"

namespace hz3::bench {

std::vector<RealRow> CompilerRows();

}  // namespace hz3::bench

#endif  // BENCH_REAL_COMPILERS_H_
