// What people want to see beside a map: whose it is, when it was made; and how wide the terminal
// is.
#ifndef TOOLS_HZ3_PROCESS_INFO_H_
#define TOOLS_HZ3_PROCESS_INFO_H_

#include <sys/types.h>

#include <cstddef>
#include <string>

namespace hz3::tool {

// The name of the program that a process runs, "?" when it is gone.
std::string ProgramOf(pid_t pid);
// Now, like "2026-01-31 23:59:58 UTC".
std::string UtcNow();
// Of standard output; 80 where it is no terminal.
size_t TerminalColumns();

}  // namespace hz3::tool

#endif  // TOOLS_HZ3_PROCESS_INFO_H_
