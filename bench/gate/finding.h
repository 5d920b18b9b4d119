// Finding: what the gate says about one figure of one row. Plain data; everything that is printed,
// written or decided is made of these.
//
//   row      one load or property that the gate looks at
//   figure   one number of a row, of one lane
//   limit    the most that the figure may be
#ifndef BENCH_GATE_FINDING_H_
#define BENCH_GATE_FINDING_H_

#include <optional>
#include <string>
#include <vector>

namespace hz3::gate {

enum class Outcome {
  kPass,
  kFail,
  kUndecided,  // measured, but too noisy, or there is nothing to hold it against
  kSkipped,    // could not be measured on this machine
};

struct Finding {
  std::string row;
  std::string lane;
  std::string figure;
  Outcome outcome = Outcome::kSkipped;
  std::optional<double> value = {};
  std::optional<double> baseline = {};
  std::optional<double> limit = {};
  // Compiler and counter that an exact figure depends on; "-" where it depends on neither.
  std::string made_with = "-";
  std::string note = {};  // why, in one line
  double seconds = 0;     // that it took
};

inline const char* Name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPass:
      return "pass";
    case Outcome::kFail:
      return "FAIL";
    case Outcome::kUndecided:
      return "undecided";
    case Outcome::kSkipped:
      return "skipped";
  }
  return "";
}

}  // namespace hz3::gate

#endif  // BENCH_GATE_FINDING_H_
