// Stands in for ./bazelw where commands of pages are tried: everything is built already, so build
// and test check that what they name exists, and run runs the program as Bazel would, in its folder
// of runfiles and with the caller's folder in BUILD_WORKING_DIRECTORY.
//
// DOCS_TEST_ROOT is the workspace in the runfiles of the test.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "testing/docs/bazel_command.h"
#include "testing/docs/tree.h"

namespace hz3::docs {
namespace {

int Refuse(const std::string& why) {
  std::fprintf(stderr, "bazelw stand-in: %s\n", why.c_str());
  return 2;
}

int Become(const std::string& root, const BazelCommand& command) {
  const std::string program = FindProgram(root, command.targets[0]);
  if (program.empty()) {
    return Refuse(command.targets[0] +
                  " is not among the data of the test; see testing/docs/BUILD");
  }
  setenv("BUILD_WORKING_DIRECTORY", std::filesystem::current_path().c_str(), 1);
  std::filesystem::current_path(root);
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& word : command.arguments) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  execv(argv[0], argv.data());
  return Refuse("cannot run " + program + ": " + std::strerror(errno));
}

int Main(const std::vector<std::string>& words) {
  const char* root = std::getenv("DOCS_TEST_ROOT");
  if (root == nullptr) return Refuse("DOCS_TEST_ROOT is not set");
  const std::string top = root;
  const Tree tree = LoadTree(top);
  const BazelCommand command = ParseBazelCommand(words);
  if (const auto mistake = MistakeOf(command, tree)) return Refuse(*mistake);
  return command.verb == "run" ? Become(top, command) : 0;
}

}  // namespace
}  // namespace hz3::docs

int main(int argc, char** argv) { return hz3::docs::Main({argv + 1, argv + argc}); }
