// Ticker: a loop at an interval that Ctrl-C or the end of the watched process ends.
#ifndef TOOLS_HZ3_TICKER_H_
#define TOOLS_HZ3_TICKER_H_

#include <chrono>

namespace hz3::tool {

// SIGINT and SIGTERM end the wait that is going on and all later ones, instead of the process. One
// at a time.
class Ticker {
 public:
  Ticker();
  ~Ticker();
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

  // Waits until `interval` after the last wait began; false when a signal has come.
  bool Wait(std::chrono::milliseconds interval);

 private:
  std::chrono::steady_clock::time_point next_;
};

}  // namespace hz3::tool

#endif  // TOOLS_HZ3_TICKER_H_
