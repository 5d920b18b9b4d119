#include "bench/matrix/verdict.h"

#include <algorithm>
#include <cmath>

#include "bench/lib/rank_test.h"

namespace hz3::bench {
namespace {

// A peer that failed a run is no measure: what it saved may be what it failed at.
const Cell* BestPeer(const RowResult& row, Metric metric) {
  const Cell* best = nullptr;
  for (const Cell& cell : row.cells) {
    if (cell.allocator.is_ours || cell.samples.empty() || !cell.failures.empty()) continue;
    if (best == nullptr || cell.Of(metric).median < best->Of(metric).median) best = &cell;
  }
  return best;
}

double VisibleShare(const Summary& ours, const Summary& peer) {
  const double ahead = (ours.max - ours.median) + (peer.median - peer.min);
  const double behind = (ours.median - ours.min) + (peer.max - peer.median);
  return std::max(ahead, behind) / peer.median;
}

bool Matters(const Summary& ours, const Summary& peer, Metric metric, const VerdictRules& rules) {
  const double difference = std::abs(ours.median - peer.median);
  const double least = metric == Metric::kRss ? rules.rss_grain_bytes : 0;
  return difference >= std::max(least, rules.min_share * peer.median);
}

Verdict Compare(const Cell& ours, const Cell& peer, Metric metric, const VerdictRules& rules,
                double p) {
  if (std::min(ours.samples.size(), peer.samples.size()) < rules.min_runs) {
    return Verdict::kTooFewRuns;
  }
  const Summary mine = ours.Of(metric);
  const Summary theirs = peer.Of(metric);
  if (p >= rules.max_p || !Matters(mine, theirs, metric, rules)) return Verdict::kEven;
  return mine.median < theirs.median ? Verdict::kAhead : Verdict::kBehind;
}

}  // namespace

std::string Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kAhead:
      return "ahead";
    case Verdict::kEven:
      return "even";
    case Verdict::kBehind:
      return "behind";
    case Verdict::kTooFewRuns:
      return "too few runs";
    case Verdict::kFailed:
      return "FAILED";
    case Verdict::kFloor:
      return "floor";
    case Verdict::kNoPeer:
      break;
  }
  return "no peer";
}

Judgement Judge(const RowResult& row, const std::string& lane, Metric metric,
                const VerdictRules& rules) {
  Judgement judgement;
  const Cell* ours = row.Find(lane);
  const Cell* peer = BestPeer(row, metric);
  const bool failed = ours == nullptr || ours->samples.empty() || !ours->failures.empty();
  if (failed) judgement.verdict = Verdict::kFailed;
  if (row.info.is_floor && !failed) judgement.verdict = Verdict::kFloor;
  if (judgement.verdict == Verdict::kFloor) return judgement;
  if (failed || peer == nullptr || peer->Of(metric).median <= 0) return judgement;
  judgement.best_peer = peer->allocator.name;
  judgement.ratio = ours->Of(metric).median / peer->Of(metric).median;
  judgement.p = CompareRanks(ours->Values(metric), peer->Values(metric)).p;
  judgement.visible_share = VisibleShare(ours->Of(metric), peer->Of(metric));
  judgement.verdict = Compare(*ours, *peer, metric, rules, judgement.p);
  return judgement;
}

}  // namespace hz3::bench
