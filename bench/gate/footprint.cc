// A fixed-seed run of one thread that says, by hz3's own figures, what its caches hold and whether
// every page and slot comes back once everything is freed. Nothing in it depends on time.
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "bench/lib/machine.h"
#include "bench/lib/mapped_array.h"
#include "bench/lib/plain_args.h"
#include "bench/lib/report.h"
#include "bench/lib/rng.h"

namespace hz3::gate {
namespace {

constexpr char kDescription[] =
    "Allocates and frees blocks of 16 bytes to 1 MiB, then frees them all, and prints hz3's own\n"
    "figures. Start it with LD_PRELOAD=<a library of hz3>.\n";

constexpr unsigned kSlots = 4'000;
constexpr unsigned kSmallestLog2 = 4;
constexpr unsigned kLargestLog2 = 20;

struct Hz3 {
  size_t (*stats_json)(char* buffer, size_t size);
  size_t (*purge)();
};

template <typename Function>
bool Find(const char* name, Function* function) {
  *function = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
  return *function != nullptr;
}

// hz3's figures at one moment; taken without allocating.
class Figures {
 public:
  explicit Figures(const Hz3& hz3) { hz3.stats_json(text_, sizeof(text_)); }

  int64_t Of(const char* name) const {
    char key[64];
    std::snprintf(key, sizeof(key), "\"%s\": ", name);
    const char* at = std::strstr(text_, key);
    return at == nullptr ? 0 : std::strtoll(at + std::strlen(key), nullptr, 10);
  }

  int64_t LiveBytes() const { return Of("handed_out_bytes") - Of("cached_bytes"); }
  // Slots that are free or a shard's: all of the arena, as no block here takes whole slots.
  int64_t KnownSlots() const { return Of("free_slots") + Of("segments"); }

 private:
  char text_[16384] = {};
};

// Log-uniform: as many blocks of 16 to 32 bytes as of 512 KiB to 1 MiB.
size_t SizeOf(uint64_t draw) {
  const unsigned log2 =
      kSmallestLog2 + bench::ScaleTo(bench::HighHalf(draw), kLargestLog2 - kSmallestLog2);
  const size_t base = size_t{1} << log2;
  return base + bench::ScaleTo(bench::LowHalf(draw), static_cast<uint32_t>(base));
}

class Mixer {
 public:
  explicit Mixer(uint64_t seed) : rng_(seed), slots_(kSlots) {}

  void Toggle(uint64_t times) {
    for (uint64_t i = 0; i < times; ++i) {
      void*& slot = slots_[bench::ScaleTo(bench::HighHalf(rng_.Next()), kSlots)];
      if (slot == nullptr) {
        slot = std::malloc(SizeOf(rng_.Next()));
        failed_ += slot == nullptr;
      } else {
        std::free(slot);
        slot = nullptr;
      }
    }
  }

  void FreeAll() {
    for (void*& slot : slots_) {
      std::free(slot);
      slot = nullptr;
    }
  }

  uint64_t failed() const { return failed_; }

 private:
  bench::Rng rng_;
  bench::MappedArray<void*> slots_;
  uint64_t failed_ = 0;
};

bench::Report Measure(const Hz3& hz3, uint64_t toggles, uint64_t seed) {
  Mixer mixer(seed);
  hz3.purge();
  const Figures before(hz3);
  mixer.Toggle(toggles);
  mixer.FreeAll();
  const Figures full(hz3);
  hz3.purge();
  const Figures after(hz3);

  bench::Report report;
  report.Line("run");
  report.Add("malloc", bench::MallocProvider());
  report.Add("toggles", toggles);
  report.Add("seed", seed);
  report.Line("memory");
  report.Add("alloc_failed", mixer.failed());
  report.Add("cached_bytes", full.Of("cached_bytes"));
  report.Add("metadata_bytes", full.Of("metadata_bytes"));
  report.Add("peak_committed_bytes", full.Of("peak_committed_bytes"));
  report.Line("after");
  report.Add("lost_bytes", after.LiveBytes() - before.LiveBytes());
  report.Add("lost_slots", before.KnownSlots() - after.KnownSlots());
  return report;
}

int Main(int argc, char** argv) {
  uint64_t toggles = 400'000;
  uint64_t seed = 1;
  bench::PlainArgs args(kDescription);
  args.Number("toggles", "times that a random slot is filled or emptied", {1, uint64_t{1} << 40},
              &toggles);
  args.Number("seed", "of the random numbers", {0, UINT64_MAX}, &seed);
  ParseOrExit(&args, argc, argv);
  Hz3 hz3;
  if (!Find("hz3_stats_json", &hz3.stats_json) || !Find("hz3_purge", &hz3.purge)) {
    std::fprintf(stderr, "footprint: no library of hz3 is preloaded\n");
    return 2;
  }
  std::printf("%s", Measure(hz3, toggles, seed).Text().c_str());
  return 0;
}

}  // namespace
}  // namespace hz3::gate

int main(int argc, char** argv) { return hz3::gate::Main(argc, argv); }
