#include "bench/lib/table.h"

#include <algorithm>
#include <utility>

namespace hz3::bench {
namespace {

std::string Padded(const std::string& cell, size_t width, bool left) {
  const std::string padding(width - cell.size(), ' ');
  return left ? cell + padding : padding + cell;
}

std::string TextLine(const std::vector<std::string>& cells, const std::vector<size_t>& widths) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += "  ";
    line += Padded(cells[i], widths[i], i == 0);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string MarkdownLine(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (const std::string& cell : cells) line += " " + cell + " |";
  return line + "\n";
}

}  // namespace

void Table::AddRow(std::vector<std::string> cells) {
  cells.resize(header_.size());
  rows_.push_back(std::move(cells));
}

std::vector<size_t> Table::Widths() const {
  std::vector<size_t> widths;
  for (const std::string& title : header_) widths.push_back(title.size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  return widths;
}

std::string Table::Text() const {
  const std::vector<size_t> widths = Widths();
  std::vector<std::string> rule;
  for (const size_t width : widths) rule.emplace_back(width, '-');
  std::string text = TextLine(header_, widths) + TextLine(rule, widths);
  for (const auto& row : rows_) text += TextLine(row, widths);
  return text;
}

std::string Table::Markdown() const {
  std::string text = MarkdownLine(header_) + "|";
  for (size_t i = 0; i < header_.size(); ++i) text += i == 0 ? " --- |" : " ---: |";
  text += "\n";
  for (const auto& row : rows_) text += MarkdownLine(row);
  return text;
}

}  // namespace hz3::bench
