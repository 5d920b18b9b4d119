// The commands of hz3. Each takes its command line, prints what went wrong in one line on stderr,
// and returns the exit code of the process: 0, 1 when it could not do it, 2 for a mistake in the
// command line; run and record end with the exit code of the program.
#ifndef TOOLS_HZ3_COMMANDS_H_
#define TOOLS_HZ3_COMMANDS_H_

#include <string_view>

#include "absl/status/status.h"
#include "tools/hz3/flags.h"

namespace hz3::tool {

int RunCommand(const CommandLine& line, std::string_view argv0);
int TopCommand(const CommandLine& line, std::string_view argv0);
int MapCommand(const CommandLine& line, std::string_view argv0);
int RecordCommand(const CommandLine& line, std::string_view argv0);
int ReportCommand(const CommandLine& line, std::string_view argv0);

// Prints "hz3 <command>: <why>" and returns the exit code for it.
int Fail(std::string_view command, const absl::Status& why);

}  // namespace hz3::tool

#endif  // TOOLS_HZ3_COMMANDS_H_
