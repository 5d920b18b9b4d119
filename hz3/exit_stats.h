// ExitStats: a process that is told so by the environment writes its statistics when it ends.
//
// HZ3_STATS_AT_EXIT names the file, with the process id in place of "%p". It is read when the
// library is loaded, before the program can change its environment, and ignored in programs that
// run with raised privileges. The figures are written, as JSON, by a destructor that runs after
// main's end or exit(3), so not when a signal, _exit(2) or exec(2) ends the program. A child of a
// fork writes its own. Event path; nothing here allocates; what goes wrong is ignored.
#ifndef HZ3_EXIT_STATS_H_
#define HZ3_EXIT_STATS_H_

#include <cstddef>

namespace hz3 {

// The longest value of HZ3_STATS_AT_EXIT; a longer one is ignored.
inline constexpr size_t kMaxExitStatsPath = 1024;

// `pattern` with each "%p" replaced by `pid`, into out[0..size). False when it does not fit.
bool ExpandExitStatsPath(const char* pattern, unsigned pid, char* out, size_t size);

}  // namespace hz3

#endif  // HZ3_EXIT_STATS_H_
