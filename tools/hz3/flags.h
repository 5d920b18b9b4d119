// The flags of all commands of hz3 and how their command lines are read.
#ifndef TOOLS_HZ3_FLAGS_H_
#define TOOLS_HZ3_FLAGS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/flags/declare.h"
#include "absl/status/statusor.h"

ABSL_DECLARE_FLAG(std::string, lane);
ABSL_DECLARE_FLAG(std::string, library);
ABSL_DECLARE_FLAG(bool, stats);
ABSL_DECLARE_FLAG(std::string, json);
ABSL_DECLARE_FLAG(std::string, heap_profile);
ABSL_DECLARE_FLAG(bool, leak_report);
ABSL_DECLARE_FLAG(int64_t, profile_interval);
ABSL_DECLARE_FLAG(std::string, color);
ABSL_DECLARE_FLAG(int32_t, interval_ms);
ABSL_DECLARE_FLAG(int32_t, iterations);
ABSL_DECLARE_FLAG(int32_t, tiles);
ABSL_DECLARE_FLAG(std::string, html);
ABSL_DECLARE_FLAG(std::string, output);
ABSL_DECLARE_FLAG(int32_t, pid);
ABSL_DECLARE_FLAG(double, duration_s);
ABSL_DECLARE_FLAG(std::string, gate);
ABSL_DECLARE_FLAG(bool, partial);

namespace hz3::tool {

struct CommandLine {
  bool help = false;
  std::vector<std::string> words;    // that are neither flags nor the program
  std::vector<std::string> program;  // with its arguments
  std::vector<std::string> gates;    // of --gate, which may be given several times
};

// Sets the flags of a command that has those in `names`. With `takes_program` everything from "--",
// or from the first word, is a program. -o is --output. Call once, before threads exist.
absl::StatusOr<CommandLine> ReadCommandLine(const std::vector<std::string>& args,
                                            const std::vector<std::string_view>& names,
                                            bool takes_program);

// One line for each of the flags, with its default and its meaning.
std::string FlagsHelp(const std::vector<std::string_view>& names);

// --interval_ms, or what is wrong with it.
absl::StatusOr<int> IntervalMs();
// Whether to use colours on standard output, from --color.
absl::StatusOr<bool> UseColor();
// The process id that is the command's one word.
absl::StatusOr<int> PidOf(const CommandLine& line, std::string_view command);

}  // namespace hz3::tool

#endif  // TOOLS_HZ3_FLAGS_H_
