#include "testing/docs/bazel_command.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>

#include "hz3/config/config.h"

namespace hz3::docs {
namespace {

constexpr std::string_view kSetting = "--//";
constexpr std::string_view kSet = "--//hz3/config:set=";
constexpr std::string_view kConfig = "--config=";

// Options of Bazel itself that pages use. One that is not here is taken for a slip of the pen.
constexpr std::array<std::string_view, 8> kBazelOptions = {"--custom_malloc",
                                                           "-c",
                                                           "--keep_going",
                                                           "--remote_executor",
                                                           "--remote_default_exec_properties",
                                                           "--test_output",
                                                           "--runs_per_test",
                                                           "--test_arg"};

std::string NameOf(std::string_view option) {
  return std::string(option.substr(0, option.find('=')));
}
std::string ValueOf(std::string_view option) {
  const size_t equals = option.find('=');
  return equals == std::string_view::npos ? "" : std::string(option.substr(equals + 1));
}

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

bool IsSwitch(std::string_view name) {
  return std::any_of(std::begin(kSwitchTable), std::end(kSwitchTable),
                     [&](const SwitchRow& row) { return row.name == name; });
}

std::optional<std::string> MistakeOfSet(const std::string& value) {
  for (const std::string& part : Split(value, ',')) {
    const std::string name = NameOf(part);
    if (!IsSwitch(name)) return "there is no switch '" + name + "'";
    if (ValueOf(part).empty()) return "the switch '" + name + "' has no value";
  }
  return std::nullopt;
}

std::optional<std::string> MistakeOfOption(const std::string& option, const Tree& tree) {
  const std::string name = NameOf(option);
  if (option.starts_with(kConfig)) {
    if (tree.configs.contains(ValueOf(option))) return std::nullopt;
    return ".bazelrc has no configuration '" + ValueOf(option) + "'";
  }
  if (option.starts_with(kSet)) return MistakeOfSet(ValueOf(option));
  if (option.starts_with(kSetting)) {
    const auto rule = tree.kinds.find(name.substr(2));
    if (rule != tree.kinds.end() && rule->second.ends_with("_flag")) return std::nullopt;
    return "there is no build setting " + name.substr(2);
  }
  if (std::find(kBazelOptions.begin(), kBazelOptions.end(), name) != kBazelOptions.end()) {
    return std::nullopt;
  }
  return "'" + name + "' is none of the options of Bazel that pages use";
}

bool IsTest(const std::string& kind) { return kind.ends_with("_test") || kind == "test_suite"; }

bool MatchesPattern(const std::string& label, const std::string& pattern) {
  if (pattern == "//...") return true;
  if (pattern.ends_with("/...")) {
    const std::string package = pattern.substr(0, pattern.size() - 4);
    return label.starts_with(package + "/") || label.starts_with(package + ":");
  }
  if (pattern.ends_with(":all")) {
    return label.starts_with(pattern.substr(0, pattern.size() - 3));
  }
  // //a/b is //a/b:b.
  if (pattern.find(':') == std::string::npos) {
    return label == pattern + ":" + pattern.substr(pattern.rfind('/') + 1);
  }
  return label == pattern;
}

bool IsWildcard(const std::string& pattern) {
  return pattern.ends_with("...") || pattern.ends_with(":all");
}

std::optional<std::string> MistakeOfTarget(const std::string& verb, const std::string& target,
                                           const Tree& tree) {
  bool found = false;
  for (const auto& [label, kind] : tree.kinds) {
    if (!MatchesPattern(label, target)) continue;
    if (verb == "test" && !IsTest(kind)) {
      if (!IsWildcard(target)) return target + " is a " + kind + ", not a test";
      continue;
    }
    found = true;
  }
  if (found) return std::nullopt;
  return "no target " + target + " to " + verb +
         " is known; _RULES of testing/docs/BUILD has the packages that pages name";
}

}  // namespace

std::vector<std::string> ShellWords(std::string_view line) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = '\0';
  for (const char c : line) {
    if (quote == '\0' && (c == ' ' || c == '\t')) {
      in_word = false;
      continue;
    }
    if (quote == '\0' && !in_word && c == '#') break;
    if (!in_word) words.emplace_back();
    in_word = true;
    if (c == quote) {
      quote = '\0';
    } else if (quote == '\0' && (c == '\'' || c == '"')) {
      quote = c;
    } else {
      words.back() += c;
    }
  }
  return words;
}

BazelCommand ParseBazelCommand(const std::vector<std::string>& words) {
  BazelCommand command;
  if (words.empty()) return command;
  command.verb = words[0];
  for (size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "--") {
      command.arguments.assign(words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
      break;
    }
    if (words[i] == "-c" && i + 1 < words.size()) {
      command.options.push_back("-c=" + words[++i]);
    } else if (words[i].starts_with("-")) {
      command.options.push_back(words[i]);
    } else {
      command.targets.push_back(words[i]);
    }
  }
  return command;
}

std::optional<std::string> MistakeOf(const BazelCommand& command, const Tree& tree) {
  constexpr std::array<std::string_view, 3> kVerbs = {"build", "run", "test"};
  if (std::find(kVerbs.begin(), kVerbs.end(), command.verb) == kVerbs.end()) {
    return "'" + command.verb + "' is not build, run or test";
  }
  if (command.targets.empty()) return "there is no target";
  if (command.verb == "run" && command.targets.size() > 1) return "run takes one target";
  for (const std::string& option : command.options) {
    if (auto mistake = MistakeOfOption(option, tree)) return mistake;
  }
  for (const std::string& target : command.targets) {
    if (auto mistake = MistakeOfTarget(command.verb, target, tree)) return mistake;
  }
  return std::nullopt;
}

std::string FindProgram(const std::string& root, const std::string& label) {
  const size_t colon = label.find(':');
  const std::string package = label.substr(2, colon == std::string::npos ? colon : colon - 2);
  const std::string name =
      colon == std::string::npos ? package.substr(package.rfind('/') + 1) : label.substr(colon + 1);
  const std::string path = root + "/" + package + "/" + name;
  for (const std::string& candidate : {path, path + "/" + name}) {
    if (std::filesystem::is_regular_file(candidate)) return candidate;
  }
  return "";
}

}  // namespace hz3::docs
