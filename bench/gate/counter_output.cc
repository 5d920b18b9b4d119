#include "bench/gate/counter_output.h"

#include <cctype>
#include <charconv>
#include <set>

namespace hz3::gate {
namespace {

std::optional<uint64_t> NumberAt(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  return number;
}

template <typename Function>
void ForEachLine(std::string_view text, const Function& function) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    function(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

std::string_view BaseName(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// Callgrind names an object the first time, "(3) /lib/libc.so.6", and then only says "(3)".
class ObjectNames {
 public:
  explicit ObjectNames(std::string_view wanted) : wanted_(wanted) {}

  bool IsWanted(std::string_view words) {
    const size_t close = words.find(')');
    if (close == std::string_view::npos) return BaseName(words) == wanted_;
    const std::string id(words.substr(0, close + 1));
    if (close + 2 < words.size() && BaseName(words.substr(close + 2)) == wanted_) ids_.insert(id);
    return ids_.contains(id);
  }

 private:
  const std::string_view wanted_;
  std::set<std::string> ids_;
};

// Lines of costs begin with a place: a number, or how far it is from the last one.
bool IsCost(std::string_view line) {
  if (line.empty()) return false;
  const char first = line[0];
  return std::isdigit(static_cast<unsigned char>(first)) != 0 || first == '+' || first == '-' ||
         first == '*';
}

}  // namespace

std::optional<uint64_t> AllInstructions(std::string_view text) {
  constexpr std::string_view kTotals = "totals: ";
  std::optional<uint64_t> all;
  ForEachLine(text, [&](std::string_view line) {
    if (line.starts_with(kTotals)) all = NumberAt(line.substr(kTotals.size()));
  });
  return all;
}

uint64_t InstructionsInside(std::string_view text, std::string_view object) {
  constexpr std::string_view kObject = "ob=";
  constexpr std::string_view kCalledObject = "cob=";
  ObjectNames names(object);
  uint64_t sum = 0;
  bool inside = false;
  bool is_of_call = false;  // the line after `calls=` has what the callee cost
  ForEachLine(text, [&](std::string_view line) {
    if (line.starts_with(kObject)) inside = names.IsWanted(line.substr(kObject.size()));
    // May be where the name is given for the first time.
    if (line.starts_with(kCalledObject)) names.IsWanted(line.substr(kCalledObject.size()));
    if (IsCost(line) && inside && !is_of_call) {
      const size_t space = line.find(' ');
      if (space != std::string_view::npos) sum += NumberAt(line.substr(space + 1)).value_or(0);
    }
    is_of_call = line.starts_with("calls=");
  });
  return sum;
}

std::optional<uint64_t> PerfInstructions(std::string_view text) {
  std::optional<uint64_t> count;
  ForEachLine(text, [&](std::string_view line) {
    if (line.find(",instructions") != std::string_view::npos) count = NumberAt(line);
  });
  return count;
}

}  // namespace hz3::gate
