// The rows of the gate, as data. Programs are runfile paths; a lane's library is preloaded into
// each of them.
#ifndef BENCH_GATE_ROWS_H_
#define BENCH_GATE_ROWS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hz3::gate {

// malloc and free as compiled, against the golden listings.
struct HotPathRow {};

// The bytes of the library that a process maps.
struct LibrarySizeRow {};

// A program's instructions with the library beyond those without: what loading it costs.
struct StartRow {
  std::string program;  // a path
  std::vector<std::string> args = {};
};

// Instructions inside the library of a short program: what making the heap costs.
struct FirstBlocksRow {
  std::string program;
  std::vector<std::string> args = {};
};

// Runs until its end without a failed allocation.
struct ServedRow {
  std::string program;
  std::vector<std::string> args = {};
};

// Grows to the committed share of a fixed arena without a failed allocation.
struct FillRow {
  std::string workload;
  bool wants_trace = false;
};

// hz3's own figures of a run that is the same every time, and what did not come back after it.
struct FootprintRow {};

// Instructions for each op, from two run lengths: what happens once drops out.
struct InstructionsRow {
  std::string program;
  std::vector<std::string> args = {};  // "{n}" stands for the run's length
  uint64_t short_n = 0;
  uint64_t long_n = 0;
};

// CPU time and peak RSS in proportion to a reference that runs right after or before.
struct TimedRow {
  std::string program;
  std::vector<std::string> args = {};
};

struct GateRow {
  using What = std::variant<HotPathRow, LibrarySizeRow, StartRow, FirstBlocksRow, ServedRow,
                            FillRow, FootprintRow, InstructionsRow, TimedRow>;

  std::string name;  // letters, digits and '_'; unique
  std::string help;
  What what;
  bool quick = false;  // one of the few that are run with --quick

  bool is_timed() const { return std::holds_alternative<TimedRow>(what); }
};

// Always in the same order, timed rows last.
const std::vector<GateRow>& GateRows();

}  // namespace hz3::gate

#endif  // BENCH_GATE_ROWS_H_
