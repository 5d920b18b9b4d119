#include "bench/gate/judge.h"

#include "bench/lib/stats.h"

namespace hz3::gate {
namespace {

constexpr double kExactSlack = 0.01;
// The dynamic linker's part of a start depends on the C library and on the length of paths.
constexpr double kStartSlack = 0.03;
// A single block more in the program, a longer path for example, shifts when each bin is refilled.
constexpr double kFootprintSlack = 0.03;

std::string Percent(double share) {
  return (share >= 0 ? "+" : "") + bench::Fixed(share * 100, 2) + " %";
}

// What is worse by more than the slack fails; what is better by more is worth a new baseline.
void JudgeAtMost(double slack, double baseline, Finding* finding) {
  const double value = *finding->value;
  finding->limit = baseline * (1 + slack);
  finding->outcome = value > *finding->limit ? Outcome::kFail : Outcome::kPass;
  if (value == baseline) return;
  finding->note = baseline == 0 ? "was 0" : Percent(value / baseline - 1);
  if (value < baseline * (1 - slack)) finding->note += ", better: --update keeps it so";
}

}  // namespace

Rule RuleOf(std::string_view figure) {
  for (const std::string_view none : {"differs", "alloc_failed", "lost_bytes", "lost_slots"}) {
    if (figure == none) return {Rule::Kind::kNone};
  }
  if (figure == "live_pct") return {Rule::Kind::kAtLeast};
  if (figure == "start_instructions") return {Rule::Kind::kAtMost, kStartSlack};
  const bool footprint = figure.ends_with("_bytes") && figure != "loaded_bytes";
  return {Rule::Kind::kAtMost, footprint ? kFootprintSlack : kExactSlack};
}

void Judge(const Rule& rule, std::optional<double> baseline, Finding* finding) {
  if (rule.kind == Rule::Kind::kNone) {
    finding->limit = 0;
    finding->outcome = *finding->value == 0 ? Outcome::kPass : Outcome::kFail;
    return;
  }
  finding->baseline = baseline;
  if (!baseline) {
    finding->outcome = Outcome::kUndecided;
    finding->note = "no baseline for " + finding->made_with;
    return;
  }
  if (rule.kind == Rule::Kind::kAtMost) {
    JudgeAtMost(rule.slack, *baseline, finding);
    return;
  }
  finding->limit = baseline;
  finding->outcome = *finding->value >= *baseline ? Outcome::kPass : Outcome::kFail;
}

}  // namespace hz3::gate
