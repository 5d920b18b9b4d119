#include "bench/mt_remote.h"

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "bench/lib/live_meter.h"
#include "bench/lib/machine.h"
#include "bench/lib/mapped_array.h"
#include "bench/lib/process_usage.h"
#include "bench/lib/rng.h"
#include "bench/lib/spsc_ring.h"

namespace hz3::bench {
namespace {

using Clock = std::chrono::steady_clock;

// A drain of at least so many blocks is preceded by a sample: the ring was at its fullest.
constexpr uint64_t kBigDrain = 1024;
constexpr uint64_t kItersPerSample = 8192;
constexpr int64_t kWaitNanos = 1'000'000;
constexpr int64_t kIdleNanos = 200'000;
constexpr int64_t kSampleNanos = 1'000'000;
constexpr uint64_t kMib = uint64_t{1} << 20;

void Nap(int64_t nanos) {
  const timespec time = {0, nanos};
  nanosleep(&time, nullptr);
}

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

// What the threads share. The main thread takes part in both barriers.
struct Shared {
  explicit Shared(const MtRemoteOptions& run_options)
      : options(run_options),
        meter(run_options.threads),
        start(run_options.threads + 1),
        go(run_options.threads + 1),
        cleanup(run_options.threads + 1) {}

  bool EverybodyFinished() const { return finished.load() == options.threads; }

  const MtRemoteOptions options;
  LiveMeter meter;
  Barrier start;
  Barrier go;
  Barrier cleanup;
  std::atomic<uint64_t> finished{0};
  std::atomic<int64_t> live_at_first_failure{-1};
};

// Each producer may fill its ring up to an equal part of what the cap leaves beside the slots.
uint64_t RingByteLimit(const MtRemoteOptions& options) {
  if (options.max_live_mib == 0) return SpscRing::kNoByteLimit;
  const uint64_t slots = options.threads * options.ws * options.max_size;
  return (options.max_live_mib * kMib - slots) / options.threads;
}

class alignas(kNoSharing) Worker {
 public:
  Worker(Shared* shared, uint64_t index)
      : shared_(*shared),
        index_(index),
        inbox_(shared->options.ring_slots, RingByteLimit(shared->options)),
        rng_(shared->options.seed, index),
        slots_(shared->options.ws) {}

  void set_next(Worker* next) { outbox_ = &next->inbox_; }

  void Run() {
    // The slots belong to the bench: resident before the measured part.
    for (Block& slot : slots_) slot = {nullptr, 1};
    shared_.start.Wait();
    shared_.go.Wait();
    RunIterations();
    end_ = Clock::now();
    shared_.finished.fetch_add(1);
    if (shared_.options.on_full == OnFull::kWait) ServeUntilAllFinished();
    shared_.cleanup.Wait();
    FreeEverything();
  }

  void AddTo(MtRemoteResult* result) const {
    result->allocs += counts_.allocs;
    result->alloc_failed += counts_.alloc_failed;
    result->local_frees += counts_.local_frees;
    result->fallback_frees += counts_.fallback_frees;
    result->remote_pushes += counts_.remote_pushes;
    result->remote_frees += counts_.remote_frees;
    result->full_waits += counts_.full_waits;
    result->cleanup_frees += cleanup_frees_;
    result->own_touched_bytes += inbox_.TouchedBytes() + slots_.Bytes();
  }

  Clock::time_point end() const { return end_; }

 private:
  void RunIterations() {
    uint64_t left = shared_.options.iters;
    while (left != 0) {
      const uint64_t part = std::min(left, kItersPerSample);
      for (uint64_t i = 0; i < part; ++i) Iterate();
      shared_.meter.Sample();
      left -= part;
    }
  }

  void Iterate() {
    DrainInbox();
    // The halves of a draw are independent; the low one serves as size or as remote, never both.
    const uint64_t draw = rng_.Next();
    Block& slot = slots_[ScaleTo(HighHalf(draw), static_cast<uint32_t>(shared_.options.ws))];
    if (slot.pointer == nullptr) {
      Fill(&slot, LowHalf(draw));
    } else {
      Empty(&slot, LowHalf(draw));
    }
    shared_.meter.Publish(index_, net_bytes_);
  }

  void Fill(Block* slot, uint32_t bits) {
    const MtRemoteOptions& options = shared_.options;
    const uint64_t sizes = options.max_size - options.min_size + 1;
    slot->size = options.min_size + ScaleTo(bits, static_cast<uint32_t>(sizes));
    slot->pointer = std::malloc(slot->size);
    if (slot->pointer == nullptr) return CountFailure();
    ++counts_.allocs;
    net_bytes_ += static_cast<int64_t>(slot->size);
    WriteBlock(*slot, options.writes);
  }

  void Empty(Block* slot, uint32_t bits) {
    const Block block = *slot;
    slot->pointer = nullptr;
    if (ScaleTo(bits, 100) >= shared_.options.remote_pct) {
      ++counts_.local_frees;
      Free(block);
    } else if (PushRemote(block)) {
      ++counts_.remote_pushes;
    } else {
      ++counts_.fallback_frees;
      Free(block);
    }
  }

