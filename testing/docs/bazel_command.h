// BazelCommand: a command line of ./bazelw as pages show it, and what can be said about it without
// Bazel: whether its targets, its configurations and its build settings exist.
#ifndef TESTING_DOCS_BAZEL_COMMAND_H_
#define TESTING_DOCS_BAZEL_COMMAND_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "testing/docs/tree.h"

namespace hz3::docs {

struct BazelCommand {
  std::string verb;
  std::vector<std::string> options;    // also those with their value in the next word, as one
  std::vector<std::string> targets;    // labels and patterns
  std::vector<std::string> arguments;  // of the program, behind "--"
};

// The words of a simple command: quotes are taken away, nothing is expanded, a comment ends it.
std::vector<std::string> ShellWords(std::string_view line);

// `words` begin with the verb.
BazelCommand ParseBazelCommand(const std::vector<std::string>& words);

// One line that says what is wrong with the command; nothing: all that it names is there.
std::optional<std::string> MistakeOf(const BazelCommand& command, const Tree& tree);

// The program of `label` below `root`, a bazel-bin or a workspace in runfiles; empty: it is not
// there. An alias has the name of its package.
std::string FindProgram(const std::string& root, const std::string& label);

}  // namespace hz3::docs

#endif  // TESTING_DOCS_BAZEL_COMMAND_H_
