// Runs a program to its end, with limits, and says what it printed and used.
#ifndef BENCH_LIB_SUBPROCESS_H_
#define BENCH_LIB_SUBPROCESS_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hz3::bench {

struct Command {
  std::vector<std::string> argv = {};  // argv[0] is looked up in PATH unless it holds a '/'
  // Added to this process's environment; an empty value takes the variable out.
  std::vector<std::pair<std::string, std::string>> env = {};
  bool only_path = false;      // of this process's environment it gets PATH and no more
  double timeout_s = 0;        // 0: none
  uint64_t max_rss_bytes = 0;  // 0: none
  std::string directory = {};  // where it starts; empty: where this process is
  // The program is killed once this is set, by a signal handler for example; may be null.
  const std::atomic<bool>* cancel = nullptr;
};

struct RunResult {
  enum class End {
    kExited,     // code is the exit code
    kSignaled,   // code is the signal
    kTimeout,    // killed, over timeout_s
    kMemory,     // killed, over max_rss_bytes
    kCancelled,  // killed, as `cancel` was set
    kNotStarted  // code is the errno
  };

  End end = End::kNotStarted;
  int code = 0;
  std::string out;
  std::string err;
  double wall_s = 0;
  double user_s = 0;
  double sys_s = 0;
  uint64_t max_rss_bytes = 0;

  bool Succeeded() const { return end == End::kExited && code == 0; }
  // Like "exit 3", "signal 11 (Segmentation fault)", "timeout", "out of memory",
  // "cancelled".
  std::string EndText() const;
  // EndText with the first line of what the program said on stderr, which tells more.
  std::string WhyFailed() const;
};

// The program gets /dev/null as stdin and is a process group of its own, which is killed when a
// limit is crossed and when this thread ends. The memory limit is looked at every 10 ms: it guards
// the machine and is no exact bound. Thread-safe.
RunResult RunCommand(const Command& command);

}  // namespace hz3::bench

#endif  // BENCH_LIB_SUBPROCESS_H_
