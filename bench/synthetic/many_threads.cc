#include "bench/synthetic/many_threads.h"

#include <pthread.h>
#include <unistd.h>

#include <new>

#include "bench/lib/mapped_array.h"
#include "bench/synthetic/short_thread.h"

namespace hz3::bench {
namespace {

class Barrier {
 public:
  explicit Barrier(uint64_t threads) {
    pthread_barrier_init(&barrier_, nullptr, static_cast<unsigned>(threads));
  }
  ~Barrier() { pthread_barrier_destroy(&barrier_); }
  void Wait() { pthread_barrier_wait(&barrier_); }

 private:
  pthread_barrier_t barrier_;
};

// What the threads share; the main thread takes part in every barrier.
struct Shared {
  explicit Shared(const SyntheticOptions& run_options)
      : options(run_options),
        blocks_per_thread(RoundsPerPart(run_options.ops, run_options.threads, 1)),
        started(run_options.threads + 1),
        allocate(run_options.threads + 1),
        allocated(run_options.threads + 1),
        end(run_options.threads + 1) {}

  const SyntheticOptions& options;
  const uint64_t blocks_per_thread;
  Barrier started;
  Barrier allocate;
  Barrier allocated;
  Barrier end;
};

struct Sleeper {
  Shared* shared;
  uint64_t index;
  void** blocks;
  pthread_t thread;
  Tally tally;

  void Allocate() {
    Rng rng(shared->options.seed, index);
    for (uint64_t i = 0; i < shared->blocks_per_thread; ++i) {
      const uint64_t size = UniformSize(shared->options, LowHalf(rng.Next()));
      blocks[i] = tally.Allocate(size, shared->options.writes);
    }
  }

  void FreeAll() {
    for (uint64_t i = 0; i < shared->blocks_per_thread; ++i) tally.Free(blocks[i]);
  }
};

void* Live(void* argument) {
  Sleeper& self = *static_cast<Sleeper*>(argument);
  self.shared->started.Wait();
  self.shared->allocate.Wait();
  self.Allocate();
  self.shared->allocated.Wait();
  self.shared->end.Wait();
  self.FreeAll();
  return nullptr;
}

}  // namespace

SyntheticResult RunManyThreads(const SyntheticOptions& options) {
  SyntheticResult result;
  Shared shared(options);
  MappedArray<void*> blocks(options.threads * shared.blocks_per_thread);
  MappedArray<Sleeper> sleepers(options.threads);
  // The bench's own memory must not grow while that of the allocator does.
  for (void*& block : blocks) block = nullptr;
  for (uint64_t i = 0; i < options.threads; ++i) {
    new (&sleepers[i]) Sleeper{&shared, i, &blocks[i * shared.blocks_per_thread], {}, {}};
    sleepers[i].thread = StartSmallThread(Live, &sleepers[i]);
  }
  shared.started.Wait();
  const uint64_t rss_before = ResidentBytes(getpid());

  const Stopwatch watch;
  shared.allocate.Wait();
  shared.allocated.Wait();
  watch.Stop(&result);

  const uint64_t rss_after = ResidentBytes(getpid());
  shared.end.Wait();
  for (const Sleeper& sleeper : sleepers) {
    pthread_join(sleeper.thread, nullptr);
    sleeper.tally.AddTo(&result);
    result.checksum += sleeper.tally.asked_bytes();
  }
  const double threads = static_cast<double>(options.threads);
  const double grown = static_cast<double>(rss_after) - static_cast<double>(rss_before);
  result.ops = options.threads * shared.blocks_per_thread;
  result.own_rss_bytes = blocks.Bytes() + sleepers.Bytes();
  result.extra.emplace_back("rss_per_thread_bytes", grown / threads);
  result.extra.emplace_back("used_per_thread_bytes",
                            static_cast<double>(result.checksum) / threads);
  return result;
}

}  // namespace hz3::bench
