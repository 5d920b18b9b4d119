// Ticker: a loop at an interval that Ctrl-C or the end of the watched process ends.
#ifndef TOOLS_HZ3_TICKER_H_
#define TOOLS_HZ3_TICKER_H_

#include <chrono>
#include <functional>

namespace hz3::tool {

// SIGINT and SIGTERM end the wait that is going on and all later ones, instead of the process. One
// at a time.
class Ticker {
 public:
  Ticker();
  ~Ticker();
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

  // Waits until `interval` after the end of the last wait; false when a signal has come, or soon
  // after `is_over` has become true.
  bool Wait(std::chrono::milliseconds interval, const std::function<bool()>& is_over = {});
  // The signal that has come, or 0.
  int signal() const;

 private:
  std::chrono::steady_clock::time_point next_;
};

}  // namespace hz3::tool

#endif  // TOOLS_HZ3_TICKER_H_
