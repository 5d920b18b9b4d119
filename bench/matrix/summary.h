// What a whole matrix says: how far hz3 is from the best peers, in the mean and at worst, and how
// much of that the noise allows to be seen.
#ifndef BENCH_MATRIX_SUMMARY_H_
#define BENCH_MATRIX_SUMMARY_H_

#include <functional>
#include <string>
#include <vector>

#include "bench/matrix/results.h"
#include "bench/matrix/verdict.h"

namespace hz3::bench {

using RowResults = std::vector<RowResult>;

// The names of hz3's lanes, in the order of the cells.
std::vector<std::string> Lanes(const RowResults& rows);

// 0 for no values; all must be above 0.
double GeometricMean(const std::vector<double>& values);

struct Worst {
  double ratio = 0;
  std::string row = {};
  std::string peer = {};
};

// One lane in one metric, over some of the rows.
struct Standing {
  size_t rows = 0;        // that have a ratio
  double mean_ratio = 0;  // geometric, hz3 / best peer
  Worst worst = {};
  size_t ahead = 0;
  size_t even = 0;
  size_t behind = 0;
  size_t unjudged = 0;
  std::vector<std::string> rows_behind = {};  // with ratio, worst first
  std::vector<std::string> rows_failed = {};
};

// Why the matrix is no success, a line for each row, lane and metric: rows in which a run of hz3
// failed and, where they count, those in which it is behind.
std::vector<std::string> Shortcomings(const RowResults& rows, const VerdictRules& rules,
                                      bool behind_counts);

using RowFilter = std::function<bool(const RowInfo&)>;

Standing StandingOf(const RowResults& rows, const std::string& lane, Metric metric,
                    const VerdictRules& rules, const RowFilter& filter);

struct Noise {
  double median_range = 0;  // of all cells: range of the runs as a share of their median
  double visible_half = 0;  // in half of the comparisons a larger difference cannot be missed
  double visible_most = 0;  // in nine of ten
  size_t comparisons = 0;
};

Noise NoiseOf(const RowResults& rows, Metric metric, const VerdictRules& rules);

// How far a pair of malloc and free is above the loop that does everything but call them.
struct AboveFloor {
  std::string allocator;
  double floor_ns = 0;
  double pair_ns = 0;
};

// Of the rows floor_64 and pair_64; empty unless both were run.
std::vector<AboveFloor> PairsAboveFloor(const RowResults& rows);

}  // namespace hz3::bench

#endif  // BENCH_MATRIX_SUMMARY_H_
