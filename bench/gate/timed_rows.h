// TimedRun: one timed row of one library, measured in rounds. A round runs the library and its
// references once each, right after each other, in an order drawn anew; what is judged is the ratio
// of the two runs of a round, so that a machine that becomes slower does so for both.
//
// The references: the C library's malloc, with committed ratios as baselines, and, where one was
// given, another build of the same library, with 1 as the baseline. Not thread-safe.
#ifndef BENCH_GATE_TIMED_ROWS_H_
#define BENCH_GATE_TIMED_ROWS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/gate/baselines.h"
#include "bench/gate/finding.h"
#include "bench/gate/interval.h"
#include "bench/lib/rng.h"

namespace hz3::gate {

// By how much a ratio may exceed its baseline. Ratios to the C library's malloc also differ between
// processors and C libraries; those to another build of the same tree do not.
inline constexpr double kSlackToLibc = 0.25;
inline constexpr double kSlackToAgainst = 0.05;

// Of one run.
struct TimedSample {
  double cpu = 0;  // of an op, or of whatever the program counts
  double rss_bytes = 0;
  std::string failure = {};  // the numbers mean nothing then
};

// A way to run the row's program.
struct Arm {
  std::string name;  // "libc" or "against"; the first arm is the library that is judged
  std::function<TimedSample()> run;
};

class TimedRun {
 public:
  // `arms`: the library that is judged, then its references.
  TimedRun(std::string row, std::string lane, std::vector<Arm> arms, const Baselines* baselines,
           uint64_t seed);

  void RunRound();
  // Whether another round can change a finding.
  bool IsDecided() const;
  // One for each reference and each of CPU time and RSS.
  std::vector<Finding> Findings() const;

  int rounds() const { return rounds_; }
  double longest_round_s() const { return longest_round_s_; }

 private:
  enum class Metric { kCpu, kRss };

  struct Comparison {
    std::string figure;
    double slack = 0;
    std::optional<double> baseline;
    size_t arm = 0;
    Metric metric = Metric::kCpu;
    std::vector<Pair> pairs = {};
  };

  void AddComparisons(const Baselines& baselines);
  void AddPairs(const std::vector<TimedSample>& samples);
  Finding FindingOf(const Comparison& comparison) const;

  const std::string row_;
  const std::string lane_;
  const std::vector<Arm> arms_;
  bench::Rng rng_;
  std::vector<Comparison> comparisons_;
  std::string failure_;            // of the library that is judged
  std::string reference_failure_;  // of a reference
  int rounds_ = 0;
  double longest_round_s_ = 0;
  double seconds_ = 0;
};

}  // namespace hz3::gate

#endif  // BENCH_GATE_TIMED_ROWS_H_
