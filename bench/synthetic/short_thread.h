// Runs a function on a new thread and waits for its end: one link in a chain of threads that take
// over from each other. The stack is small, so that stacks do not show in the resident size.
// May be called by several threads at once.
#ifndef BENCH_SYNTHETIC_SHORT_THREAD_H_
#define BENCH_SYNTHETIC_SHORT_THREAD_H_

#include <pthread.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace hz3::bench {

inline constexpr size_t kSmallStackBytes = 128 << 10;

// Ends the process with one line on stderr when the thread cannot be started.
inline pthread_t StartSmallThread(void* (*live)(void*), void* argument) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kSmallStackBytes);
  pthread_t thread;
  const int error = pthread_create(&thread, &attributes, live, argument);
  pthread_attr_destroy(&attributes);
  if (error == 0) return thread;
  std::fprintf(stderr, "cannot start a thread: %s\n", std::strerror(error));
  std::_Exit(2);
}

template <typename Life>
void RunOnShortThread(const Life& life) {
  const auto live = [](void* argument) -> void* {
    (*static_cast<const Life*>(argument))();
    return nullptr;
  };
  pthread_join(StartSmallThread(live, const_cast<Life*>(&life)), nullptr);
}

}  // namespace hz3::bench

#endif  // BENCH_SYNTHETIC_SHORT_THREAD_H_
