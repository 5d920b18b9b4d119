#include "tools/hz3/ticker.h"

#include <poll.h>

#include <algorithm>
#include <csignal>

namespace hz3::tool {
namespace {

// How soon the end of what is watched is noticed, and a signal that comes just before the poll.
constexpr int64_t kSliceMs = 20;

volatile sig_atomic_t stopped_by = 0;

void Stop(int signal) { stopped_by = signal; }

void Handle(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;  // without SA_RESTART: the wait ends
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

Ticker::Ticker() : next_(std::chrono::steady_clock::now()) {
  stopped_by = 0;
  Handle(Stop);
}

Ticker::~Ticker() { Handle(SIG_DFL); }

bool Ticker::Wait(std::chrono::milliseconds interval, const std::function<bool()>& is_over) {
  const auto now = std::chrono::steady_clock::now();
  next_ = std::max(next_ + interval, now);
  while (stopped_by == 0) {
    if (is_over && is_over()) return false;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        next_ - std::chrono::steady_clock::now());
    if (left.count() <= 0) return true;
    poll(nullptr, 0, static_cast<int>(std::min<int64_t>(left.count(), kSliceMs)));
  }
  return false;
}

int Ticker::signal() const { return stopped_by; }

}  // namespace hz3::tool
