#include "bench/matrix/report.h"

#include <vector>

#include "bench/lib/rank_test.h"
#include "bench/lib/table.h"

namespace hz3::bench {
namespace {

std::string Percent(double share) { return Fixed(share * 100, 1) + " %"; }

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// The allocators of the first row that was run; all rows have the same.
std::vector<std::string> AllocatorNames(const RowResults& rows) {
  std::vector<std::string> names;
  for (const RowResult& row : rows) {
    for (const Cell& cell : row.cells) names.push_back(cell.allocator.name);
    if (!names.empty()) break;
  }
  return names;
}

std::string Heading(const std::string& text, bool markdown) {
  return markdown ? "\n### " + text + "\n\n" : "\n" + text + "\n\n";
}

std::string TableText(const Table& table, bool markdown) {
  return markdown ? table.Markdown() : table.Text();
}

std::string NoiseLine(const RowResults& rows, Metric metric, const ReportOptions& options) {
  if (options.runs < 2) return Name(metric) + " noise: one run tells nothing of it\n";
  const Noise noise = NoiseOf(rows, metric, options.rules);
  const std::string ranges = Name(metric) + " noise: the runs of a cell range over " +
                             Percent(noise.median_range) + " of their median (median of cells)";
  const bool is_judged = static_cast<size_t>(options.runs) >= options.rules.min_runs;
  if (!is_judged || noise.comparisons == 0) return ranges + "\n";
  return ranges + ";\n  visible for certain are differences above " + Percent(noise.visible_half) +
         " in half of the " + std::to_string(noise.comparisons) + " comparisons, above " +
         Percent(noise.visible_most) + " in nine of ten\n";
}

std::string TestLine(const ReportOptions& options) {
  const auto runs = static_cast<size_t>(options.runs);
  if (runs < options.rules.min_runs) {
    return "Too few runs for verdicts: " + std::to_string(runs) + " where " +
           std::to_string(options.rules.min_runs) +
           " are needed. The ratios below may be nothing but noise.\n";
  }
  return "ahead / behind: rank test at p < " + Fixed(options.rules.max_p, 2) + " (at best " +
         Fixed(SmallestP(runs, runs), 3) + " with " + std::to_string(runs) +
         " runs) and a difference of at least " + Percent(options.rules.min_share) + ", RSS also " +
         HumanBytes(options.rules.rss_grain_bytes) +
         "; by chance alone about one comparison in twenty differs\n";
}

std::string Header(const RowResults& rows, const ReportOptions& options) {
  std::string text = options.machine + "\nruns of each cell: " + std::to_string(options.runs) +
                     ", in random order within each round: " + Joined(AllocatorNames(rows)) + "\n" +
                     TestLine(options);
  for (const Metric metric : kJudged) text += NoiseLine(rows, metric, options);
  return text;
}

std::string MibWithRange(const Summary& bytes) {
  constexpr double kMib = 1 << 20;
  return WithRange({bytes.median / kMib, bytes.min / kMib, bytes.max / kMib, bytes.count}, 1);
}

std::string CellText(const Cell& cell, Metric metric, Group group) {
  const Summary summary = cell.Of(metric);
  const std::string failed =
      cell.failures.empty() ? "" : " " + std::to_string(cell.failures.size()) + " FAILED";
  if (metric == Metric::kRss) return MibWithRange(summary) + failed;
  return WithRange(summary, group == Group::kSynthetic ? 1 : 2) + failed;
}

std::string Unit(Metric metric, Group group) {
  if (metric == Metric::kRss) return "peak RSS in MiB";
  if (metric == Metric::kWall) return "wall time in s";
  return group == Group::kSynthetic ? "CPU ns/op" : "CPU time in s";
}

bool HasRun(const RowResults& rows, Group group) {
  for (const RowResult& row : rows) {
    if (row.info.group == group && !row.cells.empty()) return true;
  }
  return false;
}

std::string CellsText(const RowResults& rows, Group group, Metric metric, bool markdown) {
  std::vector<std::string> header = {"row"};
  for (const std::string& name : AllocatorNames(rows)) header.push_back(name);
  Table table(header);
  for (const RowResult& row : rows) {
    if (row.info.group != group || row.cells.empty()) continue;
    std::vector<std::string> cells = {row.info.name};
    for (const Cell& cell : row.cells) cells.push_back(CellText(cell, metric, group));
    table.AddRow(cells);
  }
  return Heading(Name(group) + " rows, " + Unit(metric, group) + ", median (min..max)", markdown) +
         TableText(table, markdown);
}

std::vector<std::string> JudgementCells(const Judgement& judgement) {
  if (judgement.ratio <= 0) return {"-", "-", "-", Name(judgement.verdict)};
  return {Fixed(judgement.ratio, 3), judgement.best_peer, Fixed(judgement.p, 3),
          Name(judgement.verdict)};
}

std::string VerdictsText(const RowResults& rows, const ReportOptions& options) {
  Table table(
      {"row", "lane", "CPU ratio", "best peer", "p", "CPU", "RSS ratio", "best peer", "p", "RSS"});
  for (const RowResult& row : rows) {
    if (row.cells.empty()) continue;
    for (const std::string& lane : Lanes(rows)) {
      std::vector<std::string> cells = {row.info.name, lane};
      for (const Metric metric : kJudged) {
        for (auto& cell : JudgementCells(Judge(row, lane, metric, options.rules))) {
          cells.push_back(std::move(cell));
        }
      }
      table.AddRow(cells);
    }
  }
  return Heading("hz3 / best peer of the row", options.markdown) +
         TableText(table, options.markdown);
}

struct Subset {
  std::string name;
  RowFilter filter;
};

// The last two overlap with the synthetic rows: shown for their worst ratios.
std::vector<Subset> Subsets() {
  return {{"synthetic", [](const RowInfo& row) { return row.group == Group::kSynthetic; }},
          {"real", [](const RowInfo& row) { return row.group == Group::kReal; }},
          {"remote, unwritten", [](const RowInfo& row) { return row.remote_unwritten; }},
          {"filled", [](const RowInfo& row) { return row.filled; }}};
}

void AddStandings(const RowResults& rows, const std::string& lane, const VerdictRules& rules,
                  Table* table) {
  for (const Subset& subset : Subsets()) {
    for (const Metric metric : kJudged) {
      const Standing all = StandingOf(rows, lane, metric, rules, subset.filter);
      if (all.rows == 0) continue;
      table->AddRow({lane, subset.name, Name(metric), Fixed(all.mean_ratio, 3),
                     std::to_string(all.rows), std::to_string(all.ahead), std::to_string(all.even),
                     std::to_string(all.behind), std::to_string(all.unjudged),
                     Fixed(all.worst.ratio, 3), all.worst.row + " (" + all.worst.peer + ")"});
    }
  }
}

std::string SummaryText(const RowResults& rows, const ReportOptions& options) {
  Table table({"lane", "rows", "metric", "geometric mean", "of", "ahead", "even", "behind",
               "no verdict", "worst", "in"});
  for (const std::string& lane : Lanes(rows)) AddStandings(rows, lane, options.rules, &table);
  return Heading("hz3 / best peer in sum (below 1: hz3 uses less)", options.markdown) +
         TableText(table, options.markdown);
}

std::string FloorText(const RowResults& rows) {
  std::vector<std::string> words;
  for (const AboveFloor& above : PairsAboveFloor(rows)) {
    words.push_back(above.allocator + " " + Fixed(above.pair_ns - above.floor_ns, 2) + " (" +
                    Fixed(above.floor_ns, 2) + " + it = " + Fixed(above.pair_ns, 2) + ")");
  }
  if (words.empty()) return "";
  return "\nA pair of 64 bytes above its floor, CPU ns/op: " + Joined(words) + "\n";
}

std::string BehindText(const RowResults& rows, const VerdictRules& rules) {
  const RowFilter all = [](const RowInfo&) { return true; };
  std::string text = "\n";
  for (const std::string& lane : Lanes(rows)) {
    for (const Metric metric : kJudged) {
      const Standing standing = StandingOf(rows, lane, metric, rules, all);
      const std::string who = lane + " " + Name(metric);
      if (!standing.rows_failed.empty()) {
        text += who + " FAILED in: " + Joined(standing.rows_failed) + "\n";
      }
      const bool none = standing.rows_behind.empty();
      if (standing.ahead + standing.even + standing.behind == 0) continue;
      text += who + " behind in: " + (none ? "no row" : Joined(standing.rows_behind)) + "\n";
    }
  }
  return text;
}

std::string FailuresText(const RowResults& rows) {
  std::string text;
  for (const RowResult& row : rows) {
    if (!row.skipped.empty()) text += "skipped: " + row.info.name + ": " + row.skipped + "\n";
    for (const Cell& cell : row.cells) {
      if (cell.failures.empty()) continue;
      text += "failed: " + row.info.name + ", " + cell.allocator.name + ": " +
              std::to_string(cell.failures.size()) + " runs: " + cell.failures.front() + "\n";
    }
  }
  return text;
}

}  // namespace

std::string ReportText(const RowResults& rows, const ReportOptions& options) {
  std::string text = Header(rows, options);
  for (const Group group : kGroups) {
    if (!HasRun(rows, group)) continue;
    for (const Metric metric : kJudged) text += CellsText(rows, group, metric, options.markdown);
    if (group == Group::kReal) text += CellsText(rows, group, Metric::kWall, options.markdown);
  }
  if (!Lanes(rows).empty()) {
    text +=
        VerdictsText(rows, options) + SummaryText(rows, options) + BehindText(rows, options.rules);
  }
  return text + FloorText(rows) + FailuresText(rows);
}

}  // namespace hz3::bench
