#include "testing/preload/session.h"

#include <climits>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "gtest/gtest.h"
#include "testing/lib/test_main.h"

namespace hz3::testlib {
namespace {

constexpr std::size_t kShownOfDifference = 600;
constexpr const char* kBindsMalloc = "normal symbol `malloc'";  // the dynamic linker's words

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// Where two texts part, with what stands there; a whole transcript would drown the difference.
std::string Difference(const std::string& plain, const std::string& preloaded) {
  std::size_t at = 0;
  while (at < plain.size() && at < preloaded.size() && plain[at] == preloaded[at]) ++at;
  const std::size_t from = at < kShownOfDifference / 2 ? 0 : at - kShownOfDifference / 2;
  return "plain:     " + plain.substr(from, kShownOfDifference) +
         "\npreloaded: " + preloaded.substr(from, kShownOfDifference);
}

std::string Between(const std::string& text, const std::string& before, const std::string& after) {
  const std::size_t from = text.find(before);
  if (from == std::string::npos) return "";
  const std::size_t start = from + before.size();
  return text.substr(start, text.find(after, start) - start);
}

// A program at a fixed address that takes malloc's address has an entry of its own for all to use,
// which jumps to where the program's own call is bound.
bool IsEntryInto(const std::string& library, const std::string& program,
                 const std::string& bindings) {
  const std::string own =
      "binding file " + program + " [0] to " + library + " [0]: " + kBindsMalloc;
  return bindings.find(own) != std::string::npos;
}

std::string ContentsOfAll(const std::string& directory) {
  std::ostringstream text;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    text << std::ifstream(entry.path()).rdbuf();
    text.clear();
  }
  return text.str();
}

}  // namespace

std::string LibraryUnderTest() {
  char path[PATH_MAX];
  if (TestArguments().empty() || realpath(TestArguments().front().c_str(), path) == nullptr) {
    ADD_FAILURE() << "the first argument must name the library to preload";
    std::exit(2);
  }
  return path;
}

Session::Session(std::string library) : library_(std::move(library)) {
  options_.directory = directory();
  SetEnvironment("HOME", directory());
  SetEnvironment("TMPDIR", directory());
  SetEnvironment("LC_ALL", "C");
  if (!library_.empty()) SetEnvironment("LD_PRELOAD", library_);
}

void Session::SetEnvironment(const std::string& name, const std::string& value) {
  options_.environment.emplace_back(name, value);
}

RunResult Session::Execute(const std::vector<std::string>& command, const std::string& input) {
  RunOptions options = options_;
  options.input = input;
  RunResult result = RunProgram(command, options);
  const char* how = library_.empty() ? " without preload" : " under preload";
  EXPECT_TRUE(result.ok()) << command.front() << how << ": " << result;
  EXPECT_EQ(result.err.find("cannot be preloaded"), std::string::npos) << result.err;
  EXPECT_EQ(result.err.find("hz3: "), std::string::npos) << result.err;
  return result;
}

void Session::Note(const std::vector<std::string>& command, const RunResult& result,
                   bool with_output) {
  transcript_ += "$";
  for (const std::string& word : command) transcript_ += " " + word;
  transcript_ += "\n=> exit code " + std::to_string(result.exit_code) + "\n";
  if (with_output) transcript_ += result.out;
}

RunResult Session::Run(const std::vector<std::string>& command, const std::string& input) {
  RunResult result = Execute(command, input);
  Note(command, result, true);
  return result;
}

RunResult Session::RunUncompared(const std::vector<std::string>& command,
                                 const std::string& input) {
  RunResult result = Execute(command, input);
  Note(command, result, false);
  return result;
}

std::unique_ptr<BackgroundProcess> Session::Start(const std::vector<std::string>& command) const {
  return std::make_unique<BackgroundProcess>(command, options_);
}

std::string Session::Transcript() const { return Replaced(transcript_, directory(), "<dir>"); }

void ExpectSameWithPreload(const Workload& workload) {
  Session plain("");
  workload(plain);
  Session preloaded(LibraryUnderTest());
  workload(preloaded);
  const std::string expected = plain.Transcript();
  const std::string actual = preloaded.Transcript();
  EXPECT_TRUE(expected == actual) << Difference(expected, actual);
  EXPECT_FALSE(expected.empty());
}

void ExpectMallocComesFromLibrary(const std::vector<std::string>& command) {
  const std::string library = LibraryUnderTest();
  const TempDir directory;
  const RunResult result =
      RunProgram(command, {.directory = directory.path(),
                           .environment = {{"LD_PRELOAD", library},
                                           {"HOME", directory.path()},
                                           {"LD_BIND_NOW", "1"},
                                           {"LD_DEBUG", "bindings"},
                                           {"LD_DEBUG_OUTPUT", directory.path() + "/bindings"}}});
  EXPECT_TRUE(result.ok()) << result;
  const std::string bindings = ContentsOfAll(directory.path());
  std::istringstream lines(bindings);
  int to_library = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.find(kBindsMalloc) == std::string::npos) continue;
    const std::string target = Between(line, " to ", " [");
    EXPECT_TRUE(target == library || IsEntryInto(library, target, bindings)) << line;
    to_library += target == library;
  }
  EXPECT_GT(to_library, 0) << command.front() << " never binds malloc";
}

}  // namespace hz3::testlib
