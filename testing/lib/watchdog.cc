#include "testing/lib/watchdog.h"

#include <unistd.h>

#include <csignal>
#include <cstring>
#include <string_view>

namespace hz3::testlib {
namespace {

const char* volatile watched = "";

void Say(std::string_view text) {
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
}

void Bark(int) {
  Say("watchdog: hangs: ");
  Say(watched);
  Say("\n");
  std::signal(SIGALRM, SIG_DFL);
  raise(SIGALRM);
  _exit(99);  // SIGALRM is blocked inside its own handler
}

}  // namespace

Watchdog::Watchdog(const char* what, unsigned seconds) {
  watched = what;
  std::signal(SIGALRM, Bark);
  alarm(seconds);
}

Watchdog::~Watchdog() {
  alarm(0);
  std::signal(SIGALRM, SIG_DFL);
}

}  // namespace hz3::testlib
