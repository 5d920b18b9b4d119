// The rows of the matrix: the synthetic ones and the real programs in one form, ready to be run.
#ifndef BENCH_MATRIX_ROWS_H_
#define BENCH_MATRIX_ROWS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/matrix/results.h"

namespace hz3::bench {

struct MatrixRow {
  RowInfo info = {};
  // Called once before the first run; says why the row cannot be run, or nothing.
  std::function<std::string()> prepare = {};
  std::function<Sample(const Allocator&)> run = {};
};

struct RowLimits {
  double timeout_s = 0;        // of one run; 0: none
  uint64_t max_rss_bytes = 0;  // 0: none
  const std::atomic<bool>* cancel = nullptr;
};

// All rows, synthetic ones first. Real ones work in directories below `directory`.
std::vector<MatrixRow> AllRows(std::string_view argv0, const std::string& directory,
                               const RowLimits& limits);

// Those of --quick: one of each kind, and real programs that use malloc much.
const std::vector<std::string>& QuickRowNames();

}  // namespace hz3::bench

#endif  // BENCH_MATRIX_ROWS_H_
