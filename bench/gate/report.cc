#include "bench/gate/report.h"

#include <optional>

#include "bench/lib/json_writer.h"
#include "bench/lib/stats.h"
#include "bench/lib/table.h"

namespace hz3::gate {
namespace {

std::string CellText(const std::string& figure, const std::optional<double>& value) {
  return value ? FigureText(figure, *value) : "-";
}

void WriteNumber(const char* key, const std::optional<double>& value, bench::JsonWriter* json) {
  json->Key(key);
  if (value) {
    json->Double(*value);
  } else {
    json->Raw("null");
  }
}

void WriteText(const char* key, const std::string& value, bench::JsonWriter* json) {
  json->Key(key);
  json->String(value);
}

void WriteCount(const char* key, int value, bench::JsonWriter* json) {
  json->Key(key);
  json->Int(value);
}

void WriteFinding(const Finding& finding, bench::JsonWriter* json) {
  json->BeginObject();
  WriteText("row", finding.row, json);
  WriteText("lane", finding.lane, json);
  WriteText("figure", finding.figure, json);
  WriteText("outcome", Name(finding.outcome), json);
  WriteNumber("value", finding.value, json);
  WriteNumber("baseline", finding.baseline, json);
  WriteNumber("limit", finding.limit, json);
  WriteText("made_with", finding.made_with, json);
  WriteText("note", finding.note, json);
  WriteNumber("seconds", finding.seconds, json);
  json->EndObject();
}

}  // namespace

Tally Count(const std::vector<Finding>& findings) {
  Tally tally;
  for (const Finding& finding : findings) {
    tally.passed += finding.outcome == Outcome::kPass;
    tally.failed += finding.outcome == Outcome::kFail;
    tally.undecided += finding.outcome == Outcome::kUndecided;
    tally.skipped += finding.outcome == Outcome::kSkipped;
  }
  return tally;
}

std::string FigureText(std::string_view figure, double value) {
  if (figure.ends_with("_bytes")) return bench::HumanBytes(value);
  if (figure.find("_to_") != std::string_view::npos) return bench::Fixed(value, 3);
  if (figure == "live_pct") return bench::Fixed(value, 1) + " %";
  return bench::Fixed(value, figure == "instructions" ? 2 : 0);
}

std::string TableText(const std::vector<Finding>& findings) {
  bench::Table table({"row", "lane", "figure", "value", "baseline", "limit", "", "note"});
  for (const Finding& finding : findings) {
    table.AddRow({finding.row, finding.lane, finding.figure,
                  CellText(finding.figure, finding.value),
                  CellText(finding.figure, finding.baseline),
                  CellText(finding.figure, finding.limit), Name(finding.outcome), finding.note});
  }
  return table.Text();
}

std::string SummaryText(const std::vector<Finding>& findings, double seconds) {
  const Tally tally = Count(findings);
  std::string text = tally.failed > 0 ? "gate: FAIL" : "gate: pass";
  text += ", " + std::to_string(tally.passed) + " figures passed, " + std::to_string(tally.failed) +
          " failed";
  if (tally.undecided > 0) text += ", " + std::to_string(tally.undecided) + " undecided";
  if (tally.skipped > 0) text += ", " + std::to_string(tally.skipped) + " skipped";
  return text + ", " + bench::Fixed(seconds, 0) + " s";
}

std::string Json(const std::vector<Finding>& findings, const std::string& machine, double seconds) {
  const Tally tally = Count(findings);
  bench::JsonWriter json;
  json.BeginObject();
  WriteText("gate", tally.failed > 0 ? "fail" : "pass", &json);
  WriteText("machine", machine, &json);
  WriteCount("passed", tally.passed, &json);
  WriteCount("failed", tally.failed, &json);
  WriteCount("undecided", tally.undecided, &json);
  WriteCount("skipped", tally.skipped, &json);
  WriteNumber("seconds", seconds, &json);
  json.Key("findings");
  json.BeginArray();
  for (const Finding& finding : findings) WriteFinding(finding, &json);
  json.EndArray();
  json.EndObject();
  return json.Text();
}

}  // namespace hz3::gate
