// The interpreters python3, perl and node, on scripts of strings, tables and JSON.
#ifndef BENCH_REAL_SCRIPTS_H_
#define BENCH_REAL_SCRIPTS_H_

#include <vector>

#include "bench/real/real_row.h"

namespace hz3::bench {

std::vector<RealRow> ScriptRows();

}  // namespace hz3::bench

#endif  // BENCH_REAL_SCRIPTS_H_
