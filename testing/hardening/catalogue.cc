// The catalogue of memory errors under several allocators: a table of what each catches.
// docs/hardening.md says how to read it.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "bench/lib/allocators.h"
#include "bench/lib/runfiles.h"
#include "bench/lib/table.h"
#include "bench/lib/tool_flags.h"
#include "testing/hardening/outcomes.h"

ABSL_FLAG(std::vector<std::string>, library, {}, "more allocators to test: name=path of an .so");
ABSL_FLAG(std::vector<std::string>, only, {}, "only these allocators, by name");
ABSL_FLAG(bool, said, false, "print what each case said, or how it ended, under each allocator");
ABSL_FLAG(bool, markdown, false, "print the tables as Markdown");
ABSL_FLAG(std::string, write, "", "write one file of outcomes for each allocator to this folder");

namespace hz3::testlib {
namespace {

using bench::Allocator;
using bench::Table;

constexpr char kDescription[] =
    "Runs every memory error of the catalogue under glibc's malloc, the lanes of hz3, its "
    "hardened\n"
    "configuration and other allocators of this machine, each in a process of its own, and prints\n"
    "for each whether it was caught (stopped, or refused), neutralised (it went on, and the harm\n"
    "did not happen) or missed.\n";

[[noreturn]] void Refuse(const std::string& reason) {
  std::fprintf(stderr, "catalogue: %s\n", reason.c_str());
  std::exit(2);
}

std::vector<Allocator> Available(std::string_view argv0) {
  std::vector<Allocator> all = bench::OurAllocators(argv0);
  const std::string hardened = bench::FindRunfile(argv0, "hz3/libhakozuna_hz3_hardened.so");
  if (!hardened.empty()) all.push_back({"hz3-hardened", hardened, true});
  for (const Allocator& peer : bench::PeerAllocators()) all.push_back(peer);
  for (const std::string& text : absl::GetFlag(FLAGS_library)) {
    const auto peer = bench::ParsePeer(text);
    if (!peer) Refuse("--library needs name=path of a file that is there, not '" + text + "'");
    all.push_back(*peer);
  }
  return all;
}

std::vector<Allocator> Chosen(std::string_view argv0) {
  const std::vector<Allocator> all = Available(argv0);
  const std::vector<std::string> only = absl::GetFlag(FLAGS_only);
  if (only.empty()) return all;
  std::vector<Allocator> chosen;
  for (const std::string& name : only) {
    for (const Allocator& allocator : all) {
      if (allocator.name == name) chosen.push_back(allocator);
    }
    if (chosen.empty() || chosen.back().name != name)
      Refuse("there is no allocator '" + name + "'");
  }
  return chosen;
}

// Outcomes by allocator, in the order of the rows.
using Results = std::vector<std::vector<Outcome>>;

void Print(const Table& table) {
  const std::string text = absl::GetFlag(FLAGS_markdown) ? table.Markdown() : table.Text();
  std::printf("%s\n", text.c_str());
}

std::vector<std::string> Header(const std::string& first,
                                const std::vector<Allocator>& allocators) {
  std::vector<std::string> header = {first};
  for (const Allocator& allocator : allocators) header.push_back(allocator.name);
  return header;
}

void PrintCases(const std::vector<CaseRow>& rows, const std::vector<Allocator>& allocators,
                const Results& results) {
  Table table(Header("case", allocators));
  for (size_t i = 0; i < rows.size(); ++i) {
    std::vector<std::string> cells = {rows[i].Id()};
    for (const auto& outcomes : results) cells.push_back(NameOf(outcomes[i]));
    table.AddRow(cells);
  }
  Print(table);
}

// By kind: caught + neutralised of all.
void PrintSummary(const std::vector<CaseRow>& rows, const std::vector<Allocator>& allocators,
                  const Results& results) {
  std::vector<std::string> kinds;
  for (const CaseRow& row : rows) {
    if (kinds.empty() || kinds.back() != row.kind) kinds.push_back(row.kind);
  }
  Table table(Header("caught + neutralised / cases", allocators));
  const auto add_row = [&](const std::string& title, const std::string& kind) {
    std::vector<std::string> cells = {title};
    for (const auto& outcomes : results) {
      Counts counts;
      for (size_t i = 0; i < rows.size(); ++i) {
        if (kind.empty() || rows[i].kind == kind) counts.Add(outcomes[i]);
      }
      cells.push_back(
          absl::StrFormat("%d + %d / %d", counts.caught, counts.neutralised, counts.total()) +
          (kind.empty() ? absl::StrFormat(" = %.0f %%", counts.stopped_pct()) : ""));
    }
    table.AddRow(cells);
  };
  for (const std::string& kind : kinds) add_row(kind, kind);
  add_row("all", "");
  Print(table);
}

void WriteOutcomes(const std::vector<CaseRow>& rows, const Allocator& allocator,
                   const std::vector<Outcome>& outcomes) {
  const std::string folder = absl::GetFlag(FLAGS_write);
  if (folder.empty()) return;
  const std::string path = folder + "/" + allocator.name + ".txt";
  std::ofstream file(path);
  file << ToText(rows, outcomes);
  if (!file.flush()) Refuse("cannot write " + path);
}

int Main(int argc, char** argv) {
  bench::ParseToolFlagsOrExit(argc, argv, kDescription);
  const std::string program = bench::FindRunfile(argv[0], "testing/hardening/case");
  const std::vector<CaseRow> rows = ListCases(program);
  if (rows.empty()) Refuse("the program of the cases does not run");
  const std::vector<Allocator> allocators = Chosen(argv[0]);
  Results results;
  for (const Allocator& allocator : allocators) {
    std::fprintf(stderr, "%s: %zu cases\n", allocator.name.c_str(), rows.size());
    std::vector<Outcome> outcomes;
    for (const CaseRow& row : rows) {
      std::string said;
      outcomes.push_back(RunCase(program, row, allocator, &said));
      if (absl::GetFlag(FLAGS_said)) {
        std::printf("%s %s: %s: %s\n", allocator.name.c_str(), row.Id().c_str(),
                    NameOf(outcomes.back()), said.c_str());
      }
    }
    WriteOutcomes(rows, allocator, outcomes);
    results.push_back(std::move(outcomes));
  }
  PrintCases(rows, allocators, results);
  PrintSummary(rows, allocators, results);
  return 0;
}

}  // namespace
}  // namespace hz3::testlib

int main(int argc, char** argv) { return hz3::testlib::Main(argc, argv); }
