// Sequential: decides one timed figure from pairs of runs, as soon as they suffice. Pure functions.
//
// Looking again after more pairs gives noise another chance to look like a change, so there are
// few looks, each with a small chance of error: an unchanged tree that lay exactly on the limit
// would fail with less than kLooks.size() * kAlpha, and one at its baseline, a limit's width away,
// hardly ever.
#ifndef BENCH_GATE_SEQUENTIAL_H_
#define BENCH_GATE_SEQUENTIAL_H_

#include <array>
#include <cstddef>
#include <vector>

#include "bench/gate/finding.h"
#include "bench/gate/interval.h"

namespace hz3::gate {

// A whole run of the gate decides some 40 figures: hardly one run in a hundred may err by chance.
inline constexpr double kAlpha = 0.00025;
// Numbers of pairs after which there is a look: the fewest that kAlpha allows, then half as many
// again each time.
inline constexpr std::array<size_t, 6> kLooks = {12, 18, 27, 40, 60, 90};

struct TimedVerdict {
  Outcome outcome = Outcome::kUndecided;
  size_t pairs = 0;  // that the verdict is made from
  RatioInterval interval = {};
  // The smallest ratio that would have failed with noise like this; infinite before the first look.
  double visible = 0;
};

// kFail: the whole interval lies above `limit`; kPass: none of it does.
TimedVerdict Decide(const std::vector<Pair>& pairs, double limit);

}  // namespace hz3::gate

#endif  // BENCH_GATE_SEQUENTIAL_H_
