// A fixed-seed run of one thread that says, by hz3's own figures, what its caches hold and whether
// every page and slot comes back once everything is freed. Nothing in it depends on time.
#include <dlfcn.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
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

// Sizes that hz3 keeps in bins of one kind: from 1 << smallest_log2 to 1 << largest_log2.
struct Kind {
  const char* cached;  // the figure
  unsigned smallest_log2;
  unsigned largest_log2;
};
constexpr Kind kKinds[] = {
    {"cached_small_bytes", 4, 11}, {"cached_medium_bytes", 12, 15}, {"cached_wide_bytes", 15, 20}};

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

// Log-uniform: as many blocks of 16 to 32 bytes as of 1024 to 2048.
size_t SizeOf(const Kind& kind, uint64_t draw) {
  const unsigned log2 = kind.smallest_log2 + bench::ScaleTo(bench::HighHalf(draw),
                                                            kind.largest_log2 - kind.smallest_log2);
  const size_t base = size_t{1} << log2;
  return base + bench::ScaleTo(bench::LowHalf(draw), static_cast<uint32_t>(base));
}

// Toggles between two looks at what is cached. Bins fill and are halved, so one look says little,
// and neither does the highest: a single block more can shift all of them.
constexpr uint64_t kLookEvery = 1'000;

class Mixer {
 public:
  Mixer(const Hz3& hz3, uint64_t seed) : hz3_(hz3), rng_(seed), slots_(kSlots) {}

  // Returns what was cached on average.
  int64_t Toggle(const Kind& kind, uint64_t times) {
    int64_t cached = 0;
    int64_t looks = 0;
    for (uint64_t i = 0; i < times; ++i) {
      if (i % kLookEvery == 0) {
        cached += Figures(hz3_).Of("cached_bytes");
        ++looks;
      }
      void*& slot = slots_[bench::ScaleTo(bench::HighHalf(rng_.Next()), kSlots)];
      if (slot == nullptr) {
        slot = std::malloc(SizeOf(kind, rng_.Next()));
        failed_ += slot == nullptr;
      } else {
        std::free(slot);
        slot = nullptr;
      }
    }
    return cached / std::max<int64_t>(looks, 1);
  }

  void FreeAll() {
    for (void*& slot : slots_) {
      std::free(slot);
      slot = nullptr;
    }
  }

  uint64_t failed() const { return failed_; }

 private:
  const Hz3& hz3_;
  bench::Rng rng_;
  bench::MappedArray<void*> slots_;
  uint64_t failed_ = 0;
};

bench::Report Measure(const Hz3& hz3, uint64_t toggles, uint64_t seed) {
  Mixer mixer(hz3, seed);
  hz3.purge();
  const Figures before(hz3);
  int64_t cached[std::size(kKinds)];
  for (size_t i = 0; i < std::size(kKinds); ++i) {
    cached[i] = mixer.Toggle(kKinds[i], toggles);
    mixer.FreeAll();
    hz3.purge();
  }
  const Figures after(hz3);
  bench::Report report;
  report.Line("run");
  report.Add("malloc", bench::MallocProvider());
  report.Add("toggles", toggles);
  report.Add("seed", seed);
  report.Line("memory");
  report.Add("alloc_failed", mixer.failed());
  for (size_t i = 0; i < std::size(kKinds); ++i) report.Add(kKinds[i].cached, cached[i]);
  report.Add("metadata_bytes", after.Of("metadata_bytes"));
  report.Add("peak_committed_bytes", after.Of("peak_committed_bytes"));
  report.Line("after");
  report.Add("lost_bytes", after.LiveBytes() - before.LiveBytes());
  report.Add("lost_slots", before.KnownSlots() - after.KnownSlots());
  return report;
}

int Main(int argc, char** argv) {
  uint64_t toggles = 4'000'000;
  uint64_t seed = 1;
  bench::PlainArgs args(kDescription);
  args.Number("toggles", "times that a random slot is filled or emptied, for each kind of bin",
              {1, uint64_t{1} << 40}, &toggles);
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
