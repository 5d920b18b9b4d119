// SizeTable: draws sizes from a skewed distribution with one look-up per draw. It holds quantiles
// of the distribution, 32 KiB that belong to the bench and are resident from the start.
// Read-only after its construction, thus shared by threads.
#ifndef BENCH_SYNTHETIC_SIZE_TABLE_H_
#define BENCH_SYNTHETIC_SIZE_TABLE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "bench/lib/mapped_array.h"
#include "bench/lib/rng.h"

namespace hz3::bench {

class SizeTable {
 public:
  // The logarithm of the size is uniform: each doubling is as likely as any other.
  static SizeTable LogUniform(uint64_t min, uint64_t max) {
    const double ratio = static_cast<double>(max) / static_cast<double>(min);
    return SizeTable(min, max, [ratio](double u) { return std::pow(ratio, u); });
  }

  // Sizes above s have a share of (min / s)^0.7: most blocks are small, most bytes are in large
  // ones. From 16 bytes to 1 MiB the median is 43 bytes and the mean about 1 KB.
  static SizeTable Pareto(uint64_t min, uint64_t max) {
    constexpr double kAlpha = 0.7;
    return SizeTable(min, max, [](double u) { return std::pow(1 - u, -1 / kAlpha); });
  }

  uint64_t From(uint32_t bits) const { return sizes_[ScaleTo(bits, kQuantiles)]; }
  uint64_t OwnBytes() const { return sizes_.Bytes(); }

 private:
  static constexpr uint32_t kQuantiles = 4096;

  template <typename Multiple>
  SizeTable(uint64_t min, uint64_t max, Multiple multiple_of_min) : sizes_(kQuantiles) {
    for (uint32_t i = 0; i < kQuantiles; ++i) {
      const double u = (i + 0.5) / kQuantiles;
      const double size = static_cast<double>(min) * multiple_of_min(u);
      sizes_[i] = std::clamp(static_cast<uint64_t>(std::min(size, 1e18)), min, max);
    }
  }

  MappedArray<uint64_t> sizes_;
};

}  // namespace hz3::bench

#endif  // BENCH_SYNTHETIC_SIZE_TABLE_H_