  bool PushRemote(Block block) {
    if (outbox_->Push(block)) return true;
    if (shared_.options.on_full == OnFull::kFree) return false;
    while (!outbox_->Push(block)) {
      ++counts_.full_waits;
      DrainInbox();
      shared_.meter.Publish(index_, net_bytes_);
      outbox_->WaitForRoom(block.size, kWaitNanos);
    }
    return true;
  }

  void DrainInbox() {
    const uint64_t pending = inbox_.Pending();
    if (pending == 0) return;
    if (pending >= kBigDrain) shared_.meter.Sample();
    inbox_.Drain(pending, [this](Block block) {
      Free(block);
      shared_.meter.Publish(index_, net_bytes_);
    });
    counts_.remote_frees += pending;
    if (shared_.options.on_full == OnFull::kWait) inbox_.WakeProducer();
  }

  void Free(Block block) {
    std::free(block.pointer);
    net_bytes_ -= static_cast<int64_t>(block.size);
  }

  void CountFailure() {
    ++counts_.alloc_failed;
    std::atomic<int64_t>& first = shared_.live_at_first_failure;
    if (first.load(std::memory_order_relaxed) >= 0) return;
    int64_t none = -1;
    first.compare_exchange_strong(none, std::max<int64_t>(0, shared_.meter.Sample()));
  }

  // A producer that waits for room depends on this thread until the last one is through.
  void ServeUntilAllFinished() {
    while (!shared_.EverybodyFinished()) {
      DrainInbox();
      shared_.meter.Publish(index_, net_bytes_);
      Nap(kIdleNanos);
    }
  }

  // The counts above are those of the measured part and are not touched any more.
  void FreeEverything() {
    const uint64_t pending = inbox_.Pending();
    inbox_.Drain(pending, [this](Block block) { Free(block); });
    cleanup_frees_ += pending;
    for (Block& slot : slots_) {
      if (slot.pointer == nullptr) continue;
      Free(slot);
      ++cleanup_frees_;
    }
    shared_.meter.Publish(index_, net_bytes_);
  }

  struct Counts {
    uint64_t allocs = 0;
    uint64_t alloc_failed = 0;
    uint64_t local_frees = 0;
    uint64_t fallback_frees = 0;
    uint64_t remote_pushes = 0;
    uint64_t remote_frees = 0;
    uint64_t full_waits = 0;
  };

  Shared& shared_;
  const uint64_t index_;
  SpscRing inbox_;
  SpscRing* outbox_ = nullptr;
  Rng rng_;
  MappedArray<Block> slots_;
  int64_t net_bytes_ = 0;
  Counts counts_;
  uint64_t cleanup_frees_ = 0;
  Clock::time_point end_;
};

// A deque, since workers neither move nor copy.
using Workers = std::deque<Worker>;

void* RunWorker(void* worker) {
  static_cast<Worker*>(worker)->Run();
  return nullptr;
}

std::vector<pthread_t> StartThreads(Workers* workers) {
  std::vector<pthread_t> threads;
  for (Worker& worker : *workers) {
    pthread_t thread;
    const int error = pthread_create(&thread, nullptr, RunWorker, &worker);
    if (error != 0) {
      std::fprintf(stderr, "cannot start thread %zu of %zu: %s\n", threads.size() + 1,
                   workers->size(), std::strerror(error));
      std::_Exit(2);
    }
    threads.push_back(thread);
  }
  return threads;
}

void SampleUntilFinished(Shared* shared) {
  while (!shared->EverybodyFinished()) {
    Nap(kSampleNanos);
    shared->meter.Sample();
  }
}

void MakeWorkers(Shared* shared, Workers* workers) {
  const uint64_t count = shared->options.threads;
  for (uint64_t i = 0; i < count; ++i) workers->emplace_back(shared, i);
  for (uint64_t i = 0; i < count; ++i) (*workers)[i].set_next(&(*workers)[(i + 1) % count]);
}

Clock::time_point LastEnd(const Workers& workers) {
  Clock::time_point last = workers.front().end();
  for (const Worker& worker : workers) last = std::max(last, worker.end());
  return last;
}

uint64_t MappedBytes(const MtRemoteOptions& options) {
  return options.threads * (std::bit_ceil(options.ring_slots) + options.ws) * sizeof(Block);
}

// 128 bits: threads, slots and sizes at their limits multiply to more than 64.
__extension__ using Wide = unsigned __int128;

Wide WorstLiveBytes(const MtRemoteOptions& options) {
  const Wide worst =
      Wide{options.threads} * (options.ring_slots + options.ws) * Wide{options.max_size};
  return options.max_live_mib == 0 ? worst : std::min(worst, Wide{options.max_live_mib} * kMib);
}

std::string Mib(Wide bytes) {
  return std::to_string(static_cast<uint64_t>((bytes + kMib - 1) / kMib)) + " MiB";
}

std::optional<std::string> WhyCapTooLow(const MtRemoteOptions& options) {
  // One block of room in each ring: less, and a waiting producer would wait for ever.
  const Wide least = Wide{options.threads} * (options.ws + 1) * Wide{options.max_size};
  if (options.max_live_mib == 0 || Wide{options.max_live_mib} * kMib >= least) return std::nullopt;
  return "--max_live_mib=" + std::to_string(options.max_live_mib) +
         " is below what the slots alone can hold (threads * (ws + 1) * max = " + Mib(least) + ")";
}

std::optional<std::string> WhyNotEnoughMemory(const MtRemoteOptions& options) {
  const Wide need = options.writes == Writes::kNothing ? Wide{0} : WorstLiveBytes(options);
  const uint64_t available = AvailableMemoryBytes();
  if (available == 0 || need <= available) return std::nullopt;
  return "written blocks could take up to " + Mib(need) + ", " + Mib(available) +
         " are available; lower it with --ring_slots or --max_live_mib";
}

double Share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

std::optional<std::string> WhyNotRunnable(const MtRemoteOptions& options) {
  if (options.min_size > options.max_size) return "min must not be greater than max";
  if (auto reason = WhyCapTooLow(options)) return reason;
  return WhyNotEnoughMemory(options);
}

MtRemoteResult RunMtRemote(const MtRemoteOptions& options) {
  Shared shared(options);
  Workers workers;
  MakeWorkers(&shared, &workers);
  const std::vector<pthread_t> threads = StartThreads(&workers);

  shared.start.Wait();
  const CpuTime cpu_before = ProcessCpuTime();
  const Clock::time_point begin = Clock::now();
  shared.go.Wait();
  SampleUntilFinished(&shared);
  const CpuTime cpu_after = ProcessCpuTime();

  MtRemoteResult result;
  result.peak_rss_bytes = PeakRssBytes();
  shared.cleanup.Wait();
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);

