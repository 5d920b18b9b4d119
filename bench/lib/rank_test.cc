#include "bench/lib/rank_test.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

namespace hz3::bench {
namespace {

// Twice the mid-rank, which is a whole number also for ties.
using DoubleRank = size_t;

std::vector<DoubleRank> DoubleRanks(const std::vector<double>& values) {
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  std::vector<DoubleRank> ranks;
  for (const double value : values) {
    const auto [first, last] = std::equal_range(sorted.begin(), sorted.end(), value);
    // Ranks first + 1 to last; their mean, twice.
    ranks.push_back(static_cast<size_t>((first - sorted.begin()) + 1 + (last - sorted.begin())));
  }
  return ranks;
}

// ways[n][s]: in how many ways n of the ranks add up to s. Doubles, as 1000 over 500 is 2.7e299.
std::vector<std::vector<double>> CountSums(const std::vector<DoubleRank>& ranks, size_t count) {
  const size_t most = std::accumulate(ranks.begin(), ranks.end(), size_t{0});
  std::vector<std::vector<double>> ways(count + 1, std::vector<double>(most + 1));
  ways[0][0] = 1;
  for (const DoubleRank rank : ranks) {
    // Downwards, so that no rank is taken twice.
    for (size_t n = count; n > 0; --n) {
      for (size_t sum = most; sum >= rank; --sum) ways[n][sum] += ways[n - 1][sum - rank];
    }
  }
  return ways;
}

// The share of all deals whose sum is at least as far from the mean as `sum`.
double ShareAsFar(const std::vector<double>& ways, double mean, double sum) {
  double all = 0;
  double as_far = 0;
  for (size_t s = 0; s < ways.size(); ++s) {
    all += ways[s];
    if (std::abs(static_cast<double>(s) - mean) >= std::abs(sum - mean)) as_far += ways[s];
  }
  return as_far / all;
}

}  // namespace

RankTest CompareRanks(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.empty() || b.empty()) return {};
  std::vector<double> values = a;
  values.insert(values.end(), b.begin(), b.end());
  const std::vector<DoubleRank> ranks = DoubleRanks(values);
  const auto a_end = ranks.begin() + static_cast<std::ptrdiff_t>(a.size());
  const auto sum = static_cast<double>(std::accumulate(ranks.begin(), a_end, size_t{0}));
  const auto n = static_cast<double>(a.size());
  const double mean = n * static_cast<double>(values.size() + 1);
  return {sum / 2 - n * (n + 1) / 2, ShareAsFar(CountSums(ranks, a.size())[a.size()], mean, sum)};
}

double SmallestP(size_t a_count, size_t b_count) {
  // Two of the deals do not overlap.
  double deals = 1;
  for (size_t i = 1; i <= a_count; ++i) {
    deals *= static_cast<double>(b_count + i) / static_cast<double>(i);
  }
  return std::min(1.0, 2 / deals);
}

}  // namespace hz3::bench
