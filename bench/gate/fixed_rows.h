// FixedRows: measures the rows whose figures are the same in every run: everything but the timed
// ones. Each call blocks for seconds. Not thread-safe.
#ifndef BENCH_GATE_FIXED_ROWS_H_
#define BENCH_GATE_FIXED_ROWS_H_

#include <string>
#include <vector>

#include "bench/gate/instruction_counter.h"
#include "bench/gate/rows.h"
#include "bench/lib/stats.h"

namespace hz3::gate {

// A library that is to be judged.
struct Subject {
  std::string lane;
  std::string library;
};

struct Figure {
  std::string name;
  double value = 0;
  std::string note = {};  // what somebody should know who sees it fail
};

struct Measurement {
  std::vector<Figure> figures = {};
  std::string made_with = "-";
  std::string failure = {};  // the library did something wrong
  std::string skipped = {};  // this machine lacks something
};

class FixedRows {
 public:
  // `argv0` of the running program, beside which the rows' programs lie.
  FixedRows(std::string argv0, const InstructionCounter& counter)
      : argv0_(std::move(argv0)), counter_(counter) {}

  // `row` must not be a timed one.
  Measurement Measure(const GateRow& row, const Subject& subject) const;
  // A share that was too low the first time: the median of several runs.
  Measurement MeasureAgain(const FillRow& row, const Subject& subject) const;
  // A share that may be committed: several runs reached more.
  Measurement MeasureForBaseline(const FillRow& row, const Subject& subject) const;

 private:
  Measurement MeasureRow(const HotPathRow& row, const Subject& subject) const;
  Measurement MeasureRow(const LibrarySizeRow& row, const Subject& subject) const;
  Measurement MeasureRow(const StartRow& row, const Subject& subject) const;
  Measurement MeasureRow(const FirstBlocksRow& row, const Subject& subject) const;
  Measurement MeasureRow(const ServedRow& row, const Subject& subject) const;
  Measurement MeasureRow(const FootprintRow& row, const Subject& subject) const;
  Measurement MeasureRow(const InstructionsRow& row, const Subject& subject) const;
  Measurement MeasureRow(const TimedRow& row, const Subject& subject) const;
  Measurement MeasureRow(const FillRow& row, const Subject& subject) const;
  Measurement RunFill(const FillRow& row, const Subject& subject, uint64_t seed) const;
  Measurement RunFills(const FillRow& row, const Subject& subject, uint64_t seeds,
                       bench::Summary* shares) const;

  std::string Program(const std::string& path) const;
  Measurement RunProgram(const std::string& program, const std::vector<std::string>& args,
                         const Subject& subject, const std::vector<std::string>& fields) const;
  std::string MadeWith(const Subject& subject, bool counted) const;

  const std::string argv0_;
  const InstructionCounter& counter_;
};

}  // namespace hz3::gate

#endif  // BENCH_GATE_FIXED_ROWS_H_
