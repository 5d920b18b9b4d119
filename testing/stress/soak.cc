// Soak: ages a heap as a server does, and shows that it does not swell. Threads replace and free
// blocks of each other in a table, some of which live long; the bytes that are live follow a
// sawtooth. For each tooth the mean of RSS over live is one measurement, and the line through those
// of the second half must not rise by more than a bound.
//
// It leaves the processor alone most of the time: --busy is the share of it that each thread takes.

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "bench/lib/json_writer.h"
#include "bench/lib/process_usage.h"
#include "bench/lib/tool_flags.h"
#include "testing/lib/allocator_under_test.h"
#include "testing/lib/process_memory.h"
#include "testing/lib/random.h"
#include "testing/stress/trend.h"

ABSL_FLAG(double, minutes, 30, "how long");
ABSL_FLAG(double, tooth, 20, "seconds of one tooth of the load");
ABSL_FLAG(unsigned, threads, 4, "threads, 1 to 64");
ABSL_FLAG(unsigned, low_mib, 24, "live MiB at the bottom of the sawtooth");
ABSL_FLAG(unsigned, high_mib, 96, "live MiB at its top");
ABSL_FLAG(double, busy, 0.1, "share of a processor that each thread takes, above 0 and up to 1");
ABSL_FLAG(double, bound_pct, 5, "growth of RSS over live in the second half that is still flat");
ABSL_FLAG(unsigned, leak, 0, "of 1000 frees so many are left out: to see a verdict that is bad");
ABSL_FLAG(uint64_t, seed, 1, "of the random numbers");
ABSL_FLAG(bool, stats, false, "print the allocator's own statistics (malloc_stats) at the end");
ABSL_FLAG(std::string, json, "", "file for the curve and the verdict");

namespace hz3::stress {
namespace {

using testlib::kMiB;
using testlib::Random;

constexpr size_t kSlots = 400'000;
// The blocks of one slot in ten live a hundred times as long.
constexpr size_t kLongLived = kSlots / 10;
constexpr unsigned kLongLife = 100;
constexpr auto kSample = std::chrono::milliseconds(100);

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A block of the program; its size is in it.
struct Object {
  size_t size;
};

class Table {
 public:
  Table() {
    // Not the heap's: the table is there before it and grows by nothing.
    void* memory = mmap(nullptr, kSlots * sizeof(*slots_), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) {
      std::perror("soak: mmap");
      std::exit(1);
    }
    slots_ = static_cast<std::atomic<Object*>*>(memory);
  }

  // Something of this size, or nothing (0), instead of what is in the slot.
  void Replace(size_t slot, size_t size, bool leak) {
    Object* fresh = nullptr;
    if (size > 0) {
      fresh = static_cast<Object*>(malloc(size));
      std::memset(static_cast<void*>(fresh), 0x5a, size);
      fresh->size = size;
      live_.fetch_add(size, std::memory_order_relaxed);
    }
    // The object's bytes go with it from thread to thread.
    Object* old = slots_[slot].exchange(fresh, std::memory_order_acq_rel);
    if (old == nullptr) return;
    live_.fetch_sub(old->size, std::memory_order_relaxed);
    if (!leak) free(old);
  }
  size_t live() const { return live_.load(std::memory_order_relaxed); }

 private:
  std::atomic<Object*>* slots_;
  std::atomic<size_t> live_{0};
};

size_t RandomSize(Random& random) {
  const size_t most = random.Below(500) == 0 ? kMiB : 16 * testlib::kKiB;
  return std::max(sizeof(Object), testlib::LogUniformSize(random, most));
}

struct Load {
  Table table;
  std::atomic<size_t> target{0};  // live bytes
  std::atomic<bool> stop{false};
};

void Step(Load& load, Random& random) {
  const size_t slot = random.Below(kSlots);
  if (slot < kLongLived && random.Below(kLongLife) != 0) return;
  const bool leak = random.Below(1000) < absl::GetFlag(FLAGS_leak);
  const bool grow = load.table.live() < load.target.load(std::memory_order_relaxed);
  load.table.Replace(slot, grow ? RandomSize(random) : 0, leak);
}

// A thousand steps, then a pause that leaves its share of the processor to others.
void Work(Load& load, uint64_t seed) {
  Random random(seed);
  const double busy = absl::GetFlag(FLAGS_busy);
  while (!load.stop.load(std::memory_order_relaxed)) {
    const auto start = Clock::now();
    for (int step = 0; step < 1000; ++step) Step(load, random);
    const double worked = SecondsSince(start);
    const double pause = std::min(worked / busy - worked, 0.1);
    std::this_thread::sleep_for(std::chrono::duration<double>(pause));
  }
}

// Up for four fifths of the tooth, then down.
size_t TargetAt(double phase) {
  const double low = static_cast<double>(absl::GetFlag(FLAGS_low_mib));
  const double high = static_cast<double>(absl::GetFlag(FLAGS_high_mib));
  const double height = phase < 0.8 ? phase / 0.8 : (1 - phase) / 0.2;
  return static_cast<size_t>((low + (high - low) * height) * static_cast<double>(kMiB));
}

// One tooth: means and peaks of its samples, in MiB.
struct Tooth {
  double end_s = 0;
  double live = 0;
  double rss = 0;
  double peak_rss = 0;

