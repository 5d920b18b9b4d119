#include "bench/lib/report.h"

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <utility>

#include "bench/lib/json_writer.h"

namespace hz3::bench {
namespace {

struct AsText {
  std::string operator()(uint64_t value) const { return std::to_string(value); }
  std::string operator()(int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const {
    char digits[48];
    std::snprintf(digits, sizeof(digits), "%.4f", value);
    return digits;
  }
  std::string operator()(const std::string& value) const { return value; }
};

struct AsJson {
  JsonWriter* json;
  void operator()(uint64_t value) const { json->Uint(value); }
  void operator()(int64_t value) const { json->Int(value); }
  void operator()(double value) const { json->Double(value); }
  void operator()(const std::string& value) const { json->String(value); }
};

}  // namespace

void Report::Line(std::string title) { groups_.push_back({std::move(title), {}}); }

void Report::AddField(std::string key, Value value) {
  groups_.back().fields.push_back({std::move(key), std::move(value)});
}

std::string Report::Text() const {
  std::string text;
  for (const Group& group : groups_) {
    text += group.title + ":";
    for (const Field& field : group.fields) {
      text += " " + field.key + "=" + std::visit(AsText{}, field.value);
    }
    text += "\n";
  }
  return text;
}

std::string Report::Json() const {
  JsonWriter json;
  json.BeginObject();
  for (const Group& group : groups_) {
    for (const Field& field : group.fields) {
      json.Key(field.key);
      std::visit(AsJson{&json}, field.value);
    }
  }
  json.EndObject();
  return json.Text();
}

bool WriteJsonReport(const Report& report, const std::string& path) {
  if (path.empty() || WriteFile(path, report.Json())) return true;
  std::fprintf(stderr, "cannot write %s: %s\n", path.c_str(), std::strerror(errno));
  return false;
}

ReportFields::ReportFields(std::string_view text) {
  std::istringstream words{std::string(text)};
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) continue;
    fields_[word.substr(0, equals)] = word.substr(equals + 1);
  }
}

std::optional<std::string> ReportFields::Text(const std::string& key) const {
  const auto found = fields_.find(key);
  if (found == fields_.end()) return std::nullopt;
  return found->second;
}

std::optional<double> ReportFields::Number(const std::string& key) const {
  const auto text = Text(key);
  if (!text) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(text->c_str(), &end);
  if (text->empty() || *end != '\0' || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace hz3::bench
