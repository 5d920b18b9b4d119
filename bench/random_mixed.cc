// One thread that keeps `ws` slots and, each iteration, fills an empty one with a malloc of a
// random size or frees a full one: mt_remote without its rings. One op is one malloc or one free.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench/lib/block.h"
#include "bench/lib/machine.h"
#include "bench/lib/mapped_array.h"
#include "bench/lib/plain_args.h"
#include "bench/lib/process_usage.h"
#include "bench/lib/report.h"
#include "bench/lib/rng.h"

namespace hz3::bench {
namespace {

struct Options {
  uint64_t iters = 0;
  uint64_t ws = 0;
  uint64_t min_size = 0;
  uint64_t max_size = 0;
  uint64_t seed = 1;
  Writes writes = Writes::kNothing;
};

struct Result {
  uint64_t allocs = 0;
  uint64_t frees = 0;
  uint64_t alloc_failed = 0;
  uint64_t live_bytes = 0;
  uint64_t peak_live_bytes = 0;
  double seconds = 0;
  double cpu_s = 0;
  uint64_t peak_rss_bytes = 0;
};

class Mixer {
 public:
  explicit Mixer(const Options& options)
      : options_(options), rng_(options.seed), slots_(options.ws) {
    // The slots belong to the bench: resident before the measured part.
    for (Block& slot : slots_) slot = {nullptr, 1};
  }

  Result Run() {
    const double cpu_before = ProcessCpuTime().Total();
    const auto begin = std::chrono::steady_clock::now();
    for (uint64_t i = 0; i < options_.iters; ++i) Iterate();
    result_.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    result_.cpu_s = ProcessCpuTime().Total() - cpu_before;
    result_.peak_rss_bytes = PeakRssBytes();
    const Result measured = result_;
    for (Block& slot : slots_) {
      if (slot.pointer != nullptr) Empty(&slot);
    }
    return measured;
  }

  uint64_t live_bytes() const { return result_.live_bytes; }

 private:
  void Iterate() {
    const uint64_t draw = rng_.Next();
    Block& slot = slots_[ScaleTo(HighHalf(draw), static_cast<uint32_t>(options_.ws))];
    if (slot.pointer == nullptr) {
      Fill(&slot, LowHalf(draw));
    } else {
      Empty(&slot);
    }
  }

  void Fill(Block* slot, uint32_t bits) {
    const uint64_t sizes = options_.max_size - options_.min_size + 1;
    slot->size = options_.min_size + ScaleTo(bits, static_cast<uint32_t>(sizes));
    slot->pointer = std::malloc(slot->size);
    if (slot->pointer == nullptr) {
      ++result_.alloc_failed;
      return;
    }
    ++result_.allocs;
    result_.live_bytes += slot->size;
    if (result_.live_bytes > result_.peak_live_bytes) result_.peak_live_bytes = result_.live_bytes;
    WriteBlock(*slot, options_.writes);
  }

  void Empty(Block* slot) {
    std::free(slot->pointer);
    slot->pointer = nullptr;
    result_.live_bytes -= slot->size;
    ++result_.frees;
  }

  const Options options_;
  Rng rng_;
  MappedArray<Block> slots_;
  Result result_;
};

Report MakeReport(const Options& options, const Result& result, uint64_t live_after_cleanup) {
  const uint64_t ops = result.allocs + result.frees;
  Report report;
  report.Line("run");
  report.Add("malloc", MallocProvider());
  report.Add("iters", options.iters);
  report.Add("ws", options.ws);
  report.Add("min", options.min_size);
  report.Add("max", options.max_size);
  report.Add("writes", std::string(WritesName(options.writes)));
  report.Add("seed", options.seed);
  report.Line("speed");
  report.Add("ops", ops);
  report.Add("seconds", result.seconds);
  report.Add("ops_per_s", static_cast<double>(ops) / result.seconds);
  report.Add("cpu_ns_per_op", result.cpu_s * 1e9 / static_cast<double>(ops));
  report.Line("memory");
  report.Add("alloc_failed", result.alloc_failed);
  report.Add("peak_live_bytes", result.peak_live_bytes);
  report.Add("peak_rss_bytes", result.peak_rss_bytes);
  report.Add("own_rss_bytes", options.ws * sizeof(Block));
  report.Add("live_after_cleanup", live_after_cleanup);
  return report;
}

// The line that says why the options cannot run here.
std::string WhyNotRunnable(const Options& options) {
  if (options.min_size > options.max_size) return "min must not be greater than max";
  const uint64_t available = AvailableMemoryBytes();
  const bool written = options.writes != Writes::kNothing;
  if (written && available != 0 && options.ws > available / options.max_size) {
    return "written blocks could take more memory than is available; lower ws or max";
  }
  return "";
}

int Main(int argc, char** argv) {
  constexpr Range kSizes = {1, (uint64_t{1} << 32) - 1};
  Options options;
  bool touch = false;
  bool fill = false;
  std::string json;
  PlainArgs args(
      "One thread fills and empties slots with blocks of random sizes.\n"
      "Start it with LD_PRELOAD=<allocator> to measure that allocator.\n");
  args.Required("iters", "iterations", {1, uint64_t{1} << 40}, &options.iters);
  args.Required("ws", "slots", {1, uint64_t{1} << 26}, &options.ws);
  args.Required("min", "smallest block in bytes", kSizes, &options.min_size);
  args.Required("max", "largest block in bytes", kSizes, &options.max_size);
  args.Switch("touch", "write the first and last byte of each block", &touch);
  args.Switch("fill", "write all bytes of each block", &fill);
  args.Number("seed", "of the random numbers", {0, UINT64_MAX}, &options.seed);
  args.Text("json", "write the result there too", &json);
  ParseOrExit(&args, argc, argv);
  options.writes = WritesFrom(touch, fill);
  if (const std::string reason = WhyNotRunnable(options); !reason.empty()) {
    std::fprintf(stderr, "random_mixed: %s\n", reason.c_str());
    return 2;
  }

  Mixer mixer(options);
  const Result result = mixer.Run();
  const Report report = MakeReport(options, result, mixer.live_bytes());
  std::printf("machine: %s\n%s", ToString(ThisMachine()).c_str(), report.Text().c_str());
  return WriteJsonReport(report, json) ? 0 : 2;
}

}  // namespace
}  // namespace hz3::bench

int main(int argc, char** argv) { return hz3::bench::Main(argc, argv); }
