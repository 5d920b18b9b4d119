// Acts that interrupt: signals, cancel, dlopen.

#include <dlfcn.h>
#include <pthread.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "testing/stress/act.h"

namespace hz3::stress {
namespace {

using testlib::HeapUser;

constexpr size_t kLargest = size_t{24} << 20;

// Relaxed: a figure.
std::atomic<uint64_t> interruptions{0};

// Async-signal-safe: it calls nothing, uses some stack, and leaves errno changed and restored.
void Interrupt(int) {
  const int saved = errno;
  volatile char stack[2000];
  for (size_t i = 0; i < sizeof(stack); i += 64) stack[i] = 1;
  errno = EINTR;
  interruptions.fetch_add(1, std::memory_order_relaxed);
  errno = saved;
}

void InstallHandler(int signal, int flags) {
  struct sigaction action = {};
  action.sa_handler = Interrupt;
  action.sa_flags = flags;
  sigaction(signal, &action, nullptr);
}

}  // namespace

void Signals(const ActOptions& options) {
  InstallHandler(SIGALRM, 0);  // without SA_RESTART: system calls end with EINTR
  InstallHandler(SIGPROF, SA_RESTART);
  InstallHandler(SIGUSR1, 0);
  Crowd crowd(options, options.threads, kLargest);
  const itimerval often = {{0, 300}, {0, 300}};
  setitimer(ITIMER_REAL, &often, nullptr);
  setitimer(ITIMER_PROF, &often, nullptr);
  while (!TimeIsUp(options)) {
    kill(getpid(), SIGUSR1);  // whichever thread it finds
    usleep(50);
  }
  const itimerval never = {};
  setitimer(ITIMER_REAL, &never, nullptr);
  setitimer(ITIMER_PROF, &never, nullptr);
  crowd.Stop();
  if (interruptions < 100) Fail("there were hardly any signals");
}

// ---- cancel

namespace {

struct Cancelled {
  HeapUser user;
  std::atomic<bool> started{false};
};

void FreeItsBlocks(void* argument) { static_cast<Cancelled*>(argument)->user.FreeAll(); }

void* WorkUntilCancelled(void* argument) {
  auto* self = static_cast<Cancelled*>(argument);
  pthread_cleanup_push(FreeItsBlocks, argument);
  const std::string on_the_stack_of_a_cancelled_thread(5000, 'x');
  while (true) {
    self->user.Step();
    self->started = true;
    pthread_testcancel();
  }
  pthread_cleanup_pop(1);
  return nullptr;
}

}  // namespace

void Cancel(const ActOptions& options) {
  Crowd crowd(options, 2, kLargest);
  for (uint64_t round = 0; !TimeIsUp(options); ++round) {
    std::vector<std::unique_ptr<Cancelled>> cancelled;
    std::vector<pthread_t> threads(options.threads);
    for (unsigned i = 0; i < options.threads; ++i) {
      const uint64_t seed = options.seed + round * options.threads + i;
      cancelled.emplace_back(new Cancelled{HeapUser(
          crowd.heap(), {.seed = seed, .largest = kLargest, .exchange = &crowd.exchange()})});
      if (pthread_create(&threads[i], nullptr, WorkUntilCancelled, cancelled[i].get()) != 0) {
        Fail("pthread_create: " + std::string(strerror(errno)));
      }
    }
    for (unsigned i = 0; i < options.threads; ++i) {
      while (!cancelled[i]->started) usleep(100);
      pthread_cancel(threads[i]);
    }
    for (const pthread_t thread : threads) pthread_join(thread, nullptr);
    Require(crowd.heap());
  }
}

// ---- dlopen

namespace {

// Loads the plugin, lets it allocate on this thread, frees what it gave, and unloads it.
void UsePlugin(const std::string& path) {
  void* plugin = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (plugin == nullptr) Fail(std::string("dlopen: ") + dlerror());
  auto* work = reinterpret_cast<char* (*)(size_t)>(dlsym(plugin, "hz3_stress_plugin_work"));
  if (work == nullptr) Fail(std::string("dlsym: ") + dlerror());
  for (size_t size = 10; size < 300'000; size *= 3) {
    char* text = work(size);
    if (std::strlen(text) != size) Fail("the plugin's block is not what it made");
    free(text);
  }
  if (dlclose(plugin) != 0) Fail(std::string("dlclose: ") + dlerror());
}

}  // namespace

void Dlopen(const ActOptions& options) {
  Crowd crowd(options, 2, kLargest);
  std::vector<std::thread> openers;
  for (unsigned i = 0; i < options.threads; ++i) {
    openers.emplace_back([&] {
      while (!TimeIsUp(options)) {
        UsePlugin(options.plugin);
        // Also in threads that end while the library is in use elsewhere.
        std::thread(UsePlugin, options.plugin).join();
      }
    });
  }
  for (std::thread& opener : openers) opener.join();
}

}  // namespace hz3::stress
