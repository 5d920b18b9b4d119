#include "testing/docs/api_names.h"

#include <regex>
#include <sstream>

namespace hz3::docs {
namespace {

std::string WithoutComments(std::string_view text) {
  static const std::regex comment(R"(/\*[^*]*\*+(?:[^/*][^*]*\*+)*/|//[^\n]*)");
  return std::regex_replace(std::string(text), comment, " ");
}

// The first group of each match.
Names Matches(const std::string& text, const std::regex& pattern) {
  Names names;
  for (auto match = std::sregex_iterator(text.begin(), text.end(), pattern);
       match != std::sregex_iterator(); ++match) {
    names.insert((*match)[1]);
  }
  return names;
}

}  // namespace

Names DeclaredNames(std::string_view header) {
  static const std::regex name(R"(\b(hz3_\w+))");
  static const std::regex macro(R"(\b(HZ3_\w+))");
  const std::string code = WithoutComments(header);
  Names names = Matches(code, name);
  names.merge(Matches(code, macro));
  std::erase_if(names, [](const std::string& n) { return n.ends_with("_H_"); });
  return names;
}

Names ExportedPatterns(std::string_view version_script) {
  static const std::regex pattern(R"(([\w*]+)\s*;)");
  const std::string code = WithoutComments(version_script);
  const size_t begin = code.find("global:");
  const size_t end = code.find("local:");
  if (begin == std::string::npos || end == std::string::npos || end < begin) return {};
  return Matches(code.substr(begin, end - begin), pattern);
}

Names EnvironmentVariables(std::string_view source) {
  static const std::regex literal(R"re("(HZ3_[A-Z0-9_]+)")re");
  return Matches(WithoutComments(source), literal);
}

Names NamesInTables(std::string_view page) {
  static const std::regex code(R"(`([^`(]+)[^`]*`)");
  Names names;
  std::istringstream lines{std::string(page)};
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| ")) continue;
    names.merge(Matches(line.substr(2, line.find(" |", 2) - 2), code));
  }
  return names;
}

Names NamesInText(std::string_view page) {
  static const std::regex name(R"(`((?:hz3|HZ3)_\w+)(?=[`(= ]))");
  return Matches(std::string(page), name);
}

}  // namespace hz3::docs
