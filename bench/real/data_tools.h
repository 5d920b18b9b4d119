// sqlite3, git and xz on generated data.
#ifndef BENCH_REAL_DATA_TOOLS_H_
#define BENCH_REAL_DATA_TOOLS_H_

#include <vector>

#include "bench/real/real_row.h"

namespace hz3::bench {

std::vector<RealRow> DataToolRows();

}  // namespace hz3::bench

#endif  // BENCH_REAL_DATA_TOOLS_H_
