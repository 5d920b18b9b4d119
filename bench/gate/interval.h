// The ratio of two programs that were measured in pairs, one run of each right after the other:
// what Wilcoxon's signed-rank test says about the logarithms of the ratios. Nothing is assumed
// about the noise but that it favours neither side; one slow run weighs no more than any other.
// Pure functions.
#ifndef BENCH_GATE_INTERVAL_H_
#define BENCH_GATE_INTERVAL_H_

#include <cstddef>
#include <vector>

namespace hz3::gate {

struct Pair {
  double subject = 0;
  double reference = 0;
};

struct RatioInterval {
  double ratio = 1;  // Hodges and Lehmann's estimate of subject / reference
  // The ratio is below `lower`, or above `upper`, with a probability of at most alpha each.
  double lower = 0;
  double upper = 0;  // infinite for too few pairs to say
};

// Exact for up to kMostPairs pairs; further ones are passed over. All values must be above 0.
inline constexpr size_t kMostPairs = 200;
RatioInterval IntervalOf(const std::vector<Pair>& pairs, double alpha);

// How likely ratios as high as these, or higher, were if the true one were at most `ratio`. Pairs
// exactly at `ratio` say nothing and are left out; 1 when no others are left.
double ChanceOfAtMost(const std::vector<Pair>& pairs, double ratio);

// The fewest pairs from which IntervalOf can give a finite interval.
size_t FewestPairs(double alpha);

}  // namespace hz3::gate

#endif  // BENCH_GATE_INTERVAL_H_
