// Runner: runs rows for lanes and collects what it finds: first everything that is the same in
// every run, then the timed rows in rounds, all rows in turn, until each is decided or time is up.
// Not thread-safe.
#ifndef BENCH_GATE_RUNNER_H_
#define BENCH_GATE_RUNNER_H_

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "bench/gate/baselines.h"
#include "bench/gate/finding.h"
#include "bench/gate/fixed_rows.h"
#include "bench/gate/rows.h"
#include "bench/gate/timed_rows.h"

namespace hz3::gate {

struct GatePlan {
  std::vector<GateRow> rows;
  std::vector<Subject> subjects;               // timed rows measure the first one only
  std::map<std::string, std::string> against;  // lane to another build's library
  double time_limit_s = 0;                     // no round starts that may not end before
  bool for_baselines = false;                  // measure what is to be committed; judge nothing
  std::string counter = "auto";                // as InstructionCounter takes it
};

class Runner {
 public:
  // `argv0` of the running program.
  Runner(std::string argv0, GatePlan plan, const Baselines& baselines);

  // Blocks; says on stderr what it is doing.
  std::vector<Finding> Run();

 private:
  void RunFixed(const GateRow& row, const Subject& subject);
  Measurement Measure(const GateRow& row, const Subject& subject) const;
  void AddFigure(const GateRow& row, const Subject& subject, const Measurement& measurement,
                 const Figure& figure, double seconds);
  void CompareInstructions(const GateRow& row, const Subject& subject,
                           const Measurement& measurement);
  void RunTimed();
  std::vector<TimedRun> TimedRuns() const;
  std::vector<Arm> ArmsOf(const TimedRow& row, const Subject& subject) const;
  bool HasTimeFor(const TimedRun& run) const;
  bool IsDone(const TimedRun& run) const;
  double Elapsed() const;

  const std::string argv0_;
  const GatePlan plan_;
  const Baselines& baselines_;
  const InstructionCounter counter_;
  const FixedRows fixed_;
  const std::chrono::steady_clock::time_point begin_;
  std::vector<Finding> findings_;
};

}  // namespace hz3::gate

#endif  // BENCH_GATE_RUNNER_H_
