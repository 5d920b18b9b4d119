// Acts of threads: mix, churn, scarce.

#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <memory>

#include "hz3/malloc_extension.h"
#include "testing/stress/act.h"

namespace hz3::stress {
namespace {

using testlib::CheckedHeap;
using testlib::HeapUser;
using testlib::Random;

constexpr size_t kMiB = size_t{1} << 20;

}  // namespace

void Mix(const ActOptions& options) {
  Crowd crowd(options, options.threads, 1024 * kMiB);
  while (!TimeIsUp(options)) {
    usleep(20'000);
    malloc_trim(0);
  }
}

// ---- churn

namespace {

// Allocates and frees when its thread ends.
struct AtThreadExit {
  std::vector<std::string> lines;
  ~AtThreadExit() {
    lines.emplace_back(std::string(700, 'x'));
    auto more = std::make_unique<std::vector<std::string>>(lines);
    lines.clear();
  }
};
thread_local AtThreadExit at_thread_exit;

// A key whose destructor arms itself again as often as the system allows, surely after hz3's own.
pthread_key_t late_key;

void LateDestructor(void* value) {
  free(malloc(200'000));
  free(value);
  pthread_setspecific(late_key, malloc(40));
}

void ShortLife(const ActOptions& options, uint64_t number, Crowd& crowd) {
  HeapUser user(crowd.heap(), {.seed = options.seed * 1'000'003 + number,
                               .blocks = 40,
                               .largest = 4 * kMiB,
                               .exchange = &crowd.exchange()});
  at_thread_exit.lines.assign(number % 50, std::string(number % 300, 'a'));
  if (number % 3 == 0) pthread_setspecific(late_key, malloc(24));
  for (uint64_t step = 0; step < number % 400; ++step) user.Step();
  user.FreeAll();
}

}  // namespace

void Churn(const ActOptions& options) {
  pthread_key_create(&late_key, LateDestructor);
  Crowd crowd(options, 2, 4 * kMiB);
  std::atomic<uint64_t> number{0};
  std::vector<std::thread> starters;
  // Each starts a thread, waits for it, and starts the next.
  for (unsigned i = 0; i < options.threads; ++i) {
    starters.emplace_back([&] {
      while (!TimeIsUp(options)) {
        std::thread(ShortLife, options, number.fetch_add(1), std::ref(crowd)).join();
      }
    });
  }
  for (std::thread& starter : starters) starter.join();
}

// ---- scarce

void Scarce(const ActOptions& options) {
  Crowd crowd(options, options.threads, 24 * kMiB, CheckedHeap::Failures::kAllowed);
  Random random(options.seed);
  while (!TimeIsUp(options)) {
    hz3_set_limit(random.Between(1, 200) * kMiB);
    hz3_set_soft_limit(random.Below(2) == 0 ? SIZE_MAX : random.Between(1, 200) * kMiB);
    usleep(static_cast<useconds_t>(random.Between(1, 20'000)));
    if (random.Below(10) == 0) hz3_purge();
  }
  hz3_set_limit(SIZE_MAX);
  hz3_set_soft_limit(SIZE_MAX);
  crowd.Stop();
  // What was scarce is there again, for every size.
  CheckedHeap after;
  HeapUser user(after, {.seed = options.seed});
  for (int step = 0; step < 20'000; ++step) user.Step();
  user.FreeAll();
  Require(after);
}

}  // namespace hz3::stress
