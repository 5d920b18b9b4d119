#include "hz3/base/exponential.h"

#include <bit>

namespace hz3 {
namespace {

constexpr double kLn2 = 0.693147180559945309417;
constexpr int kMantissaBits = 52;
constexpr int kExponentBias = 1023;
// Beyond this e^-x is lost beside 1.
constexpr double kNothingLeft = 40;
// Below this the series is used as it is; above, for the fourth of x.
constexpr double kSmall = 0.5;

// 1 - e^-x by its series, for 0 <= x <= kSmall: 14 terms leave less than 1e-15.
double Series(double x) {
  double term = x;
  double sum = x;
  for (int k = 2; k <= 14; ++k) {
    term *= -x / k;
    sum += term;
  }
  return sum;
}

}  // namespace

// x = m * 2^e with m in [0.75, 1.5); ln m = 2 artanh((m - 1) / (m + 1)), whose argument is at most
// 0.2.
double NaturalLog(double x) {
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  int exponent = static_cast<int>(bits >> kMantissaBits) - kExponentBias;
  constexpr uint64_t kMantissa = (uint64_t{1} << kMantissaBits) - 1;
  double m = std::bit_cast<double>((bits & kMantissa) | (uint64_t{kExponentBias} << kMantissaBits));
  if (m >= 1.5) m /= 2, ++exponent;
  const double t = (m - 1) / (m + 1);
  double power = t;
  double sum = 0;
  for (int k = 1; k <= 21; k += 2) {
    sum += power / k;
    power *= t * t;
  }
  return 2 * sum + exponent * kLn2;
}

// With y = e^-x/4: 1 - y^4 = (1 - y)(1 + y)(1 + y^2), so that nothing cancels.
double OneMinusExp(double x) {
  if (x > kNothingLeft) return 1;
  if (x <= kSmall) return Series(x);
  const double part = OneMinusExp(x / 4);
  const double y = 1 - part;
  return part * (1 + y) * (1 + y * y);
}

double ExponentialDraw(uint64_t random, double mean) {
  // In (0, 1], so that there is a logarithm.
  const double u = static_cast<double>((random >> 11) + 1) * 0x1p-53;
  return -NaturalLog(u) * mean;
}

}  // namespace hz3
