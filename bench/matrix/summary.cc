#include "bench/matrix/summary.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace hz3::bench {
namespace {

void Count(const Judgement& judgement, Standing* standing) {
  if (judgement.verdict == Verdict::kAhead) {
    ++standing->ahead;
  } else if (judgement.verdict == Verdict::kEven) {
    ++standing->even;
  } else if (judgement.verdict == Verdict::kBehind) {
    ++standing->behind;
  } else {
    ++standing->unjudged;
  }
}

// The value that a share of the values does not exceed; 0 for none.
double Quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto last = static_cast<double>(values.size() - 1);
  return values[static_cast<size_t>(std::ceil(share * last))];
}

std::vector<std::string> ShortcomingsOf(const RowResult& row, const Cell& cell,
                                        const VerdictRules& rules, bool behind_counts) {
  if (!cell.failures.empty()) return {"a run failed: " + cell.failures.front()};
  std::vector<std::string> reasons;
  for (const Metric metric : kJudged) {
    const Judgement judgement = Judge(row, cell.allocator.name, metric, rules);
    if (!behind_counts || judgement.verdict != Verdict::kBehind) continue;
    reasons.push_back(Name(metric) + " behind " + judgement.best_peer + ", ratio " +
                      Fixed(judgement.ratio, 3));
  }
  return reasons;
}

const RowResult* FindRow(const RowResults& rows, const std::string& name) {
  const auto found = std::find_if(rows.begin(), rows.end(),
                                  [&](const RowResult& row) { return row.info.name == name; });
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace

std::vector<std::string> Lanes(const RowResults& rows) {
  std::vector<std::string> lanes;
  for (const RowResult& row : rows) {
    for (const Cell& cell : row.cells) {
      const std::string& name = cell.allocator.name;
      const bool is_known = std::find(lanes.begin(), lanes.end(), name) != lanes.end();
      if (cell.allocator.is_ours && !is_known) lanes.push_back(name);
    }
  }
  return lanes;
}

double GeometricMean(const std::vector<double>& values) {
  if (values.empty()) return 0;
  double sum = 0;
  for (const double value : values) sum += std::log(value);
  return std::exp(sum / static_cast<double>(values.size()));
}

Standing StandingOf(const RowResults& rows, const std::string& lane, Metric metric,
                    const VerdictRules& rules, const RowFilter& filter) {
  Standing standing;
  std::vector<double> ratios;
  std::vector<std::pair<double, std::string>> behind;
  for (const RowResult& row : rows) {
    if (row.cells.empty() || !filter(row.info)) continue;
    const Judgement judgement = Judge(row, lane, metric, rules);
    if (judgement.verdict == Verdict::kFloor) continue;
    Count(judgement, &standing);
    if (judgement.verdict == Verdict::kFailed) standing.rows_failed.push_back(row.info.name);
    if (judgement.verdict == Verdict::kBehind) behind.emplace_back(-judgement.ratio, row.info.name);
    if (judgement.ratio <= 0) continue;
    ratios.push_back(judgement.ratio);
    if (judgement.ratio > standing.worst.ratio) {
      standing.worst = {judgement.ratio, row.info.name, judgement.best_peer};
    }
  }
  std::sort(behind.begin(), behind.end());
  for (const auto& [ratio, name] : behind) {
    standing.rows_behind.push_back(name + " " + Fixed(-ratio, 2));
  }
  standing.rows = ratios.size();
  standing.mean_ratio = GeometricMean(ratios);
  return standing;
}

std::vector<std::string> Shortcomings(const RowResults& rows, const VerdictRules& rules,
                                      bool behind_counts) {
  std::vector<std::string> lines;
  for (const RowResult& row : rows) {
    for (const Cell& cell : row.cells) {
      if (!cell.allocator.is_ours) continue;
      for (const std::string& reason : ShortcomingsOf(row, cell, rules, behind_counts)) {
        lines.push_back(row.info.name + ", " + cell.allocator.name + ": " + reason);
      }
    }
  }
  return lines;
}

Noise NoiseOf(const RowResults& rows, Metric metric, const VerdictRules& rules) {
  std::vector<double> ranges;
  std::vector<double> visible;
  for (const RowResult& row : rows) {
    for (const Cell& cell : row.cells) {
      if (cell.samples.size() > 1) ranges.push_back(RelativeRange(cell.Of(metric)));
      if (!cell.allocator.is_ours) continue;
      const Judgement judgement = Judge(row, cell.allocator.name, metric, rules);
      if (judgement.ratio > 0) {
        visible.push_back(std::max(judgement.visible_share, rules.min_share));
      }
    }
  }
  return {Quantile(ranges, 0.5), Quantile(visible, 0.5), Quantile(visible, 0.9), visible.size()};
}

std::vector<AboveFloor> PairsAboveFloor(const RowResults& rows) {
  const RowResult* floor = FindRow(rows, kFloorRow);
  const RowResult* pair = FindRow(rows, kPairRow);
  if (floor == nullptr || pair == nullptr) return {};
  std::vector<AboveFloor> above;
  for (const Cell& cell : pair->cells) {
    const Cell* at_floor = floor->Find(cell.allocator.name);
    if (at_floor == nullptr || at_floor->samples.empty() || cell.samples.empty()) continue;
    above.push_back(
        {cell.allocator.name, at_floor->Of(Metric::kCpu).median, cell.Of(Metric::kCpu).median});
  }
  return above;
}

}  // namespace hz3::bench
