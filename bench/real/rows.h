// All rows of real programs, in the order in which a table shows them.
#ifndef BENCH_REAL_ROWS_H_
#define BENCH_REAL_ROWS_H_

#include <vector>

#include "bench/real/real_row.h"

namespace hz3::bench {

const std::vector<RealRow>& RealRows();

}  // namespace hz3::bench

#endif  // BENCH_REAL_ROWS_H_
