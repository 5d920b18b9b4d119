#include "testing/containers/root.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>

namespace hz3::testlib {
namespace {

namespace fs = std::filesystem;

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

[[noreturn]] void NoContainer(const char* what) {
  std::printf("%s: %s\n", what, std::strerror(errno));
  std::fflush(stdout);
  _exit(kNoContainers);
}

// As root of the machine, or of a user namespace.
void Unshare() {
  constexpr int kNamespaces = CLONE_NEWPID | CLONE_NEWNS;
  if (unshare(kNamespaces) == 0 || unshare(CLONE_NEWUSER | kNamespaces) == 0) return;
  NoContainer("unshare");
}

[[noreturn]] void ExecuteIn(const std::string& root, std::vector<std::string> command,
                            std::vector<std::string> environment) {
  if (chroot(root.c_str()) != 0 || chdir("/") != 0) NoContainer("chroot");
  if (getpid() != 1) NoContainer("the process is not number 1");
  execve(command[0].c_str(), Pointers(command).data(), Pointers(environment).data());
  std::perror("execve");
  _exit(127);
}

}  // namespace

void Root::Copy(const std::string& from, const std::string& to) const {
  const fs::path target = directory_.path() + to;
  fs::create_directories(target.parent_path());
  fs::copy_file(from, target, fs::copy_options::overwrite_existing);
}

// ldd: "name => /path (0x...)", "/path (0x...)", or that there are none.
Root::Root(const std::string& program, const std::vector<std::string>& preloads) {
  Copy(program, "/program");
  for (const std::string& library : preloads) {
    Copy(library, "/" + fs::path(library).filename().string());
  }
  std::istringstream words(RunProgram({"ldd", program}).out);
  for (std::string word; words >> word;) {
    if (word.starts_with("/") && fs::exists(word)) Copy(word, word);
  }
}

RunResult Root::Run(const std::vector<std::string>& arguments,
                    const std::vector<std::string>& environment) const {
  std::vector<std::string> command = {"/program"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return RunInChild([&] {
    Unshare();
    const pid_t pid = fork();
    if (pid < 0) NoContainer("fork");
    if (pid == 0) ExecuteIn(directory_.path(), command, environment);
    int status = 0;
    if (waitpid(pid, &status, 0) != pid) NoContainer("waitpid");
    // As a shell says it.
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  });
}

}  // namespace hz3::testlib
