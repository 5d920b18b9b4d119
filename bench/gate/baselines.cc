#include "bench/gate/baselines.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "bench/lib/stats.h"

namespace hz3::gate {
namespace {

// Seven digits hold every figure as exactly as it is ever compared.
std::string ValueText(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) return bench::Fixed(value, 0);
  char text[32];
  std::snprintf(text, sizeof(text), "%.7g", value);
  return text;
}

std::optional<double> ParseNumber(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::vector<std::string> Words(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::string Padded(const std::string& word, size_t width) {
  return word + std::string(word.size() < width ? width - word.size() : 0, ' ') + "  ";
}

std::string ChangeText(const Baselines::Key& key, const std::string& what) {
  return key.row + " " + key.lane + " " + key.figure + ": " + what;
}

}  // namespace

std::optional<Baselines> Baselines::Parse(std::string_view text, std::string* error) {
  Baselines result;
  std::istringstream lines{std::string(text)};
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.starts_with('#')) {
      result.heading_ += line + "\n";
      continue;
    }
    const std::vector<std::string> words = Words(line);
    if (words.empty()) continue;
    const std::optional<double> value = words.size() == 5 ? ParseNumber(words[4]) : std::nullopt;
    const Key key = value ? Key{words[0], words[1], words[2], words[3]} : Key{};
    if (!value || result.values_.contains(key)) {
      *error = "line " + std::to_string(number) +
               (value ? " names a figure for the second time"
                      : " is not 'row lane figure made_with value'");
      return std::nullopt;
    }
    result.values_[key] = *value;
  }
  return result;
}

std::optional<double> Baselines::Find(const Key& key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

std::string Baselines::Text() const {
  size_t widths[4] = {};
  for (const auto& [key, value] : values_) {
    widths[0] = std::max(widths[0], key.row.size());
    widths[1] = std::max(widths[1], key.lane.size());
    widths[2] = std::max(widths[2], key.figure.size());
    widths[3] = std::max(widths[3], key.made_with.size());
  }
  std::string text = heading_;
  for (const auto& [key, value] : values_) {
    text += Padded(key.row, widths[0]) + Padded(key.lane, widths[1]) +
            Padded(key.figure, widths[2]) + Padded(key.made_with, widths[3]) + ValueText(value) +
            "\n";
  }
  return text;
}

std::vector<std::string> Changes(const Baselines& before, const Baselines& after) {
  std::vector<std::string> changes;
  for (const auto& [key, value] : after.values_) {
    const std::optional<double> old = before.Find(key);
    const std::string now = ValueText(value);
    if (!old) {
      changes.push_back(ChangeText(key, "new, " + now));
    } else if (ValueText(*old) != now) {
      const std::string percent =
          *old == 0 ? "" : " (" + bench::Fixed((value / *old - 1) * 100, 2) + " %)";
      changes.push_back(ChangeText(key, ValueText(*old) + " -> " + now + percent));
    }
  }
  return changes;
}

}  // namespace hz3::gate
