#include "bench/lib/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string_view>

#include "bench/lib/process_usage.h"

extern char** environ;

namespace hz3::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kTickMillis = 10;

// A pipe that a child process writes and this one reads.
class OutputPipe {
 public:
  bool Open() { return pipe2(ends_.data(), O_CLOEXEC) == 0; }
  ~OutputPipe() {
    CloseEnd(&ends_[0]);
    CloseEnd(&ends_[1]);
  }

  int write_end() const { return ends_[1]; }
  int read_end() const { return ends_[0]; }
  void CloseWriteEnd() { CloseEnd(&ends_[1]); }
  bool AtEnd() const { return ends_[0] < 0; }

  // Reads what is there; closes the read end at the end of the data.
  void ReadSome(std::string* text) {
    char buffer[65536];
    const ssize_t got = read(ends_[0], buffer, sizeof(buffer));
    if (got > 0) {
      text->append(buffer, static_cast<size_t>(got));
    } else if (got == 0 || errno != EINTR) {
      CloseEnd(&ends_[0]);
    }
  }

 private:
  static void CloseEnd(int* fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
  }

  std::array<int, 2> ends_ = {-1, -1};
};

// The environment of the child as `name=value` strings.
std::vector<std::string> Environment(const Command& command) {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = text.substr(0, equals);
    if (!command.only_path || name == "PATH") variables[std::string(name)] = text;
  }
  for (const auto& [name, value] : command.env) {
    variables.erase(name);
    if (!value.empty()) variables[name] = name + "=" + value;
  }
  std::vector<std::string> strings;
  for (const auto& [name, text] : variables) strings.push_back(text);
  return strings;
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// The last steps in the child: system calls only, as it may be a copy of a threaded process.
[[noreturn]] void BecomeProgram(const char* directory, char** argv, char** envp, int in, int out,
                                int err, int failure) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  if (*directory == '\0' || chdir(directory) == 0) execvpe(argv[0], argv, envp);
  const int error = errno;
  (void)!write(failure, &error, sizeof(error));
  _exit(127);
}

struct Child {
  pid_t pid = -1;
  int error = 0;  // why the program could not be started
};

Child Start(const Command& command, const OutputPipe& out, const OutputPipe& err) {
  const std::vector<std::string> env = Environment(command);
  const std::vector<char*> argv = Pointers(command.argv);
  const std::vector<char*> envp = Pointers(env);
  // Closed by a successful exec, else it carries the errno.
  OutputPipe failure;
  if (!failure.Open()) return {-1, errno};
  const int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const pid_t pid = fork();
  if (pid == 0) {
    BecomeProgram(command.directory.c_str(), const_cast<char**>(argv.data()),
                  const_cast<char**>(envp.data()), in, out.write_end(), err.write_end(),
                  failure.write_end());
  }
  const int fork_error = errno;
  if (in >= 0) close(in);
  if (pid < 0) return {-1, fork_error};
  // Here too, so that the group exists before the first kill.
  setpgid(pid, pid);
  failure.CloseWriteEnd();
  int error = 0;
  if (read(failure.read_end(), &error, sizeof(error)) != sizeof(error)) return {pid, 0};
  waitpid(pid, nullptr, 0);
  return {-1, error};
}

// Reads both pipes until they end or a limit is crossed; says which limit.
class Watcher {
 public:
  Watcher(const Command& command, pid_t pid) : command_(command), pid_(pid), start_(Clock::now()) {}

  void Watch(OutputPipe* out, OutputPipe* err, RunResult* result) {
    while (!Exited(&result->wall_s) || !out->AtEnd() || !err->AtEnd()) {
      ReadBoth(out, err, result);
      if (exited_) {
        // A grandchild may hold the pipes open; what the program itself wrote has been read.
        if (++ticks_after_exit_ > 20) break;
        continue;
      }
      if (const RunResult::End end = CrossedLimit(); end != RunResult::End::kExited) {
        kill(-pid_, SIGKILL);
        limit_ = end;
      }
    }
    result->end = limit_;
  }

  const rusage& usage() const { return usage_; }
  int status() const { return status_; }

 private:
  bool Exited(double* wall_s) {
    if (exited_) return true;
    exited_ = wait4(pid_, &status_, WNOHANG, &usage_) == pid_;
    if (exited_) *wall_s = Elapsed();
    return exited_;
  }

  double Elapsed() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  static void ReadBoth(OutputPipe* out, OutputPipe* err, RunResult* result) {
    std::array<pollfd, 2> fds = {pollfd{out->read_end(), POLLIN, 0},
                                 pollfd{err->read_end(), POLLIN, 0}};
    if (poll(fds.data(), fds.size(), kTickMillis) <= 0) return;
    if (fds[0].revents != 0) out->ReadSome(&result->out);
    if (fds[1].revents != 0) err->ReadSome(&result->err);
  }

  // kExited while no limit is crossed.
  RunResult::End CrossedLimit() const {
    if (limit_ != RunResult::End::kExited) return limit_;
    if (command_.cancel != nullptr && *command_.cancel) return RunResult::End::kCancelled;
    if (command_.timeout_s > 0 && Elapsed() > command_.timeout_s) return RunResult::End::kTimeout;
    if (command_.max_rss_bytes > 0 && ResidentBytes(pid_) > command_.max_rss_bytes) {
      return RunResult::End::kMemory;
    }
    return RunResult::End::kExited;
  }

  const Command& command_;
  const pid_t pid_;
  const Clock::time_point start_;
  bool exited_ = false;
  int ticks_after_exit_ = 0;
  int status_ = 0;
  rusage usage_ = {};
  RunResult::End limit_ = RunResult::End::kExited;
};

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

void AddEnd(int status, const rusage& usage, RunResult* result) {
  result->user_s = Seconds(usage.ru_utime);
  result->sys_s = Seconds(usage.ru_stime);
  result->max_rss_bytes = static_cast<uint64_t>(usage.ru_maxrss) * 1024;
  if (WIFEXITED(status)) {
    result->code = WEXITSTATUS(status);
    return;
  }
  result->code = WTERMSIG(status);
  if (result->end == RunResult::End::kExited) result->end = RunResult::End::kSignaled;
}

}  // namespace

std::string RunResult::EndText() const {
  switch (end) {
    case End::kExited:
      return "exit " + std::to_string(code);
    case End::kSignaled:
      return "signal " + std::to_string(code) + " (" + strsignal(code) + ")";
    case End::kTimeout:
      return "timeout";
    case End::kMemory:
      return "out of memory";
    case End::kCancelled:
      return "cancelled";
    case End::kNotStarted:
      break;
  }
  return std::string("not started: ") + std::strerror(code);
}

std::string RunResult::WhyFailed() const {
  const std::string line = err.substr(0, err.find('\n'));
  return line.empty() ? EndText() : EndText() + ": " + line;
}

RunResult RunCommand(const Command& command) {
  RunResult result;
  OutputPipe out;
  OutputPipe err;
  if (command.argv.empty() || !out.Open() || !err.Open()) {
    result.code = command.argv.empty() ? EINVAL : errno;
    return result;
  }
  const Child child = Start(command, out, err);
  out.CloseWriteEnd();
  err.CloseWriteEnd();
  if (child.pid < 0) {
    result.code = child.error;
    return result;
  }
  Watcher watcher(command, child.pid);
  watcher.Watch(&out, &err, &result);
  AddEnd(watcher.status(), watcher.usage(), &result);
  return result;
}

}  // namespace hz3::bench
