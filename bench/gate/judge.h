// Judge: whether a figure that is the same in every run may be what it is. Pure functions.
#ifndef BENCH_GATE_JUDGE_H_
#define BENCH_GATE_JUDGE_H_

#include <optional>
#include <string>
#include <string_view>

#include "bench/gate/finding.h"

namespace hz3::gate {

// What a figure is held against.
struct Rule {
  enum class Kind {
    kNone,     // must be 0, whatever was committed
    kAtMost,   // the baseline and `slack` of it
    kAtLeast,  // the baseline
  };
  Kind kind = Kind::kNone;
  double slack = 0;
};

// By the figure's name. What is the same in every run may grow by a hundredth; starts, and what is
// in caches, by three.
Rule RuleOf(std::string_view figure);

// Sets outcome, baseline, limit and note from value and baseline. Without a baseline that it needs
// a finding is undecided.
void Judge(const Rule& rule, std::optional<double> baseline, Finding* finding);

}  // namespace hz3::gate

#endif  // BENCH_GATE_JUDGE_H_
