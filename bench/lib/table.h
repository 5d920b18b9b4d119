// A table of text: the first column is flush left, the others flush right.
#ifndef BENCH_LIB_TABLE_H_
#define BENCH_LIB_TABLE_H_

#include <string>
#include <vector>

namespace hz3::bench {

// Not thread-safe.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}

  // Missing cells at the end stay empty, surplus ones are dropped.
  void AddRow(std::vector<std::string> cells);

  // Columns in line, two spaces apart, a rule under the header.
  std::string Text() const;

  std::string Markdown() const;

 private:
  std::vector<size_t> Widths() const;

  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace hz3::bench

#endif  // BENCH_LIB_TABLE_H_
