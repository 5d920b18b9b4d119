// Command lines of the tools: flags are declared with ABSL_FLAG beside their use, and read here so
// that all tools agree on --help and on what a mistake looks like.
#ifndef BENCH_LIB_TOOL_FLAGS_H_
#define BENCH_LIB_TOOL_FLAGS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hz3::bench {

// Sets the flags from `--name`, `--noname`, `--name=value` and `--name value`; all other words go
// to *positionals. Returns one line that says what is wrong, or nothing. A flag given twice is set
// twice: the last one holds, but its OnUpdate sees both. Call before threads exist.
std::optional<std::string> SetToolFlags(const std::vector<std::string>& args,
                                        std::vector<std::string>* positionals);

// The flags of the tool, in whatever folder they are declared, with their defaults, as help text;
// without those of abseil itself.
std::string ToolFlagsHelp();

// Parses the whole command line of a tool that takes no positional arguments, after going to where
// the user of `bazel run` is. --help prints
// `description` and the flags and ends the process with 0; a mistake is one line on stderr and ends
// it with 2.
void ParseToolFlagsOrExit(int argc, char** argv, std::string_view description);

}  // namespace hz3::bench

#endif  // BENCH_LIB_TOOL_FLAGS_H_
