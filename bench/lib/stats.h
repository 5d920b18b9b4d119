// What is said about repeated measurements: the median, and min..max as the noise.
#ifndef BENCH_LIB_STATS_H_
#define BENCH_LIB_STATS_H_

#include <cstddef>
#include <string>
#include <vector>

namespace hz3::bench {

struct Summary {
  double median = 0;
  double min = 0;
  double max = 0;
  size_t count = 0;
};

// All zero for no values. The median of an even number of values is the mean of the middle two.
Summary Summarize(std::vector<double> values);

// "12.3" with the given number of decimals.
std::string Fixed(double value, int decimals);

// "12.3 (11.9..13.0)"; a single value without the range, none as "-".
std::string WithRange(const Summary& summary, int decimals);

// Bytes as "512 B", "12.3 KiB", "4.0 MiB", "1.2 GiB".
std::string HumanBytes(double bytes);

}  // namespace hz3::bench

#endif  // BENCH_LIB_STATS_H_
