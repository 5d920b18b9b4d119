// Crew: a fixed number of threads that do one step after the other together. Between steps all of
// them are at rest. Starting a step allocates nothing, so that it works while memory is exhausted.
#ifndef BENCH_WORKLOADS_CREW_H_
#define BENCH_WORKLOADS_CREW_H_

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>

namespace hz3::bench {

// Used by one thread, which is none of the crew.
class Crew {
 public:
  using Clock = std::chrono::steady_clock;

  // Ends the process with one line on stderr when a thread cannot be started.
  explicit Crew(size_t threads);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // Every thread calls step(its number); returns when all have. `meanwhile` is called about every
  // millisecond by the calling thread. Returns the seconds until the last one was through.
  template <typename Step, typename Meanwhile>
  double Run(const Step& step, const Meanwhile& meanwhile) {
    Start(&step, [](const void* f, size_t thread) { (*static_cast<const Step*>(f))(thread); });
    while (!WaitForEnd()) meanwhile();
    return Rest();
  }

  template <typename Step>
  double Run(const Step& step) {
    return Run(step, [] {});
  }

 private:
  using Call = void (*)(const void* step, size_t thread);
  struct Member {
    Crew* crew;
    size_t number;
    pthread_t thread;
    Clock::time_point end;
  };

  static void* Live(void* member);
  void Start(const void* step, Call call);
  bool WaitForEnd() const;
  double Rest();

  std::deque<Member> members_;
  pthread_barrier_t go_;
  pthread_barrier_t rest_;
  const void* step_ = nullptr;
  Call call_ = nullptr;  // null: the threads end
  Clock::time_point begin_;
  // Only tells the caller when to stop looking; the barrier orders what the threads did.
  std::atomic<size_t> through_{0};
};

}  // namespace hz3::bench

#endif  // BENCH_WORKLOADS_CREW_H_
