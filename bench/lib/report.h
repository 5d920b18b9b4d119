// The result of a bench as named fields: printed as `key=value` words in groups of one line each,
// written as one flat JSON object, and read back by the tools that start the bench.
#ifndef BENCH_LIB_REPORT_H_
#define BENCH_LIB_REPORT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hz3::bench {

// Not thread-safe.
class Report {
 public:
  // Starts a new line of text; `title` opens it.
  void Line(std::string title);

  void Add(std::string key, uint64_t value) { AddField(std::move(key), value); }
  void Add(std::string key, int64_t value) { AddField(std::move(key), value); }
  void Add(std::string key, double value) { AddField(std::move(key), value); }
  void Add(std::string key, std::string value) { AddField(std::move(key), std::move(value)); }

  std::string Text() const;
  std::string Json() const;

 private:
  using Value = std::variant<uint64_t, int64_t, double, std::string>;
  struct Field {
    std::string key;
    Value value;
  };
  struct Group {
    std::string title;
    std::vector<Field> fields;
  };

  void AddField(std::string key, Value value);

  std::vector<Group> groups_;
};

// Writes the report's JSON where `path` is not empty, and says on stderr when that failed.
bool WriteJsonReport(const Report& report, const std::string& path);

// The fields of a report's text. Words that hold no '=' are passed over; values with spaces come
// back cut at the first one.
class ReportFields {
 public:
  explicit ReportFields(std::string_view text);

  std::optional<std::string> Text(const std::string& key) const;
  // Nothing for infinities and NaN too: a run without a single op has no rate.
  std::optional<double> Number(const std::string& key) const;
  const std::map<std::string, std::string>& all() const { return fields_; }

 private:
  std::map<std::string, std::string> fields_;
};

}  // namespace hz3::bench

#endif  // BENCH_LIB_REPORT_H_
