#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/lib/stats.h"
#include "tools/hz3/commands.h"
#include "tools/hz3/heap_view.h"
#include "tools/hz3/process_info.h"
#include "tools/hz3/text_map.h"
#include "tools/hz3/ticker.h"
#include "tools/hz3/top_frame.h"

namespace hz3::tool {
namespace {

constexpr char kName[] = "top";
constexpr int kDefaultIntervalMs = 1000;

// Draws over the frame before where there is a terminal; else one frame follows the other.
class Screen {
 public:
  explicit Screen(bool is_terminal) : is_terminal_(is_terminal) {
    if (is_terminal_) std::fputs("\x1b[?1049h\x1b[?25l", stdout);
  }
  ~Screen() {
    if (is_terminal_) std::fputs("\x1b[?25h\x1b[?1049l", stdout);
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  void Show(const std::string& frame) const {
    if (is_terminal_) std::fputs("\x1b[H\x1b[J", stdout);
    std::fputs(frame.c_str(), stdout);
    if (!is_terminal_) std::fputs("\n", stdout);
    std::fflush(stdout);
  }

 private:
  const bool is_terminal_;
};

// Shows frames until it may stop; ok also when the process ended while it was watched.
absl::Status Watch(const RemoteMemory& memory, const LocatedHeap& located, int interval_ms,
                   int iterations) {
  const Screen screen(isatty(STDOUT_FILENO) != 0);
  Ticker ticker;
  std::optional<TopInstant> before;
  for (int n = 1;; ++n) {
    auto view = ReadHeap(memory, located);
    if (!view.ok()) return before ? absl::OkStatus() : view.status();
    TopInstant now = {*std::move(view), ReadResidency(memory.pid()),
                      std::chrono::steady_clock::now()};
    screen.Show(TopFrame(memory.pid(), now, before ? &*before : nullptr, TerminalColumns()));
    if (n == iterations) return absl::OkStatus();
    before = std::move(now);
    if (!ticker.Wait(std::chrono::milliseconds(interval_ms))) return absl::OkStatus();
  }
}

}  // namespace

int TopCommand(const CommandLine& line, std::string_view) {
  const auto pid = PidOf(line, kName);
  if (!pid.ok()) return Fail(kName, pid.status());
  const auto interval = IntervalMs();
  if (!interval.ok()) return Fail(kName, interval.status());
  const int iterations = absl::GetFlag(FLAGS_iterations);
  if (iterations < 0) {
    return Fail(kName, absl::InvalidArgumentError("--iterations must not be negative"));
  }
  const RemoteMemory memory(*pid);
  const auto located = LocateHeap(memory);
  if (!located.ok()) return Fail(kName, located.status());
  const absl::Status watched =
      Watch(memory, *located, *interval == 0 ? kDefaultIntervalMs : *interval, iterations);
  return watched.ok() ? 0 : Fail(kName, watched);
}

}  // namespace hz3::tool
