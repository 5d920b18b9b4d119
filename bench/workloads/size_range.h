// Sizes of blocks, each as likely.
#ifndef BENCH_WORKLOADS_SIZE_RANGE_H_
#define BENCH_WORKLOADS_SIZE_RANGE_H_

#include <cstdint>

#include "bench/lib/rng.h"
#include "bench/workloads/rounding.h"

namespace hz3::bench {

struct SizeRange {
  uint64_t min = 16;
  uint64_t max = 32768;

  // The size that 32 random bits stand for.
  uint64_t From(uint32_t bits) const {
    return min + ScaleTo(bits, static_cast<uint32_t>(max - min + 1));
  }
  uint64_t MeanRounded() const { return MeanRoundedSize(min, max); }
};

}  // namespace hz3::bench

#endif  // BENCH_WORKLOADS_SIZE_RANGE_H_
