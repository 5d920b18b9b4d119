#include "testing/docs/workshop.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace hz3::docs {
namespace {

namespace fs = std::filesystem;
using testlib::RunOptions;
using testlib::RunProgram;
using testlib::RunResult;

constexpr std::string_view kBazelw = "./bazelw ";
// Of a program, which it prints on --help.
constexpr auto kHelpLimit = std::chrono::seconds(20);

// Jobs that a block leaves in the background end with it.
constexpr std::string_view kPrelude =
    "set -euo pipefail\n"
    "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n";

std::string Place(const Page& page, int line) { return page.name + ":" + std::to_string(line); }

std::string Basename(const std::string& path) { return fs::path(path).filename().string(); }

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Build and test: nothing of theirs can be done here.
bool IsCheckedOnly(const std::string& command) {
  return command.starts_with(kBazelw) && !command.starts_with("./bazelw run ");
}

std::string MissingProgram(const CommandBlock& block) {
  std::vector<std::string> needs = block.needs;
  if (block.language == "c") needs.push_back("cc");
  for (const std::string& program : needs) {
    if (!testlib::FindProgram(program)) return program;
  }
  return "";
}

// Whether a help text lists the flag; a bool flag may be negated.
bool Lists(const std::string& help, const std::string& flag) {
  const auto lists = [&](const std::string& name) {
    const size_t at = help.find(name);
    if (at == std::string::npos) return false;
    const char next = at + name.size() < help.size() ? help[at + name.size()] : ' ';
    return std::isalnum(static_cast<unsigned char>(next)) == 0 && next != '_';
  };
  return lists(flag) || (flag.starts_with("--no") && lists("--" + flag.substr(4)));
}

std::string Described(const RunResult& result) {
  std::ostringstream text;
  text << result;
  return text.str();
}

}  // namespace

Workshop::Workshop(const std::string& root, std::chrono::milliseconds time_limit)
    : root_(root), time_limit_(time_limit), tree_(LoadTree(root)) {
  Install(folder_.path() + "/prefix");
}

// As docs/hz3_command.md says, and the reader's own program beside it.
void Workshop::Install(const std::string& prefix) const {
  fs::create_directories(prefix + "/bin");
  fs::create_directories(prefix + "/lib");
  fs::copy_file(root_ + "/tools/hz3/hz3", prefix + "/bin/hz3");
  fs::copy_file(root_ + "/testing/docs/your_program", prefix + "/bin/your-program");
  for (const auto& entry : fs::directory_iterator(root_ + "/hz3")) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".so")) fs::copy_file(entry.path(), prefix + "/lib/" + name);
  }
}

// What lies at the top of the runfiles, and what only a clone that was built has.
void Workshop::MakeClone(const std::string& folder) const {
  fs::create_directories(folder);
  for (const auto& entry : fs::directory_iterator(root_)) {
    fs::create_symlink(entry.path(), folder / entry.path().filename());
  }
  fs::create_symlink(root_, folder + "/bazel-bin");
  fs::create_symlink(root_ + "/testing/docs/bazelw_stand_in", folder + "/bazelw");
}

RunResult Workshop::RunScript(const CommandBlock& block, const std::string& folder) const {
  RunOptions options;
  options.directory = folder;
  options.timeout = time_limit_;
  if (block.language == "c") {
    options.input = block.script;
    return RunProgram(
        {"cc", "-std=c17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I.", "-xc", "-"},
        options);
  }
  const std::string prefix = folder_.path() + "/prefix";
  options.environment = {{"PATH", prefix + "/bin:" + Environment("PATH")},
                         {"PREFIX", prefix},
                         {"HOME", folder},
                         {"TMPDIR", folder_.path()},
                         {"DOCS_TEST_ROOT", root_},
                         {"RUNFILES_DIR", fs::path(root_).parent_path().string()}};
  return RunProgram({"bash", "-c", std::string(kPrelude) + block.script}, options);
}

// Empty when the help of the program lists every flag, or the program is not among the data of the
// test.
std::string Workshop::MistakeInArguments(const std::string& label,
                                         const std::vector<std::string>& arguments) const {
  const std::string program = FindProgram(root_, label);
  if (program.empty() || arguments.empty()) return "";
  std::vector<std::string> command = {program, "--help"};
  if (!arguments[0].starts_with("-")) command.insert(command.begin() + 1, arguments[0]);
  RunOptions options;
  options.timeout = kHelpLimit;
  options.environment = {{"RUNFILES_DIR", fs::path(root_).parent_path().string()}};
  const RunResult help = RunProgram(command, options);
  if (!help.ok()) return label + " has no command '" + arguments[0] + "'";
  for (const std::string& word : arguments) {
    if (word == "--") break;
    const std::string flag = word.substr(0, word.find('='));
    if (flag.starts_with("--") && flag != "--help" && !Lists(help.out, flag)) {
      return "--help of " + label + " does not list " + flag;
    }
  }
  return "";
}

// Of a command that is not executed: empty when all that it names is there.
std::string Workshop::MistakeIn(const std::string& command) const {
  std::vector<std::string> words = ShellWords(command);
  const std::string first = words.empty() ? "" : words[0];
  if (first != "./bazelw" && first != "hz3") return "";
  words.erase(words.begin());
  // `hz3 <command>` is any of them.
  if (first == "hz3") {
    return words.empty() || words[0].starts_with("<") ? ""
                                                      : MistakeInArguments("//tools:hz3", words);
  }
  const BazelCommand bazel = ParseBazelCommand(words);
  if (const auto mistake = MistakeOf(bazel, tree_)) return *mistake;
  return bazel.verb == "run" ? MistakeInArguments(bazel.targets[0], bazel.arguments) : "";
}

void Workshop::CheckOnly(const std::string& place, const std::string& command,
                         PageReport* report) const {
  const std::string mistake = MistakeIn(command);
  if (!mistake.empty()) report->failures.push_back(place + ": " + command + ": " + mistake);
}

void Workshop::TryBlock(const Page& page, const CommandBlock& block, const std::string& folder,
                        PageReport* report) const {
  const std::string place = Place(page, block.line);
  std::string why = block.not_run;
  if (const std::string missing = MissingProgram(block); why.empty() && !missing.empty()) {
    why = missing + " is not installed";
  }
  if (!why.empty()) {
    for (const std::string& command : block.commands) {
      report->not_run.push_back(place + ": " + command + "   (" + why + ")");
      CheckOnly(place, command, report);
    }
    return;
  }
  const RunResult result = RunScript(block, folder);
  if (!result.ok()) {
    report->failures.push_back(place + ": the block failed:\n" + block.script + Described(result));
  }
  if (block.language == "c") report->checked.push_back(place + ": a source of C");
  for (const std::string& command : block.commands) {
    (IsCheckedOnly(command) ? report->checked : report->executed).push_back(place + ": " + command);
  }
}

PageReport Workshop::Try(const Page& page) const {
  PageReport report;
  report.failures = page.mistakes;
  const std::string folder = folder_.path() + "/" + Basename(page.name);
  MakeClone(folder);
  for (const CommandBlock& block : page.blocks) TryBlock(page, block, folder, &report);
  for (const InlineCommand& command : page.inline_commands) {
    const std::string place = Place(page, command.line);
    report.checked.push_back(place + ": " + command.command);
    CheckOnly(place, command.command, &report);
  }
  fs::remove_all(folder);
  return report;
}

}  // namespace hz3::docs
