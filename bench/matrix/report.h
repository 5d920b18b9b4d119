// The text of a finished matrix: header, tables of all cells, verdicts, summary.
#ifndef BENCH_MATRIX_REPORT_H_
#define BENCH_MATRIX_REPORT_H_

#include <string>

#include "bench/lib/json_writer.h"
#include "bench/matrix/summary.h"
#include "bench/matrix/verdict.h"

namespace hz3::bench {

struct ReportOptions {
  std::string machine;  // one line
  int runs = 0;
  VerdictRules rules = {};
  bool markdown = false;
};

std::string ReportText(const RowResults& rows, const ReportOptions& options);

// Everything that was measured, each run of it, with the verdicts and the noise.
void WriteReport(const RowResults& rows, const ReportOptions& options, JsonWriter* json);

}  // namespace hz3::bench

#endif  // BENCH_MATRIX_REPORT_H_
