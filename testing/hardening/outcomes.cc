#include "testing/hardening/outcomes.h"

#include <sstream>

#include "bench/lib/subprocess.h"

namespace hz3::testlib {
namespace {

using bench::Command;
using bench::RunResult;

// Every case takes milliseconds; one that hangs is broken.
constexpr double kTimeoutS = 60;

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

Outcome FromEnd(const RunResult& result) {
  if (result.end == RunResult::End::kSignaled) return Outcome::kCaught;
  if (!result.Succeeded()) return Outcome::kBroken;
  if (result.out == "refused\n") return Outcome::kCaught;
  if (result.out == "no harm\n") return Outcome::kNeutralised;
  return result.out == "harm\n" ? Outcome::kMissed : Outcome::kBroken;
}

}  // namespace

const char* NameOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kCaught:
      return "caught";
    case Outcome::kNeutralised:
      return "neutralised";
    case Outcome::kMissed:
      return "missed";
    case Outcome::kBroken:
      return "broken";
  }
  return "";
}

std::vector<CaseRow> ListCases(const std::string& program) {
  const RunResult result = bench::RunCommand({.argv = {program, "--list"}});
  std::vector<CaseRow> rows;
  std::istringstream lines(result.Succeeded() ? result.out : "");
  CaseRow row;
  while (std::getline(lines, row.name, '\t') && std::getline(lines, row.size, '\t') &&
         std::getline(lines, row.kind, '\t') && std::getline(lines, row.mistake)) {
    rows.push_back(row);
  }
  return rows;
}

Outcome RunCase(const std::string& program, const CaseRow& row, const bench::Allocator& allocator,
                std::string* said) {
  const RunResult result = bench::RunCommand({.argv = {program, row.name, row.size},
                                              .env = {{"LD_PRELOAD", allocator.preload}},
                                              .timeout_s = kTimeoutS});
  *said = result.err.empty() ? result.EndText() : FirstLine(result.err);
  return FromEnd(result);
}

std::string ToText(const std::vector<CaseRow>& rows, const std::vector<Outcome>& outcomes) {
  std::string text;
  for (size_t i = 0; i < rows.size(); ++i) {
    text += rows[i].Id() + " " + NameOf(outcomes[i]) + "\n";
  }
  return text;
}

void Counts::Add(Outcome outcome) {
  switch (outcome) {
    case Outcome::kCaught:
      ++caught;
      break;
    case Outcome::kNeutralised:
      ++neutralised;
      break;
    case Outcome::kMissed:
      ++missed;
      break;
    case Outcome::kBroken:
      ++broken;
      break;
  }
}

}  // namespace hz3::testlib
