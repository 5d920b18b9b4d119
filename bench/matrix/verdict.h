// Whether one lane of hz3 is ahead of the best peer of a row, even with it, or behind.
//
// The best peer is the one with the smallest median, in this row and of this metric. As it is
// chosen by the same runs that are then compared, luck in its favour counts: the verdicts err
// against hz3, the more so the more peers there are.
#ifndef BENCH_MATRIX_VERDICT_H_
#define BENCH_MATRIX_VERDICT_H_

#include <string>

#include "bench/matrix/results.h"

namespace hz3::bench {

enum class Verdict {
  kAhead,
  kEven,        // no difference, or none that the rules call one
  kBehind,      //
  kTooFewRuns,  // of hz3 or of the best peer
  kFailed,      // a run of hz3 failed
  kNoPeer,      // no peer whose runs all ended well
  kFloor,       // the row calls no allocator
};
std::string Name(Verdict verdict);

struct VerdictRules {
  size_t min_runs = 5;      // with fewer the rank test cannot tell much
  double max_p = 0.05;      // of the rank test
  double min_share = 0.02;  // of the best peer's median
  // The kernel's counts of resident pages may be off by 64 pages for each CPU or thread.
  double rss_grain_bytes = 256 << 10;
};

struct Judgement {
  Verdict verdict = Verdict::kNoPeer;
  std::string best_peer = {};
  double ratio = 0;  // hz3 / best peer, of medians; 0 where there is none
  double p = 1;      // of the rank test
  // Medians that are farther apart than this share of the peer's cannot have been missed: the
  // ranges of the runs do not meet then.
  double visible_share = 0;
};

Judgement Judge(const RowResult& row, const std::string& lane, Metric metric,
                const VerdictRules& rules);

}  // namespace hz3::bench

#endif  // BENCH_MATRIX_VERDICT_H_
