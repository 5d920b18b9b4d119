#include "bench/workloads/sleepers.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>

#include "bench/lib/mapped_array.h"
#include "bench/workloads/rounding.h"

namespace hz3::bench {
namespace {

constexpr uint64_t kLargestSize = 32768;
// More than a bin of one size holds in any allocator that is compared here.
constexpr uint64_t kMostBytesOfASize = 2 * kMib;
// All sleepers together hold at most 1 / kPartOfMemory of the memory at a time while they fill
// their caches.
constexpr uint64_t kPartOfMemory = 4;
// Small, so that the threads need little address space beyond what they cache.
constexpr size_t kStackBytes = 128 << 10;

// The sleepers start after the first phase, in which nothing happens: by then all memory of the
// workload itself is mapped.
enum Phase { kBeforeSleep, kGrow, kPhases };

// Fills the caches of the calling thread, one size after the other.
void FillCaches(uint64_t most_bytes) {
  MappedArray<void*> blocks(most_bytes / 16);
  for (uint64_t size = 16; size <= kLargestSize; size = ClassRounded(size + 1)) {
    const size_t wanted = std::min<uint64_t>(most_bytes, kMostBytesOfASize) / size;
    size_t count = 0;
    while (count < wanted && (blocks[count] = std::malloc(size)) != nullptr) ++count;
    while (count > 0) std::free(blocks[--count]);
  }
}

class SleepingThreads {
 public:
  SleepingThreads(uint64_t count, uint64_t most_bytes) : most_bytes_(most_bytes), threads_(count) {
    pthread_barrier_init(&asleep_, nullptr, static_cast<unsigned>(count + 1));
    pthread_mutex_init(&mutex_, nullptr);
    pthread_cond_init(&wake_, nullptr);
    pthread_attr_init(&attributes_);
    pthread_attr_setstacksize(&attributes_, kStackBytes);
  }

  // Returns when all of them are asleep. To be called once at most.
  void Start() {
    for (pthread_t& thread : threads_) {
      const int error = pthread_create(&thread, &attributes_, Live, this);
      if (error == 0) continue;
      std::fprintf(stderr, "cannot start a sleeping thread: %s\n", std::strerror(error));
      std::_Exit(2);
    }
    started_ = true;
    pthread_barrier_wait(&asleep_);
  }

  void WakeAndJoin() {
    if (!started_) return;
    pthread_mutex_lock(&mutex_);
    awake_ = true;
    pthread_cond_broadcast(&wake_);
    pthread_mutex_unlock(&mutex_);
    for (const pthread_t thread : threads_) pthread_join(thread, nullptr);
  }

  size_t size() const { return threads_.size(); }

 private:
  static void* Live(void* self) {
    static_cast<SleepingThreads*>(self)->FillAndSleep();
    return nullptr;
  }

  void FillAndSleep() {
    FillCaches(most_bytes_);
    pthread_barrier_wait(&asleep_);
    pthread_mutex_lock(&mutex_);
    while (!awake_) pthread_cond_wait(&wake_, &mutex_);
    pthread_mutex_unlock(&mutex_);
  }

  const uint64_t most_bytes_;
  std::deque<pthread_t> threads_;
  pthread_barrier_t asleep_;
  pthread_mutex_t mutex_;
  pthread_cond_t wake_;
  pthread_attr_t attributes_;
  bool started_ = false;
  bool awake_ = false;
};

class Sleepers : public Workload {
 public:
  Sleepers(const SleepersShape& shape, const FillOptions& options, Ledger* ledger)
      : sleeping_(shape.sleepers, options.scale_bytes / kPartOfMemory / shape.sleepers),
        others_(MakeToggle(shape.others, options, ledger)) {}

  size_t threads() const override { return others_->threads(); }
  int phases() const override { return kPhases; }

  void RunPhase(int phase, size_t thread) override {
    if (phase == kGrow) others_->RunPhase(0, thread);
  }

  void AfterPhase(int phase) override {
    if (phase == kBeforeSleep) sleeping_.Start();
  }

  void Work(size_t thread, uint64_t iterations) override { others_->Work(thread, iterations); }
  bool CanWork() const override { return others_->CanWork(); }
  void FreeAll(size_t thread) override { others_->FreeAll(thread); }
  void AfterRun() override { sleeping_.WakeAndJoin(); }
  uint64_t OwnTouchedBytes() const override { return others_->OwnTouchedBytes(); }

  void Describe(Report* report) const override {
    report->Add("sleepers", uint64_t{sleeping_.size()});
    others_->Describe(report);
  }

 private:
  SleepingThreads sleeping_;
  const std::unique_ptr<Workload> others_;
};

}  // namespace

std::unique_ptr<Workload> MakeSleepers(const SleepersShape& shape, const FillOptions& options,
                                       Ledger* ledger) {
  return std::make_unique<Sleepers>(shape, options, ledger);
}

}  // namespace hz3::bench
