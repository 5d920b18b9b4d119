#include "testing/stress/trend.h"

#include <cstddef>
#include <numeric>

namespace hz3::stress {

double Mean(const std::vector<double>& values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double RelativeGrowth(const std::vector<double>& values) {
  const double mean = Mean(values);
  if (values.size() < 2 || mean == 0) return 0;
  const double middle = static_cast<double>(values.size() - 1) / 2;
  double covariance = 0;
  double variance = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double x = static_cast<double>(i) - middle;
    covariance += x * (values[i] - mean);
    variance += x * x;
  }
  return covariance / variance * 2 * middle / mean;
}

std::vector<double> SecondHalf(const std::vector<double>& values) {
  return {values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end()};
}

}  // namespace hz3::stress
