// ExitReport: what `hz3 run --stats` says about a program that has ended, from the figures that its
// processes left (HZ3_STATS_AT_EXIT) and from what the kernel counted.
#ifndef TOOLS_HZ3_EXIT_REPORT_H_
#define TOOLS_HZ3_EXIT_REPORT_H_

#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tools/hz3/launch.h"

namespace hz3::tool {

struct ExitReport {
  std::string program;
  Ending ending;
  double wall_s = 0;
  nlohmann::json stats;                // of the program's own process; null: it left none
  std::vector<nlohmann::json> others;  // of processes that it started
};

// The figures in the files of `folder`, each named after its process.
void ReadFigures(const std::string& folder, pid_t pid, ExitReport* report);

std::string ExitReportText(const ExitReport& report);
nlohmann::json ExitReportJson(const ExitReport& report);

}  // namespace hz3::tool

#endif  // TOOLS_HZ3_EXIT_REPORT_H_