  double Ratio() const { return live == 0 ? 0 : rss / live; }
};

double InMib(size_t bytes) { return static_cast<double>(bytes) / static_cast<double>(kMiB); }

Tooth MeasureTooth(Load& load, Clock::time_point start, size_t rss_before) {
  const double length = absl::GetFlag(FLAGS_tooth);
  const auto begin = Clock::now();
  std::vector<double> live, rss;
  for (double at = 0; at < length; at = SecondsSince(begin)) {
    load.target.store(TargetAt(at / length), std::memory_order_relaxed);
    std::this_thread::sleep_for(kSample);
    const size_t resident = testlib::ResidentBytes();
    live.push_back(InMib(load.table.live()));
    rss.push_back(InMib(resident - std::min(rss_before, resident)));
  }
  return {SecondsSince(start), Mean(live), Mean(rss), *std::max_element(rss.begin(), rss.end())};
}

std::vector<Tooth> Run() {
  auto* load = new Load;
  const size_t rss_before = testlib::ResidentBytes();
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < absl::GetFlag(FLAGS_threads); ++i) {
    threads.emplace_back(Work, std::ref(*load), absl::GetFlag(FLAGS_seed) + i);
  }
  const auto start = Clock::now();
  std::vector<Tooth> teeth;
  std::printf("%8s  %9s  %9s  %13s  %8s\n", "seconds", "live MiB", "RSS MiB", "peak RSS MiB",
              "RSS/live");
  while (SecondsSince(start) < absl::GetFlag(FLAGS_minutes) * 60) {
    teeth.push_back(MeasureTooth(*load, start, rss_before));
    const Tooth& tooth = teeth.back();
    std::printf("%8.1f  %9.1f  %9.1f  %13.1f  %8.3f\n", tooth.end_s, tooth.live, tooth.rss,
                tooth.peak_rss, tooth.Ratio());
    std::fflush(stdout);
  }
  load->stop = true;
  for (std::thread& thread : threads) thread.join();
  return teeth;
}

std::string AllocatorName() {
  return testlib::OnHz3() ? std::string("hz3-") + testlib::Hz3Lane() : "libc";
}

std::string Json(const std::vector<Tooth>& teeth, double growth, bool flat) {
  bench::JsonWriter json;
  json.BeginObject();
  json.Key("allocator");
  json.String(AllocatorName());
  json.Key("seed");
  json.Uint(absl::GetFlag(FLAGS_seed));
  json.Key("growth");
  json.Double(growth);
  json.Key("flat");
  json.Bool(flat);
  json.Key("teeth");
  json.BeginArray();
  for (const Tooth& tooth : teeth) {
    json.BeginObject();
    json.Key("end_s");
    json.Double(tooth.end_s);
    json.Key("live_mib");
    json.Double(tooth.live);
    json.Key("rss_mib");
    json.Double(tooth.rss);
    json.Key("peak_rss_mib");
    json.Double(tooth.peak_rss);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return json.Text();
}

// One line when the flags make no sense.
std::string Mistake() {
  if (absl::GetFlag(FLAGS_threads) < 1 || absl::GetFlag(FLAGS_threads) > 64) {
    return "--threads must be from 1 to 64";
  }
  if (!(absl::GetFlag(FLAGS_busy) > 0 && absl::GetFlag(FLAGS_busy) <= 1)) {
    return "--busy must be above 0 and up to 1";
  }
  if (absl::GetFlag(FLAGS_low_mib) < 1 ||
      absl::GetFlag(FLAGS_low_mib) > absl::GetFlag(FLAGS_high_mib)) {
    return "--low_mib must be from 1 to --high_mib";
  }
  if (!(absl::GetFlag(FLAGS_tooth) >= 0.5)) return "--tooth must be at least half a second";
  if (!(absl::GetFlag(FLAGS_minutes) * 60 >= 4 * absl::GetFlag(FLAGS_tooth))) {
    return "--minutes must hold at least four teeth";
  }
  return "";
}

int Main(int argc, char** argv) {
  bench::ParseToolFlagsOrExit(
      argc, argv, "Ages a heap under a sawtooth load and says whether RSS over live stays flat.\n");
  const std::string mistake = Mistake();
  if (!mistake.empty()) {
    std::fprintf(stderr, "soak: %s\n", mistake.c_str());
    return 2;
  }
  const std::vector<Tooth> teeth = Run();
  std::vector<double> ratios;
  for (const Tooth& tooth : teeth) ratios.push_back(tooth.Ratio());
  const double growth = RelativeGrowth(SecondHalf(ratios));
  const bool flat = growth * 100 <= absl::GetFlag(FLAGS_bound_pct);
  std::printf(
      "soak: %s: RSS/live %s, %+.1f %% over the second half (bound %.1f %%), mean %.3f, "
      "%.0f s of CPU\n",
      AllocatorName().c_str(), flat ? "is flat" : "GROWS", growth * 100,
      absl::GetFlag(FLAGS_bound_pct), Mean(SecondHalf(ratios)), bench::ProcessCpuTime().Total());
  if (absl::GetFlag(FLAGS_stats)) malloc_stats();
  const std::string file = absl::GetFlag(FLAGS_json);
  if (!file.empty() && !(std::ofstream(file) << Json(teeth, growth, flat))) {
    std::fprintf(stderr, "soak: cannot write %s\n", file.c_str());
    return 2;
  }
  return flat ? 0 : 1;
}

}  // namespace
}  // namespace hz3::stress

int main(int argc, char** argv) { return hz3::stress::Main(argc, argv); }
