#include "testing/stress/act.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>

namespace hz3::stress {

using testlib::HeapUser;

const std::vector<Act>& Acts() {
  static const std::vector<Act> acts = {
      {"mix", "threads exchange blocks of all sizes up to 1 GiB", Mix},
      {"churn", "threads come and go, with thread-local destructors that allocate", Churn},
      {"scarce", "the same under a limit that rises and falls", Scarce},
      {"forks", "fork while threads allocate; children allocate, fork, start threads, exec", Forks},
      {"exits", "processes end in every way while their threads allocate", Exits},
      {"signals", "signals interrupt malloc and free", Signals},
      {"cancel", "threads are cancelled, and free what they have in their clean-up", Cancel},
      {"dlopen", "a library with thread-local state is loaded and unloaded", Dlopen},
  };
  return acts;
}

void Fail(const std::string& what) {
  dprintf(STDERR_FILENO, "stress: %s\n", what.c_str());
  _exit(1);
}

void Require(const testlib::CheckedHeap& heap) {
  if (!heap.ok()) Fail(heap.error());
}

bool TimeIsUp(const ActOptions& options) {
  static const auto start = std::chrono::steady_clock::now();
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
  return passed.count() >= options.seconds;
}

Crowd::Crowd(const ActOptions& options, unsigned threads, size_t largest,
             testlib::CheckedHeap::Failures failures)
    : heap_(failures), ready_(threads) {
  for (uint64_t id = 1; id <= threads; ++id) {
    const HeapUser::Options user_options = {
        .seed = options.seed + id, .largest = largest, .exchange = &exchange_};
    threads_.emplace_back([this, user_options] {
      HeapUser user(heap_, user_options);
      ready_.count_down();
      while (!stop_.load(std::memory_order_relaxed)) {
        user.Step();
        Require(heap_);
      }
      user.FreeAll();
    });
  }
  ready_.wait();
}

void Crowd::Stop() {
  stop_.store(true, std::memory_order_relaxed);
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  exchange_.FreeAll(heap_);
  Require(heap_);
}

}  // namespace hz3::stress
