// The acts of the stress test: each is a process that does one thing to the allocator that programs
// do, for a while, with a CheckedHeap to see what goes wrong. An act that finds something ends the
// process with one line and exit code 1; one that hangs is killed by stress.cc.
#ifndef TESTING_STRESS_ACT_H_
#define TESTING_STRESS_ACT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "testing/lib/checked_heap.h"
#include "testing/lib/heap_user.h"

namespace hz3::stress {

struct ActOptions {
  uint64_t seed = 1;
  unsigned threads = 8;
  double seconds = 10;
  unsigned forks = 500;
  std::string plugin;  // the shared library that the act `dlopen` loads
};

struct Act {
  const char* name;
  const char* what;
  void (*run)(const ActOptions&);
};

const std::vector<Act>& Acts();

void Mix(const ActOptions& options);
void Churn(const ActOptions& options);
void Scarce(const ActOptions& options);
void Forks(const ActOptions& options);
void Exits(const ActOptions& options);
void Signals(const ActOptions& options);
void Cancel(const ActOptions& options);
void Dlopen(const ActOptions& options);

// The child of the act `exits`: ends with kGoodExit in the way that `seed` says.
[[noreturn]] void ExitOnce(const ActOptions& options);
inline constexpr int kGoodExit = 43;

// Ends the process with a message.
[[noreturn]] void Fail(const std::string& what);
void Require(const testlib::CheckedHeap& heap);

// Whether the act's time is over. One clock for a process: from its first call.
bool TimeIsUp(const ActOptions& options);

// Threads that use one CheckedHeap and exchange their blocks until they are told to stop; then, and
// in Stop, whatever was wrong ends the process.
class Crowd {
 public:
  Crowd(const ActOptions& options, unsigned threads, size_t largest,
        testlib::CheckedHeap::Failures failures = testlib::CheckedHeap::Failures::kForbidden);
  ~Crowd() { Stop(); }
  void Stop();

  testlib::CheckedHeap& heap() { return heap_; }
  testlib::Exchange& exchange() { return exchange_; }

 private:
  testlib::CheckedHeap heap_;
  testlib::Exchange exchange_;
  std::atomic<bool> stop_{false};
  // What the threads need for themselves they have before somebody makes memory scarce.
  std::latch ready_;
  std::vector<std::thread> threads_;
};

}  // namespace hz3::stress

#endif  // TESTING_STRESS_ACT_H_
