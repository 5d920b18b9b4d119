#include "bench/workloads/crew.h"

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace hz3::bench {
namespace {

constexpr long kLookEveryNanos = 1'000'000;

}  // namespace

Crew::Crew(size_t threads) {
  pthread_barrier_init(&go_, nullptr, static_cast<unsigned>(threads + 1));
  pthread_barrier_init(&rest_, nullptr, static_cast<unsigned>(threads + 1));
  for (size_t i = 0; i < threads; ++i) members_.push_back({this, i, {}, {}});
  for (Member& member : members_) {
    const int error = pthread_create(&member.thread, nullptr, Live, &member);
    if (error == 0) continue;
    std::fprintf(stderr, "cannot start thread %zu of %zu: %s\n", member.number + 1, threads,
                 std::strerror(error));
    std::_Exit(2);
  }
}

Crew::~Crew() {
  call_ = nullptr;
  pthread_barrier_wait(&go_);
  for (const Member& member : members_) pthread_join(member.thread, nullptr);
  pthread_barrier_destroy(&go_);
  pthread_barrier_destroy(&rest_);
}

void* Crew::Live(void* member) {
  Member& self = *static_cast<Member*>(member);
  Crew& crew = *self.crew;
  while (true) {
    pthread_barrier_wait(&crew.go_);
    if (crew.call_ == nullptr) return nullptr;
    crew.call_(crew.step_, self.number);
    self.end = Clock::now();
    crew.through_.fetch_add(1);
    pthread_barrier_wait(&crew.rest_);
  }
}

void Crew::Start(const void* step, Call call) {
  step_ = step;
  call_ = call;
  through_.store(0);
  begin_ = Clock::now();
  pthread_barrier_wait(&go_);
}

bool Crew::WaitForEnd() const {
  if (through_.load() == members_.size()) return true;
  const timespec time = {0, kLookEveryNanos};
  nanosleep(&time, nullptr);
  return false;
}

double Crew::Rest() {
  pthread_barrier_wait(&rest_);
  Clock::time_point last = begin_;
  for (const Member& member : members_) last = std::max(last, member.end);
  return std::chrono::duration<double>(last - begin_).count();
}

}  // namespace hz3::bench
