#include "tools/hz3/gate_json.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"

namespace hz3::tool {
namespace {

using Json = nlohmann::json;

Json TextOf(const Json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end() || member->is_null()) return nullptr;
  return member->is_string() ? *member : Json(member->dump());
}

Json NumberOf(const Json& object, const char* name) {
  const auto member = object.find(name);
  return member != object.end() && member->is_number() ? *member : Json(nullptr);
}

// The machine is a text, or an object whose members are put into one line.
Json MachineOf(const Json& file) {
  const auto machine = file.find("machine");
  if (machine == file.end()) return nullptr;
  if (!machine->is_object()) return TextOf(file, "machine");
  std::string text;
  for (const auto& [name, value] : machine->items()) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", name, " ",
                    value.is_string() ? value.get<std::string>() : value.dump());
  }
  return text;
}

Json GateRow(const Json& row) {
  return {{"name", TextOf(row, "name")},       {"kind", TextOf(row, "kind")},
          {"verdict", TextOf(row, "verdict")}, {"unit", TextOf(row, "unit")},
          {"value", NumberOf(row, "value")},   {"baseline", NumberOf(row, "baseline")},
          {"ratio", NumberOf(row, "ratio")},   {"low", NumberOf(row, "low")},
          {"high", NumberOf(row, "high")}};
}

std::string TextOr(const Json& object, const char* name, const char* otherwise) {
  const Json text = TextOf(object, name);
  return text.is_string() ? text.get<std::string>() : otherwise;
}

Json UnitOf(const std::string& figure) {
  if (figure.ends_with("_bytes")) return "bytes";
  if (figure.ends_with("_pct")) return "%";
  // A ratio has none.
  return figure.find("_to_") != std::string::npos ? Json(nullptr) : Json(figure);
}

// One figure of a row of bench/gate: it passes up to a limit, which is a range without a low end.
Json FindingRow(const Json& finding) {
  const std::string figure = TextOr(finding, "figure", "");
  std::string name;
  for (const std::string& word :
       {TextOr(finding, "row", "-"), TextOr(finding, "lane", ""), figure}) {
    if (!word.empty()) absl::StrAppend(&name, name.empty() ? "" : " ", word);
  }
  const Json value = NumberOf(finding, "value");
  const Json baseline = NumberOf(finding, "baseline");
  const bool has_ratio = value.is_number() && baseline.is_number() && baseline.get<double>() > 0;
  return {{"name", name},
          {"kind", figure},
          {"verdict", TextOf(finding, "outcome")},
          {"unit", UnitOf(figure)},
          {"value", value},
          {"baseline", baseline},
          {"ratio", has_ratio ? Json(value.get<double>() / baseline.get<double>()) : Json(nullptr)},
          {"low", nullptr},
          {"high", NumberOf(finding, "limit")}};
}

// The figure of `metric` ("cpu" or "rss") in each run of an allocator.
std::vector<double> RunsOf(const Json& row, const Json& allocator, bool is_cpu) {
  std::vector<double> values;
  const Json cells = row.value("allocators", Json::array());
  for (const Json& cell : cells) {
    if (!cell.is_object() || cell.value("allocator", Json()) != allocator) continue;
    const Json runs = cell.value("runs", Json::array());
    for (const Json& run : runs) {
      for (const char* name : {"cpu_ns_per_op", "cpu_s", "rss_bytes"}) {
        const bool is_wanted = (std::string_view(name) != "rss_bytes") == is_cpu;
        if (is_wanted && run.is_object() && run.contains(name) && run[name].is_number()) {
          values.push_back(run[name].get<double>());
        }
      }
    }
  }
  std::sort(values.begin(), values.end());
  return values;
}

Json Median(const std::vector<double>& sorted) {
  if (sorted.empty()) return nullptr;
  const size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// One verdict of a row of bench:peers; the best peer is its baseline.
Json PeersRow(const Json& row, const Json& verdict) {
  const Json metric = TextOf(verdict, "metric");
  const bool is_cpu =
      metric.is_string() && metric.get<std::string>().find("CPU") != std::string::npos;
  const Json lane = verdict.value("lane", Json());
  const std::vector<double> ours = RunsOf(row, lane, is_cpu);
  const std::vector<double> best = RunsOf(row, verdict.value("best_peer", Json()), is_cpu);
  const bool is_synthetic = row.value("group", Json()) == "synthetic";
  return {{"name", absl::StrCat(TextOr(row, "row", "-"), " ", TextOr(verdict, "lane", "-"), " ",
                                TextOr(verdict, "metric", "-"))},
          {"kind", TextOf(row, "group")},
          {"verdict", TextOf(verdict, "verdict")},
          {"unit", !is_cpu        ? "bytes"
                   : is_synthetic ? "ns/op"
                                  : "s"},
          {"value", Median(ours)},
          {"baseline", Median(best)},
          {"ratio", NumberOf(verdict, "ratio")},
          {"low", ours.empty() ? Json(nullptr) : Json(ours.front())},
          {"high", ours.empty() ? Json(nullptr) : Json(ours.back())}};
}

void AddRows(const Json& row, Json* rows) {
  const auto verdicts = row.find("verdicts");
  if (verdicts == row.end()) {
    rows->push_back(GateRow(row));
  } else if (verdicts->is_array()) {
    for (const Json& verdict : *verdicts) {
      if (verdict.is_object()) rows->push_back(PeersRow(row, verdict));
    }
  }
}

}  // namespace

absl::StatusOr<Json> ParseGate(const std::string& name, const std::string& text) {
  const Json file = Json::parse(text, nullptr, false);
  if (file.is_discarded())
    return absl::DataLossError(name + ": this is not JSON, or it is cut off");
  const bool has_findings = file.is_object() && file.contains("findings");
  const char* const list = has_findings ? "findings" : "rows";
  if (!file.is_object() || !file.contains(list) || !file[list].is_array()) {
    return absl::DataLossError(
        name + ": neither a recording nor a JSON file of the gate or of bench:peers");
  }
  Json rows = Json::array();
  for (const Json& row : file[list]) {
    if (!row.is_object()) continue;
    if (has_findings) {
      rows.push_back(FindingRow(row));
    } else {
      AddRows(row, &rows);
    }
  }
  return Json{{"file", name.substr(name.rfind('/') + 1)},
              {"machine", MachineOf(file)},
              {"commit", TextOf(file, "commit")},
              {"date", TextOf(file, "date")},
              {"rows", rows}};
}

}  // namespace hz3::tool