  for (const Worker& worker : workers) worker.AddTo(&result);
  result.seconds = std::chrono::duration<double>(LastEnd(workers) - begin).count();
  result.user_s = cpu_after.user_s - cpu_before.user_s;
  result.sys_s = cpu_after.sys_s - cpu_before.sys_s;
  result.peak_live_bytes = shared.meter.peak();
  result.live_at_first_failure = shared.live_at_first_failure.load();
  result.live_after_cleanup = shared.meter.Sum();
  result.own_mapped_bytes = MappedBytes(options);
  return result;
}

Report MakeReport(const MtRemoteOptions& options, const MtRemoteResult& result) {
  const double ops = static_cast<double>(result.Ops());
  const uint64_t emptied = result.local_frees + result.fallback_frees + result.remote_pushes;
  Report report;
  report.Line("run");
  report.Add("malloc", MallocProvider());
  report.Add("threads", options.threads);
  report.Add("iters", options.iters);
  report.Add("ws", options.ws);
  report.Add("min", options.min_size);
  report.Add("max", options.max_size);
  report.Add("remote_pct", options.remote_pct);
  report.Add("ring_slots", options.ring_slots);
  report.Add("on_full", std::string(options.on_full == OnFull::kWait ? "wait" : "free"));
  report.Add("writes", std::string(WritesName(options.writes)));
  report.Add("max_live_mib", options.max_live_mib);
  report.Add("seed", options.seed);
  report.Line("speed");
  report.Add("ops", result.Ops());
  report.Add("seconds", result.seconds);
  report.Add("ops_per_s", ops / result.seconds);
  report.Add("cpu_ns_per_op", (result.user_s + result.sys_s) * 1e9 / ops);
  report.Add("user_s", result.user_s);
  report.Add("sys_s", result.sys_s);
  report.Line("memory");
  report.Add("alloc_failed", result.alloc_failed);
  report.Add("live_at_first_failure", result.live_at_first_failure);
  report.Add("peak_live_bytes", result.peak_live_bytes);
  report.Add("peak_rss_bytes", result.peak_rss_bytes);
  report.Add("own_rss_bytes", result.own_touched_bytes);
  report.Add("own_mapped_bytes", result.own_mapped_bytes);
  report.Add("live_after_cleanup", result.live_after_cleanup);
  report.Line("blocks");
  report.Add("allocs", result.allocs);
  report.Add("local_frees", result.local_frees);
  report.Add("remote_frees", result.remote_frees);
  report.Add("remote_pushes", result.remote_pushes);
  report.Add("fallback_frees", result.fallback_frees);
  report.Add("fallback_rate",
             Share(result.fallback_frees, result.fallback_frees + result.remote_pushes));
  report.Add("remote_share", Share(result.remote_pushes, emptied));
  report.Add("full_waits", result.full_waits);
  report.Add("cleanup_frees", result.cleanup_frees);
  return report;
}

}  // namespace hz3::bench
