// Launch: starts a program with hz3 as its malloc.
#ifndef TOOLS_HZ3_LAUNCH_H_
#define TOOLS_HZ3_LAUNCH_H_

#include <sys/resource.h>
#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace hz3::tool {

// The library of --lane and --library: beside this program, in ../lib, or from Bazel's runfiles.
absl::StatusOr<std::string> FindLibrary(std::string_view argv0);

// Variables to add to the environment of a program so that it runs on `library`.
using Variables = std::vector<std::pair<std::string, std::string>>;
Variables PreloadVariables(const std::string& library);

// Becomes the program; returns only when that failed, with an exit code as of env(1): 127 when
// there is no such program, 126 when it cannot be run. Says why on stderr.
int BecomeProgram(const std::vector<std::string>& program, const Variables& variables);

struct Started {
  pid_t pid = -1;
  int exit_code = 0;  // when it could not be started: as of BecomeProgram
};
// Starts the program as a child in this process group, with this process's standard streams.
Started StartProgram(const std::vector<std::string>& program, const Variables& variables);

// How a program ended.
struct Ending {
  int status = 0;  // of wait(2)
  rusage usage = {};

  std::string Text() const;  // like "exit 3", "signal 11 (Segmentation fault)"
};
// Until the destructor, signals that would end this process are passed on to the child (those that
// a terminal sends reach it anyway).
class SignalForwarder {
 public:
  explicit SignalForwarder(pid_t pid);
  ~SignalForwarder();
  SignalForwarder(const SignalForwarder&) = delete;
  SignalForwarder& operator=(const SignalForwarder&) = delete;
};
// Waits for the child to end.
Ending AwaitEnd(pid_t pid);
// Whether it has ended, without waiting.
bool HasEnded(pid_t pid, Ending* ending);

// Ends this process in the way the child did: with its exit code, or by its signal.
[[noreturn]] void EndLike(const Ending& ending);

}  // namespace hz3::tool

#endif  // TOOLS_HZ3_LAUNCH_H_
