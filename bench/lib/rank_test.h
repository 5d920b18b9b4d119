// The Mann-Whitney U test: whether two sets of measurements differ, from the order of their values
// alone. Nothing is assumed about how the noise is distributed, so one slow run weighs no more than
// any other.
#ifndef BENCH_LIB_RANK_TEST_H_
#define BENCH_LIB_RANK_TEST_H_

#include <cstddef>
#include <vector>

namespace hz3::bench {

struct RankTest {
  // Pairs (a, b) with a > b, ties as one half.
  double u = 0;
  // How likely the ranks are at least as one-sided, either way, if both sets came from the same
  // source.
  double p = 1;
};

// Exact also with ties: the distribution of the rank sum over all ways to deal the values that were
// seen. The two sets may hold at most 1000 values together. p is 1 when one is empty.
RankTest CompareRanks(const std::vector<double>& a, const std::vector<double>& b);

// The smallest p that sets of these sizes can reach: that of sets that do not overlap.
double SmallestP(size_t a_count, size_t b_count);

}  // namespace hz3::bench

#endif  // BENCH_LIB_RANK_TEST_H_
