#include "bench/gate/sequential.h"

#include <limits>

namespace hz3::gate {
namespace {

size_t LastLook(size_t pairs) {
  size_t last = 0;
  for (const size_t look : kLooks) {
    if (look <= pairs) last = look;
  }
  return last;
}

Outcome OutcomeOf(const RatioInterval& interval, double limit) {
  if (interval.lower > limit) return Outcome::kFail;
  return interval.upper <= limit ? Outcome::kPass : Outcome::kUndecided;
}

}  // namespace

TimedVerdict Decide(const std::vector<Pair>& pairs, double limit) {
  static_assert(kLooks.back() <= kMostPairs);
  TimedVerdict verdict;
  verdict.pairs = LastLook(pairs.size());
  const std::vector<Pair> seen(pairs.begin(),
                               pairs.begin() + static_cast<std::ptrdiff_t>(verdict.pairs));
  verdict.interval = IntervalOf(seen, kAlpha);
  verdict.outcome = OutcomeOf(verdict.interval, limit);
  verdict.visible = verdict.interval.lower > 0
                        ? limit * verdict.interval.ratio / verdict.interval.lower
                        : std::numeric_limits<double>::infinity();
  return verdict;
}

}  // namespace hz3::gate
