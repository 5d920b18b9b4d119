#include "testing/structure/atomic_comments.h"

#include <algorithm>
#include <cstddef>
#include <regex>
#include <sstream>

namespace hz3 {
namespace {

std::vector<std::string> LinesOf(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string CodeOf(const std::string& line) { return line.substr(0, line.find("//")); }

std::string CommentOf(const std::string& line) {
  const size_t begin = line.find("//");
  return begin == std::string::npos ? "" : line.substr(begin);
}

std::string Numbered(size_t index, const std::string& line) {
  const size_t begin = line.find_first_not_of(' ');
  return std::to_string(index + 1) + ": " + (begin == std::string::npos ? "" : line.substr(begin));
}

bool DeclaresAtomic(const std::string& code) {
  static const std::regex declaration(
      R"(^[^(]*std::atomic<[^()]*>\s*\*?\s*(const\s+)?\w+(\[[^\]]*\])*\s*(\{|=|;|,))");
  return std::regex_search(code, declaration);
}

bool SpeaksOfOrder(const std::string& comment) {
  static const std::regex words(
      "relaxed|acquire|release|acq_rel|seq_cst|atomics?:|protocol|synchronis|orders",
      std::regex::icase);
  return std::regex_search(comment, words);
}

// The comments of the line and of those above it up to a blank one.
std::string CommentsOfGroup(const std::vector<std::string>& lines, size_t index) {
  std::string comments = CommentOf(lines[index]);
  while (index > 0 && lines[index - 1].find_first_not_of(' ') != std::string::npos) {
    comments += CommentOf(lines[--index]) + "\n";
  }
  return comments;
}

// The argument list that begins at `open`, over several lines if need be.
std::string Arguments(const std::string& text, size_t open) {
  int depth = 0;
  for (size_t at = open; at < text.size(); ++at) {
    depth += text[at] == '(' ? 1 : text[at] == ')' ? -1 : 0;
    if (depth == 0) return text.substr(open, at - open);
  }
  return text.substr(open);
}

}  // namespace

std::vector<std::string> AtomicsWithoutArgument(std::string_view text) {
  const std::vector<std::string> lines = LinesOf(text);
  std::vector<std::string> found;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (DeclaresAtomic(CodeOf(lines[i])) && !SpeaksOfOrder(CommentsOfGroup(lines, i))) {
      found.push_back(Numbered(i, lines[i]));
    }
  }
  return found;
}

std::vector<std::string> OperationsWithoutOrder(std::string_view text) {
  static const std::regex operation(
      R"((\.|->)(load|store|exchange|fetch_\w+|compare_exchange_\w+)\()");
  const std::vector<std::string> lines = LinesOf(text);
  std::string code;
  for (const std::string& line : lines) code += CodeOf(line) + "\n";
  std::vector<std::string> found;
  for (std::sregex_iterator it(code.begin(), code.end(), operation), end; it != end; ++it) {
    const auto open = static_cast<size_t>(it->position() + it->length() - 1);
    if (Arguments(code, open).find("memory_order_") != std::string::npos) continue;
    const auto index = static_cast<size_t>(std::count(code.begin(), code.begin() + it->position(), '\n'));
    found.push_back(Numbered(index, lines[index]));
  }
  return found;
}

}  // namespace hz3
