#include "testing/lib/subprocess.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace hz3::testlib {
namespace {

constexpr std::size_t kShownBytes = 2000;
constexpr auto kPollInterval = std::chrono::milliseconds(1);

[[noreturn]] void Fatal(const char* what) {
  std::perror(what);
  std::abort();
}

int AnonymousFile(std::string_view content = {}) {
  const int file = memfd_create("hz3_test", MFD_CLOEXEC);
  if (file < 0) Fatal("memfd_create");
  if (write(file, content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
    Fatal("write to anonymous file");
  }
  lseek(file, 0, SEEK_SET);
  return file;
}

std::string Contents(int file) {
  std::string text(static_cast<std::size_t>(lseek(file, 0, SEEK_END)), '\0');
  const ssize_t got = pread(file, text.data(), text.size(), 0);
  text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return text;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

bool Defines(const std::string& entry, const std::string& name) {
  return entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name);
}

std::vector<std::string> EnvironmentWith(
    const std::vector<std::pair<std::string, std::string>>& changes) {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    bool replaced = false;
    for (const auto& [name, value] : changes) replaced |= Defines(*entry, name);
    if (!replaced) entries.emplace_back(*entry);
  }
  for (const auto& [name, value] : changes) entries.push_back(name + "=" + value);
  return entries;
}

std::string Locate(const std::string& program) {
  if (program.find('/') != std::string::npos) return program;
  return FindProgram(program).value_or(program);
}

// Everything that the child needs between fork and exec, built before the fork: the child must not
// allocate.
class Launch {
 public:
  Launch(const std::vector<std::string>& command, const RunOptions& options)
      : options_(options), arguments_(command), entries_(EnvironmentWith(options.environment)) {
    argv_ = Pointers(arguments_);
    envp_ = Pointers(entries_);
    program_ = Locate(command.front());
    input_ = AnonymousFile(options.input);
  }
  ~Launch() { close(input_); }

  pid_t Start(int output, int error) {
    const pid_t pid = fork();
    if (pid < 0) Fatal("fork");
    if (pid == 0) BecomeProgram(output, error);
    setpgid(pid, pid);
    return pid;
  }

 private:
  [[noreturn]] void BecomeProgram(int output, int error) {
    setpgid(0, 0);
    dup2(input_, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(error, STDERR_FILENO);
    if (!options_.directory.empty() && chdir(options_.directory.c_str()) != 0) _exit(126);
    for (const ResourceLimit& limit : options_.limits) {
      const rlimit value = {limit.bytes, limit.bytes};
      if (setrlimit(limit.resource, &value) != 0) _exit(125);
    }
    execve(program_.c_str(), argv_.data(), envp_.data());
    _exit(127);
  }

  const RunOptions& options_;
  std::vector<std::string> arguments_;
  std::vector<std::string> entries_;
  std::vector<char*> argv_;
  std::vector<char*> envp_;
  std::string program_;
  int input_ = -1;
};

void RecordStatus(int status, RunResult& result) {
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
}

void KillGroup(pid_t pid, int& status) {
  kill(-pid, SIGKILL);
  kill(pid, SIGKILL);
  waitpid(pid, &status, 0);
}

// Waits for `pid`; kills its group when `timeout` is over.
void AwaitEnd(pid_t pid, std::chrono::milliseconds timeout, RunResult& result) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  int status = 0;
  while (waitpid(pid, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      result.timed_out = true;
      KillGroup(pid, status);
      break;
    }
    usleep(static_cast<useconds_t>(std::chrono::microseconds(kPollInterval).count()));
  }
  RecordStatus(status, result);
}

void Collect(int output, int error, RunResult& result) {
  result.out = Contents(output);
  result.err = Contents(error);
  close(output);
  close(error);
}

std::string_view LastPart(std::string_view text) {
  return text.size() <= kShownBytes ? text : text.substr(text.size() - kShownBytes);
}

}  // namespace

std::ostream& operator<<(std::ostream& stream, const RunResult& result) {
  if (result.timed_out) stream << "timed out; ";
  if (result.signal != 0) stream << "signal " << strsignal(result.signal);
  if (result.signal == 0) stream << "exit code " << result.exit_code;
  return stream << "\nstdout: " << LastPart(result.out) << "\nstderr: " << LastPart(result.err);
}

RunResult RunProgram(const std::vector<std::string>& command, const RunOptions& options) {
  return BackgroundProcess(command, options).Wait();
}

RunResult RunInChild(const std::function<void()>& body, bool run_exit_handlers,
                     std::chrono::milliseconds timeout) {
  const int output = AnonymousFile();
  const int error = AnonymousFile();
  const pid_t pid = fork();
  if (pid < 0) Fatal("fork");
  if (pid == 0) {
    setpgid(0, 0);
    dup2(output, STDOUT_FILENO);
    dup2(error, STDERR_FILENO);
    body();
    if (run_exit_handlers) exit(0);
    _exit(0);
  }
  RunResult result;
  AwaitEnd(pid, timeout, result);
  Collect(output, error, result);
  return result;
}

std::optional<std::string> FindProgram(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path;
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    const std::string candidate = std::string(rest.substr(0, colon)) + "/" + name;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
  }
  return std::nullopt;
}

BackgroundProcess::BackgroundProcess(const std::vector<std::string>& command,
                                     const RunOptions& options)
    : options_(options), output_(AnonymousFile()), error_(AnonymousFile()) {
  pid_ = Launch(command, options_).Start(output_, error_);
}

BackgroundProcess::~BackgroundProcess() {
  if (ended_) return;
  int status = 0;
  KillGroup(pid_, status);
  close(output_);
  close(error_);
}

const RunResult& BackgroundProcess::Wait() {
  if (ended_) return result_;
  AwaitEnd(pid_, options_.timeout, result_);
  Collect(output_, error_, result_);
  ended_ = true;
  return result_;
}

}  // namespace hz3::testlib
