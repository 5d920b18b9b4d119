#include "tools/hz3/launch.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "bench/lib/runfiles.h"
#include "hz3/config/build_flags.h"
#include "tools/hz3/flags.h"

namespace hz3::tool {
namespace {

namespace fs = std::filesystem;

// From the folder of this program to where packages put libraries.
constexpr const char* kLibraryFolders[] = {".", "../lib",
#if defined(__x86_64__)
                                           "../lib/x86_64-linux-gnu",
#elif defined(__aarch64__)
                                           "../lib/aarch64-linux-gnu",
#endif
                                           "../lib64", "../lib/hakozuna"};

constexpr int kNotFound = 127;
constexpr int kNotRunnable = 126;
constexpr int kForwarded[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
// A terminal sends these to the whole foreground group.
constexpr int kIgnored[] = {SIGINT, SIGQUIT};

volatile sig_atomic_t forward_to = 0;

void Forward(int signal) {
  if (forward_to > 0) kill(forward_to, signal);
}

void HandleSignals(void (*forward)(int), void (*ignore)(int)) {
  for (const int signal : kForwarded) std::signal(signal, forward);
  for (const int signal : kIgnored) std::signal(signal, ignore);
}

bool IsFile(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error) && !fs::is_directory(path, error);
}

std::string FindInstalled(const std::string& name) {
  std::error_code error;
  const fs::path own = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const char* folder : kLibraryFolders) {
    // Without the number it is there for compilers only, if at all.
    for (const std::string& file : {absl::StrCat(name, ".", kBuildSoversion), name}) {
      const fs::path candidate = own / folder / file;
      if (!error && IsFile(candidate)) return candidate.lexically_normal().string();
    }
  }
  return "";
}

// The dynamic linker takes spaces and colons for the end of a path.
absl::StatusOr<std::string> Preloadable(const std::string& path) {
  if (path.find_first_of(" :") == std::string::npos) return path;
  return absl::InvalidArgumentError(
      absl::StrCat("cannot preload ", path, ": the dynamic linker allows no spaces or colons"));
}

void SetVariables(const Variables& variables) {
  for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
}

// Returns the errno of why the program cannot be run.
int Exec(const std::vector<std::string>& program) {
  std::vector<char*> argv;
  for (const std::string& word : program) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  return errno;
}

int SayWhyNot(const std::string& program, int error) {
  std::fprintf(stderr, "hz3: cannot run '%s': %s\n", program.c_str(), std::strerror(error));
  return error == ENOENT ? kNotFound : kNotRunnable;
}

}  // namespace

absl::StatusOr<std::string> FindLibrary(std::string_view argv0) {
  const std::string chosen = absl::GetFlag(FLAGS_library);
  if (!chosen.empty()) {
    std::error_code error;
    if (!IsFile(chosen)) return absl::NotFoundError("there is no library " + chosen);
    return Preloadable(fs::absolute(chosen, error).string());
  }
  const std::string lane = absl::GetFlag(FLAGS_lane);
  if (lane != "scale" && lane != "fast" && lane != "hardened") {
    return absl::InvalidArgumentError("--lane is scale, fast or hardened, not '" + lane + "'");
  }
  const std::string name = absl::StrCat("libhakozuna_hz3_", lane, ".so");
  const std::string installed = FindInstalled(name);
  if (!installed.empty()) return Preloadable(installed);
  const std::string runfile = bench::FindRunfile(argv0, "hz3/" + name);
  if (!runfile.empty()) return Preloadable(runfile);
  return absl::NotFoundError(
      absl::StrCat(name, " is neither beside this program nor in ../lib (see --library)"));
}

Variables PreloadVariables(const std::string& library) {
  const char* before = std::getenv("LD_PRELOAD");
  const bool has_more = before != nullptr && *before != '\0';
  return {{"LD_PRELOAD", has_more ? absl::StrCat(library, ":", before) : library}};
}

int BecomeProgram(const std::vector<std::string>& program, const Variables& variables) {
  SetVariables(variables);
  return SayWhyNot(program[0], Exec(program));
}

Started StartProgram(const std::vector<std::string>& program, const Variables& variables) {
  // Closed by a successful exec, else it carries the errno.
  int failure[2];
  if (pipe2(failure, O_CLOEXEC) != 0) return {-1, SayWhyNot(program[0], errno)};
  std::fflush(nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    SetVariables(variables);
    const int error = Exec(program);
    (void)!write(failure[1], &error, sizeof(error));
    _exit(kNotFound);
  }
  int error = pid < 0 ? errno : 0;
  close(failure[1]);
  if (pid > 0 && read(failure[0], &error, sizeof(error)) == sizeof(error)) {
    waitpid(pid, nullptr, 0);
  }
  close(failure[0]);
  if (error != 0) return {-1, SayWhyNot(program[0], error)};
  return {pid, 0};
}

std::string Ending::Text() const {
  if (WIFEXITED(status)) return absl::StrCat("exit ", WEXITSTATUS(status));
  return absl::StrCat("signal ", WTERMSIG(status), " (", strsignal(WTERMSIG(status)), ")");
}

SignalForwarder::SignalForwarder(pid_t pid) {
  forward_to = pid;
  HandleSignals(Forward, SIG_IGN);
}

SignalForwarder::~SignalForwarder() {
  HandleSignals(SIG_DFL, SIG_DFL);
  forward_to = 0;
}

Ending AwaitEnd(pid_t pid) {
  Ending ending;
  while (wait4(pid, &ending.status, 0, &ending.usage) < 0 && errno == EINTR) {
  }
  return ending;
}

bool HasEnded(pid_t pid, Ending* ending) {
  return wait4(pid, &ending->status, WNOHANG, &ending->usage) == pid;
}

void EndLike(const Ending& ending) {
  std::fflush(nullptr);
  if (WIFSIGNALED(ending.status)) {
    // The program has left its core, if any; this one has nothing to tell.
    const rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    std::signal(WTERMSIG(ending.status), SIG_DFL);
    kill(getpid(), WTERMSIG(ending.status));
    std::exit(128 + WTERMSIG(ending.status));
  }
  std::exit(WEXITSTATUS(ending.status));
}

}  // namespace hz3::tool
