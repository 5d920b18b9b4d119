#include "testing/docs/page.h"

#include <algorithm>
#include <array>
#include <sstream>

namespace hz3::docs {
namespace {

constexpr std::string_view kFence = "```";
constexpr std::string_view kNotRun = "<!-- not run";
constexpr std::string_view kNeeds = "<!-- needs";
constexpr std::string_view kMarkerEnd = "-->";

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t") + 1 - first));
}

std::vector<std::string> SplitAtSpaces(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

bool IsOneOf(std::string_view word, const auto& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool HasCommands(std::string_view language) {
  constexpr std::array<std::string_view, 4> kLanguages = {"sh", "bash", "console", "c"};
  return IsOneOf(language, kLanguages);
}

// Whether a line that stands in no command block looks like a command.
bool LooksLikeACommand(const std::string& line) {
  constexpr std::array<std::string_view, 8> kFirstWords = {"$",    "./bazelw", "bazel", "hz3",
                                                           "sudo", "cc",       "dpkg",  "docker"};
  const std::vector<std::string> words = SplitAtSpaces(line);
  if (words.empty()) return false;
  return IsOneOf(words[0], kFirstWords) || words[0].starts_with("LD_PRELOAD=") ||
         (words[0].starts_with("HZ3_") && words[0].find('=') != std::string::npos);
}

// The word that ends a here document which begins in `line`; empty: none begins.
std::string HereDocumentEnd(const std::string& line) {
  const size_t at = line.find("<<");
  if (at == std::string::npos || line.compare(at, 3, "<<<") == 0) return "";
  std::string word = line.substr(line.find_first_not_of("<- ", at));
  word = word.substr(0, word.find_first_of(" ;|>"));
  std::erase_if(word, [](char c) { return c == '\'' || c == '"' || c == '\\'; });
  return word;
}

// The script's commands: continued lines and here documents belong to the command before them.
std::vector<std::string> CommandsOf(const std::string& script) {
  std::vector<std::string> commands;
  std::string end_of_document;
  bool continued = false;
  for (const std::string& line : Lines(script)) {
    const std::string trimmed = Trimmed(line);
    if (!end_of_document.empty()) {
      if (trimmed == end_of_document) end_of_document.clear();
      continue;
    }
    if (trimmed.empty() || (trimmed[0] == '#' && !continued)) continue;
    if (continued) {
      commands.back() += " " + trimmed;
    } else {
      commands.push_back(trimmed);
    }
    continued = commands.back().ends_with('\\');
    if (continued) commands.back().pop_back();
    end_of_document = HereDocumentEnd(trimmed);
  }
  return commands;
}

// What `code` in the text says as a command that can be checked; empty: it is none. Brackets mark
// what may be left out; a bar in a table is written with a backslash.
std::string AsCommand(std::string code) {
  std::erase_if(code, [](char c) { return c == '\\' || c == '[' || c == ']'; });
  if (code.starts_with("./bazelw ") || code.starts_with("hz3 ")) return code;
  if (code.starts_with("bazel ")) return "./bazelw " + code.substr(6);
  if (constexpr std::string_view kOurs = "--@hakozuna//"; code.starts_with(kOurs)) {
    code.replace(0, kOurs.size(), "--//");  // as consumers write it
  }
  if (code.starts_with("--config=") || code.starts_with("--//")) {
    return "./bazelw build " + code + " //hz3:all";
  }
  return "";
}

class Reader {
 public:
  explicit Reader(const std::string& name) { page_.name = name; }

  Page Read(std::string_view text) {
    for (const std::string& line : Lines(text)) {
      ++line_;
      ReadLine(line);
    }
    if (in_fence_) Mistake("a fenced block that does not end");
    RefuseIdleMarkers();
    return std::move(page_);
  }

 private:
  void ReadLine(const std::string& line) {
    const size_t indent = std::min(line.find_first_not_of(' '), line.size());
    if (line.compare(indent, kFence.size(), kFence) == 0) {
      in_fence_ ? EndBlock() : BeginBlock(Trimmed(line.substr(indent + kFence.size())));
      fence_indent_ = indent;
    } else if (in_fence_) {
      AddToBlock(line.substr(std::min(indent, fence_indent_)));
    } else if (line.starts_with(kNotRun)) {
      marked_.not_run = MarkerText(line, kNotRun);
    } else if (line.starts_with(kNeeds)) {
      marked_.needs = SplitAtSpaces(MarkerText(line, kNeeds));
    } else if (!Trimmed(line).empty()) {
      ReadText(line);
    }
  }

  void ReadText(const std::string& line) {
    RefuseIdleMarkers();
    if (line.starts_with("    ") && LooksLikeACommand(line)) {
      Mistake("a command in an indented block: it should stand in a fenced one");
    }
    FindInlineCommands(line);
  }

  // What stands behind the colon of a marker.
  std::string MarkerText(const std::string& line, std::string_view marker) {
    const size_t end = line.find(kMarkerEnd);
    std::string_view rest = std::string_view(line).substr(0, end).substr(marker.size());
    if (end == std::string::npos || !rest.starts_with(':') || Trimmed(rest.substr(1)).empty()) {
      Mistake("a marker without a text, as in: " + std::string(marker) + ": text -->");
      return "";
    }
    return Trimmed(rest.substr(1));
  }

  void BeginBlock(const std::string& language) {
    in_fence_ = true;
    block_ = std::move(marked_);
    marked_ = {};
    block_.language = language;
    block_.line = line_ + 1;
  }

  void AddToBlock(const std::string& line) {
    if (!HasCommands(block_.language)) {
      // Other languages have commands of their own: a CI's in yaml.
      const bool is_plain = block_.language.empty() || block_.language == "text";
      if (is_plain && LooksLikeACommand(line)) {
        Mistake("a command in a block of '" + block_.language + "': it should be sh or console");
      }
    } else if (block_.language != "console") {
      block_.script += line + "\n";
    } else if (line.starts_with("$ ")) {
      block_.script += line.substr(2) + "\n";
    }
  }

  void EndBlock() {
    in_fence_ = false;
    if (!HasCommands(block_.language)) return;
    if (block_.language != "c") block_.commands = CommandsOf(block_.script);
    page_.blocks.push_back(std::move(block_));
    block_ = {};
  }

  void FindInlineCommands(const std::string& line) {
    for (size_t at = 0; (at = line.find('`', at)) != std::string::npos; ++at) {
      const size_t end = line.find('`', at + 1);
      if (end == std::string::npos) return;
      const std::string command = AsCommand(line.substr(at + 1, end - at - 1));
      if (!command.empty()) page_.inline_commands.push_back({line_, command});
      at = end;
    }
  }

  void RefuseIdleMarkers() {
    if (!marked_.not_run.empty() || !marked_.needs.empty()) Mistake("a marker without a block");
    marked_ = {};
  }

  void Mistake(const std::string& what) {
    page_.mistakes.push_back(page_.name + ":" + std::to_string(line_) + ": " + what);
  }

  Page page_;
  int line_ = 0;
  bool in_fence_ = false;
  size_t fence_indent_ = 0;  // in a list
  CommandBlock block_;
  CommandBlock marked_;  // what markers say about the next block
};

}  // namespace

Page ReadPage(const std::string& name, std::string_view text) { return Reader(name).Read(text); }

}  // namespace hz3::docs
