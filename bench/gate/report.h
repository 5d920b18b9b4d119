// The findings as a table for people and as JSON for programs. Pure functions.
#ifndef BENCH_GATE_REPORT_H_
#define BENCH_GATE_REPORT_H_

#include <string>
#include <string_view>
#include <vector>

#include "bench/gate/finding.h"

namespace hz3::gate {

struct Tally {
  int passed = 0;
  int failed = 0;
  int undecided = 0;
  int skipped = 0;
};
Tally Count(const std::vector<Finding>& findings);

// A figure as people read it: bytes with their unit, ratios with three decimals.
std::string FigureText(std::string_view figure, double value);

std::string TableText(const std::vector<Finding>& findings);
// One line: what the gate says as a whole.
std::string SummaryText(const std::vector<Finding>& findings, double seconds);
std::string Json(const std::vector<Finding>& findings, const std::string& machine, double seconds);

}  // namespace hz3::gate

#endif  // BENCH_GATE_REPORT_H_
