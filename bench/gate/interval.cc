#include "bench/gate/interval.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hz3::gate {
namespace {

std::vector<double> LogRatios(const std::vector<Pair>& pairs) {
  std::vector<double> logs;
  for (const Pair& pair : pairs) {
    if (logs.size() == kMostPairs) break;
    logs.push_back(std::log(pair.subject / pair.reference));
  }
  return logs;
}

// Means of all pairs of values, each value with itself too; sorted.
std::vector<double> WalshAverages(const std::vector<double>& values) {
  std::vector<double> averages;
  for (size_t i = 0; i < values.size(); ++i) {
    for (size_t j = i; j < values.size(); ++j) averages.push_back((values[i] + values[j]) / 2);
  }
  std::sort(averages.begin(), averages.end());
  return averages;
}

// chance[s]: of a signed-rank sum of s, where each of these doubled ranks has either sign by a
// coin.
std::vector<double> SumChances(const std::vector<size_t>& double_ranks) {
  std::vector<double> chance = {1};
  for (const size_t rank : double_ranks) {
    std::vector<double> next(chance.size() + rank);
    for (size_t s = 0; s < chance.size(); ++s) {
      next[s] += chance[s] / 2;
      next[s + rank] += chance[s] / 2;
    }
    chance = std::move(next);
  }
  return chance;
}

// Twice the mid-rank of each magnitude.
std::vector<size_t> DoubleRanks(const std::vector<double>& values) {
  std::vector<double> sorted;
  for (const double value : values) sorted.push_back(std::abs(value));
  std::sort(sorted.begin(), sorted.end());
  std::vector<size_t> ranks;
  for (const double value : values) {
    const auto [first, last] = std::equal_range(sorted.begin(), sorted.end(), std::abs(value));
    ranks.push_back(static_cast<size_t>((first - sorted.begin()) + 1 + (last - sorted.begin())));
  }
  return ranks;
}

// How many of the smallest Walsh averages the interval leaves out, plus one; 0: too few values.
size_t BoundRank(size_t n, double alpha) {
  std::vector<size_t> double_ranks;
  for (size_t i = 1; i <= n; ++i) double_ranks.push_back(2 * i);
  const std::vector<double> chance = SumChances(double_ranks);
  double below = 0;
  size_t rank = 0;
  while (2 * rank < chance.size()) {
    below += chance[2 * rank];
    if (below > alpha) break;
    ++rank;
  }
  return rank;
}

double Median(const std::vector<double>& sorted) {
  const size_t half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

}  // namespace

RatioInterval IntervalOf(const std::vector<Pair>& pairs, double alpha) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<double> logs = LogRatios(pairs);
  if (logs.empty()) return {1, 0, kInfinity};
  const std::vector<double> averages = WalshAverages(logs);
  const double ratio = std::exp(Median(averages));
  const size_t rank = BoundRank(logs.size(), alpha);
  if (rank == 0) return {ratio, 0, kInfinity};
  return {ratio, std::exp(averages[rank - 1]), std::exp(averages[averages.size() - rank])};
}

double ChanceOfAtMost(const std::vector<Pair>& pairs, double ratio) {
  std::vector<double> distances;
  for (const double log : LogRatios(pairs)) {
    if (const double distance = log - std::log(ratio); distance != 0) distances.push_back(distance);
  }
  const std::vector<size_t> ranks = DoubleRanks(distances);
  size_t positive = 0;
  for (size_t i = 0; i < ranks.size(); ++i) positive += distances[i] > 0 ? ranks[i] : 0;
  const std::vector<double> chance = SumChances(ranks);
  double as_high = 0;
  for (size_t s = positive; s < chance.size(); ++s) as_high += chance[s];
  return std::min(as_high, 1.0);
}

size_t FewestPairs(double alpha) {
  size_t n = 1;
  for (double chance = 0.5; chance > alpha; chance /= 2) ++n;
  return n;
}

}  // namespace hz3::gate
