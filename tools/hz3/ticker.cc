#include "tools/hz3/ticker.h"

#include <poll.h>

#include <algorithm>
#include <csignal>

namespace hz3::tool {
namespace {

volatile sig_atomic_t is_stopped = 0;

void Stop(int) { is_stopped = 1; }

void Handle(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;  // without SA_RESTART: the wait ends
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

Ticker::Ticker() : next_(std::chrono::steady_clock::now()) {
  is_stopped = 0;
  Handle(Stop);
}

Ticker::~Ticker() { Handle(SIG_DFL); }

bool Ticker::Wait(std::chrono::milliseconds interval) {
  const auto now = std::chrono::steady_clock::now();
  next_ = std::max(next_ + interval, now);
  while (is_stopped == 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        next_ - std::chrono::steady_clock::now());
    if (left.count() <= 0) return true;
    // Short enough that a signal which comes just before it is not noticed much later.
    poll(nullptr, 0, static_cast<int>(std::min<int64_t>(left.count(), 50)));
  }
  return false;
}

}  // namespace hz3::tool
