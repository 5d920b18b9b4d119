// Rows with given values, for the tests of the boxes that judge and show them.
#ifndef BENCH_MATRIX_FAKE_ROW_H_
#define BENCH_MATRIX_FAKE_ROW_H_

#include <string>
#include <utility>
#include <vector>

#include "bench/matrix/results.h"

namespace hz3::bench {

// CPU and RSS are the same number; `hz3...` is ours.
inline Cell FakeCell(const std::string& name, const std::vector<double>& values) {
  Cell cell = {.allocator = {name, "", name.starts_with("hz3")}};
  for (const double value : values) {
    cell.samples.push_back({.cpu = value, .rss_bytes = value, .wall_s = value});
  }
  return cell;
}

inline RowResult FakeRow(const std::string& name, std::vector<Cell> cells) {
  return {.info = {.name = name, .help = "a fake"}, .cells = std::move(cells)};
}

// Values that lie within 1 % of the given one.
inline std::vector<double> Near(double value) {
  return {value, value * 1.001, value * 0.999, value * 1.004, value * 0.996};
}

}  // namespace hz3::bench

#endif  // BENCH_MATRIX_FAKE_ROW_H_
