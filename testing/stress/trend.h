// Whether a series of measurements grows: its least-squares line, and how much that rises over the
// series in proportion to the series' mean.
#ifndef TESTING_STRESS_TREND_H_
#define TESTING_STRESS_TREND_H_

#include <vector>

namespace hz3::stress {

double Mean(const std::vector<double>& values);

// 0.1: the line through the values ends a tenth of their mean above where it began. 0 for fewer
// than two values.
double RelativeGrowth(const std::vector<double>& values);

// What comes after the first half.
std::vector<double> SecondHalf(const std::vector<double>& values);

}  // namespace hz3::stress

#endif  // TESTING_STRESS_TREND_H_
