#include "bench/matrix/results.h"

#include <algorithm>

namespace hz3::bench {

std::string Name(Group group) { return group == Group::kReal ? "real" : "synthetic"; }

std::string Name(Metric metric) {
  if (metric == Metric::kCpu) return "CPU";
  return metric == Metric::kRss ? "RSS" : "wall";
}

std::vector<double> Cell::Values(Metric metric) const {
  std::vector<double> values;
  for (const Sample& sample : samples) {
    values.push_back(metric == Metric::kCpu   ? sample.cpu
                     : metric == Metric::kRss ? sample.rss_bytes
                                              : sample.wall_s);
  }
  return values;
}

const Cell* RowResult::Find(const std::string& allocator) const {
  const auto found = std::find_if(cells.begin(), cells.end(), [&](const Cell& cell) {
    return cell.allocator.name == allocator;
  });
  return found == cells.end() ? nullptr : &*found;
}

double RelativeRange(const Summary& summary) {
  return summary.median > 0 ? (summary.max - summary.min) / summary.median : 0;
}

}  // namespace hz3::bench
