// Exponential: what random sampling needs of the maths library, on which malloc cannot depend.
//
// Pure functions, accurate to some 1e-12; any thread, slow path.
#ifndef HZ3_BASE_EXPONENTIAL_H_
#define HZ3_BASE_EXPONENTIAL_H_

#include <cstdint>

namespace hz3 {

// The natural logarithm of a positive normal number.
double NaturalLog(double x);

// 1 - e^-x for x >= 0, exact also where x is small.
double OneMinusExp(double x);

// A draw from the exponential distribution of this mean, made of 64 random bits.
double ExponentialDraw(uint64_t random, double mean);

}  // namespace hz3

#endif  // HZ3_BASE_EXPONENTIAL_H_
