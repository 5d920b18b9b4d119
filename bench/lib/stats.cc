#include "bench/lib/stats.h"

#include <algorithm>
#include <cstdio>

namespace hz3::bench {

Summary Summarize(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {median, values.front(), values.back(), values.size()};
}

std::string Fixed(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", decimals, value);
  return text;
}

std::string WithRange(const Summary& summary, int decimals) {
  if (summary.count == 0) return "-";
  const std::string median = Fixed(summary.median, decimals);
  if (summary.count == 1) return median;
  return median + " (" + Fixed(summary.min, decimals) + ".." + Fixed(summary.max, decimals) + ")";
}

std::string HumanBytes(double bytes) {
  if (bytes < 1024) return Fixed(bytes, 0) + " B";
  const char* unit = "KiB";
  double value = bytes / 1024;
  for (const char* larger : {"MiB", "GiB", "TiB"}) {
    if (value < 1024) break;
    value /= 1024;
    unit = larger;
  }
  return Fixed(value, 1) + " " + unit;
}

}  // namespace hz3::bench
