// Outcomes: what became of each case of the catalogue under an allocator, and the counts of it.
#ifndef TESTING_HARDENING_OUTCOMES_H_
#define TESTING_HARDENING_OUTCOMES_H_

#include <string>
#include <string_view>
#include <vector>

#include "bench/lib/allocators.h"

namespace hz3::testlib {

enum class Outcome {
  kCaught,       // stopped by a report or a signal, or refused as it should be
  kNeutralised,  // went on to the end, and the harm did not happen
  kMissed,
  kBroken,  // the case did not run as it should: a timeout, an unknown output
};

const char* NameOf(Outcome outcome);

struct CaseRow {
  std::string name;
  std::string size;  // "-" for cases without
  std::string kind;
  std::string mistake;

  std::string Id() const { return size == "-" ? name : name + "/" + size; }
};

// What the program of the cases lists; empty when it cannot be run.
std::vector<CaseRow> ListCases(const std::string& program);
// Runs one under an allocator. `said`: the first line of its stderr, or how it ended.
Outcome RunCase(const std::string& program, const CaseRow& row, const bench::Allocator& allocator,
                std::string* said);

// "<id> <outcome>" a line.
std::string ToText(const std::vector<CaseRow>& rows, const std::vector<Outcome>& outcomes);

struct Counts {
  unsigned caught = 0, neutralised = 0, missed = 0, broken = 0;

  void Add(Outcome outcome);
  unsigned total() const { return caught + neutralised + missed + broken; }
  double stopped_pct() const { return total() == 0 ? 0 : 100.0 * (caught + neutralised) / total(); }
};

}  // namespace hz3::testlib

#endif  // TESTING_HARDENING_OUTCOMES_H_
