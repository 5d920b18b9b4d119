// How much of an arena a block of n bytes must take: the yardstick of live bytes. It is the same
// for every allocator, so that shares can be compared: blocks of up to 2048 bytes count as their
// size class in hz3, larger ones as whole pages. Pure arithmetic.
#ifndef BENCH_WORKLOADS_ROUNDING_H_
#define BENCH_WORKLOADS_ROUNDING_H_

#include <bit>
#include <cstdint>

namespace hz3::bench {

inline constexpr uint64_t kMib = uint64_t{1} << 20;
inline constexpr uint64_t kPage = 4096;
inline constexpr uint64_t kSlot = 2 * kMib;  // what an arena is made of
inline constexpr uint64_t kMaxRoundedToClass = 2048;
inline constexpr uint64_t kMaxSmallClass = 3840;  // hz3's largest class below a page

constexpr uint64_t RoundedTo(uint64_t n, uint64_t step) { return (n + step - 1) / step * step; }

// Steps of 16 up to 256, then eight classes a doubling, and one of 1056 bytes.
constexpr uint64_t ClassRounded(uint64_t n) {
  if (n <= 256) return RoundedTo(n == 0 ? 1 : n, 16);
  if (n > 1024 && n <= 1056) return 1056;
  return RoundedTo(n, std::bit_floor(n - 1) / 8);
}

constexpr uint64_t RoundedSize(uint64_t n) {
  return n <= kMaxRoundedToClass ? ClassRounded(n) : RoundedTo(n, kPage);
}

// A stricter yardstick: hz3's classes between 2048 and 3840 bytes count as themselves too, so that
// packing such blocks better than one to a page earns nothing.
constexpr uint64_t StrictSize(uint64_t n) {
  return n <= kMaxSmallClass ? ClassRounded(n) : RoundedTo(n, kPage);
}

// The mean of RoundedSize over all sizes from `min` to `max`, each as likely.
constexpr uint64_t MeanRoundedSize(uint64_t min, uint64_t max) {
  uint64_t sum = 0;
  for (uint64_t n = min; n <= max; ++n) sum += RoundedSize(n);
  return sum / (max - min + 1);
}

}  // namespace hz3::bench

#endif  // BENCH_WORKLOADS_ROUNDING_H_
