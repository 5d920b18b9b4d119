// Runs programs and functions in child processes and brings back what they said and how they ended.
//
// Output goes to anonymous files, not pipes, so that a child which says much, or leaves a
// grandchild behind, cannot block a test. Each child leads its own process group; a timeout kills
// the group. Thread safe, except that RunInChild forks and so runs `body` in a child with one
// thread.

#ifndef TESTING_LIB_SUBPROCESS_H_
#define TESTING_LIB_SUBPROCESS_H_

#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace hz3::testlib {

struct ResourceLimit {
  __rlimit_resource resource;
  rlim_t bytes;
};

struct RunOptions {
  std::string directory = {};  // empty: stay where we are
  std::string input = {};      // standard input of the child
  std::vector<std::pair<std::string, std::string>> environment =
      {};                                  // added to, or replacing, ours
  std::vector<ResourceLimit> limits = {};  // in force before the program starts
  std::chrono::milliseconds timeout = std::chrono::seconds(60);
};

struct RunResult {
  int exit_code = -1;  // -1 when a signal ended the child, or it could not be started
  int signal = 0;
  bool timed_out = false;
  std::string out;
  std::string err;

  bool ok() const { return exit_code == 0; }
};

// For failure messages: how it ended, and the last part of what it said.
std::ostream& operator<<(std::ostream& stream, const RunResult& result);

// Runs `command` (looked up on PATH) to its end. A command that cannot be executed ends with exit
// code 127.
RunResult RunProgram(const std::vector<std::string>& command, const RunOptions& options = {});

// Forks and runs `body` in the child, which then ends by _exit(0), or by exit(0) when
// `run_exit_handlers`.
RunResult RunInChild(const std::function<void()>& body, bool run_exit_handlers = false,
                     std::chrono::milliseconds timeout = std::chrono::seconds(60));

// Absolute path of an executable on PATH.
std::optional<std::string> FindProgram(const std::string& name);

// A program that runs beside the test (a server). The destructor kills what still runs.
class BackgroundProcess {
 public:
  BackgroundProcess(const std::vector<std::string>& command, const RunOptions& options);
  ~BackgroundProcess();
  BackgroundProcess(const BackgroundProcess&) = delete;
  BackgroundProcess& operator=(const BackgroundProcess&) = delete;

  // Waits for the end, at most the timeout of the options; later calls return the same result.
  const RunResult& Wait();

  pid_t pid() const { return pid_; }

 private:
  RunOptions options_;
  pid_t pid_ = -1;
  int output_ = -1;
  int error_ = -1;
  bool ended_ = false;
  RunResult result_;
};

}  // namespace hz3::testlib

#endif  // TESTING_LIB_SUBPROCESS_H_
