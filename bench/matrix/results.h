// What the matrix of rows and allocators measures: the words and the numbers that its boxes hand to
// each other.
//
//   row        one load, made-up (synthetic) or a real program
//   cell       one allocator in one row
//   sample     one run of a cell
#ifndef BENCH_MATRIX_RESULTS_H_
#define BENCH_MATRIX_RESULTS_H_

#include <array>
#include <string>
#include <vector>

#include "bench/lib/allocators.h"
#include "bench/lib/stats.h"

namespace hz3::bench {

enum class Group { kSynthetic, kReal };
inline constexpr std::array kGroups = {Group::kSynthetic, Group::kReal};
std::string Name(Group group);

enum class Metric {
  kCpu,   // ns per op in synthetic rows, seconds of the process tree in real ones
  kRss,   // peak in bytes; in synthetic rows without what the bench itself uses
  kWall,  // seconds of the whole program; no verdict, since other work of the machine counts in it
};
inline constexpr std::array kJudged = {Metric::kCpu, Metric::kRss};
std::string Name(Metric metric);

// The loop of the row pair_64 without its malloc and free.
inline constexpr char kFloorRow[] = "floor_64";
inline constexpr char kPairRow[] = "pair_64";

struct RowInfo {
  std::string name = {};
  std::string help = {};
  Group group = Group::kSynthetic;
  bool quick = false;     // one of the few rows of --quick
  bool is_floor = false;  // calls no allocator: nothing to compare
  // As in SyntheticRow: what flatters an allocator, or hides it, is summed up apart.
  bool remote_unwritten = false;
  bool filled = false;
};

struct Sample {
  double cpu = 0;
  double rss_bytes = 0;
  double wall_s = 0;
  std::string failure = {};  // the numbers mean nothing then
};

struct Cell {
  Allocator allocator;
  std::vector<Sample> samples = {};  // of the runs that ended well
  std::vector<std::string> failures = {};

  std::vector<double> Values(Metric metric) const;
  Summary Of(Metric metric) const { return Summarize(Values(metric)); }
};

struct RowResult {
  RowInfo info;
  std::string skipped = {};  // why the row was not run
  std::vector<Cell> cells = {};

  const Cell* Find(const std::string& allocator) const;
};

// The range of the values as a share of their median; 0 for fewer than two.
double RelativeRange(const Summary& summary);

}  // namespace hz3::bench

#endif  // BENCH_MATRIX_RESULTS_H_
