#include "bench/gate/timed_rows.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "bench/gate/sequential.h"
#include "bench/lib/stats.h"

namespace hz3::gate {
namespace {

using Clock = std::chrono::steady_clock;

std::string Percent(double ratio) {
  const double percent = (ratio - 1) * 100;
  return (percent >= 0 ? "+" : "") + bench::Fixed(percent, 1) + " %";
}

std::string Scientific(double chance) {
  return chance >= 0.001 ? bench::Fixed(chance, 3) : "<0.001";
}

// "0.71..0.74, 12 pairs, p 0.000, sees +29.1 %": what the verdict is made of, and the smallest
// change from the baseline that would have failed.
std::string NoteOf(const TimedVerdict& verdict, const std::vector<Pair>& pairs, double baseline,
                   double limit) {
  if (verdict.pairs == 0)
    return std::to_string(pairs.size()) + " pairs in this time, too few to say";
  const std::vector<Pair> seen(pairs.begin(),
                               pairs.begin() + static_cast<std::ptrdiff_t>(verdict.pairs));
  return bench::Fixed(verdict.interval.lower, 3) + ".." + bench::Fixed(verdict.interval.upper, 3) +
         ", " + std::to_string(verdict.pairs) + " pairs, p " +
         Scientific(ChanceOfAtMost(seen, limit)) + ", sees " + Percent(verdict.visible / baseline);
}

}  // namespace

TimedRun::TimedRun(std::string row, std::string lane, std::vector<Arm> arms,
                   const Baselines* baselines, uint64_t seed)
    : row_(std::move(row)), lane_(std::move(lane)), arms_(std::move(arms)), rng_(seed) {
  AddComparisons(*baselines);
}

void TimedRun::AddComparisons(const Baselines& baselines) {
  for (size_t arm = 1; arm < arms_.size(); ++arm) {
    for (const Metric metric : {Metric::kCpu, Metric::kRss}) {
      const bool is_libc = arms_[arm].name == "libc";
      const std::string figure = (metric == Metric::kCpu ? "cpu_to_" : "rss_to_") + arms_[arm].name;
      comparisons_.push_back(
          {figure, is_libc ? kSlackToLibc : kSlackToAgainst,
           is_libc ? baselines.Find({row_, lane_, figure, "-"}) : std::optional<double>(1), arm,
           metric});
    }
  }
}

void TimedRun::RunRound() {
  const Clock::time_point begin = Clock::now();
  std::vector<TimedSample> samples(arms_.size());
  std::vector<size_t> order(arms_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  for (size_t i = order.size(); i > 1; --i) {
    const uint32_t other = bench::ScaleTo(bench::HighHalf(rng_.Next()), static_cast<uint32_t>(i));
    std::swap(order[i - 1], order[other]);
  }
  for (const size_t arm : order) samples[arm] = arms_[arm].run();
  AddPairs(samples);
  ++rounds_;
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  seconds_ += seconds;
  longest_round_s_ = std::max(longest_round_s_, seconds);
}

void TimedRun::AddPairs(const std::vector<TimedSample>& samples) {
  const TimedSample& subject = samples[0];
  if (!subject.failure.empty()) {
    failure_ = subject.failure;
    return;
  }
  for (Comparison& comparison : comparisons_) {
    const TimedSample& reference = samples[comparison.arm];
    if (!reference.failure.empty()) {
      reference_failure_ = arms_[comparison.arm].name + ": " + reference.failure;
      continue;
    }
    const bool is_cpu = comparison.metric == Metric::kCpu;
    const Pair pair =
        is_cpu ? Pair{subject.cpu, reference.cpu} : Pair{subject.rss_bytes, reference.rss_bytes};
    // A program too short for the kernel's clock says nothing.
    if (pair.subject > 0 && pair.reference > 0) comparison.pairs.push_back(pair);
  }
}

bool TimedRun::IsDecided() const {
  if (!failure_.empty() || rounds_ >= static_cast<int>(kLooks.back())) return true;
  for (const Comparison& comparison : comparisons_) {
    if (rounds_ < static_cast<int>(kLooks[0])) return false;
    if (!comparison.baseline) continue;
    const double limit = *comparison.baseline * (1 + comparison.slack);
    if (Decide(comparison.pairs, limit).outcome == Outcome::kUndecided) return false;
  }
  return true;
}

std::vector<Finding> TimedRun::Findings() const {
  std::vector<Finding> findings;
  for (const Comparison& comparison : comparisons_) findings.push_back(FindingOf(comparison));
  return findings;
}

Finding TimedRun::FindingOf(const Comparison& comparison) const {
  Finding finding{.row = row_, .lane = lane_, .figure = comparison.figure};
  finding.seconds = seconds_ / static_cast<double>(comparisons_.size());
  if (!failure_.empty()) {
    finding.outcome = Outcome::kFail;
    finding.note = failure_;
    return finding;
  }
  finding.outcome = Outcome::kUndecided;
  if (comparison.pairs.empty()) {
    finding.note = reference_failure_.empty() ? "no time for a single pair" : reference_failure_;
    return finding;
  }
  finding.value = IntervalOf(comparison.pairs, kAlpha).ratio;
  finding.baseline = comparison.baseline;
  if (!comparison.baseline) {
    finding.note = "no baseline";
    return finding;
  }
  finding.limit = *comparison.baseline * (1 + comparison.slack);
  const TimedVerdict verdict = Decide(comparison.pairs, *finding.limit);
  finding.outcome = verdict.outcome;
  finding.note = NoteOf(verdict, comparison.pairs, *comparison.baseline, *finding.limit);
  if (verdict.outcome == Outcome::kUndecided && verdict.pairs > 0) {
    finding.note += ": too noisy to decide in this time";
  }
  return finding;
}

}  // namespace hz3::gate
