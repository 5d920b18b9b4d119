#include "bench/workloads/rounding.h"

#include <dlfcn.h>
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "bench/lib/runfiles.h"
#include "bench/lib/sanitizers.h"
#include "bench/lib/subprocess.h"
#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

std::string argv0;

// The classes written out: every multiple of 16 up to 256, then eight a doubling, and 1056.
std::vector<uint64_t> Classes() {
  std::vector<uint64_t> sizes;
  for (uint64_t size = 16; size <= 256; size += 16) sizes.push_back(size);
  for (uint64_t octave = 256; octave < 4096; octave *= 2) {
    if (octave == 1024) sizes.push_back(1056);
    for (uint64_t part = 1; part <= 8; ++part) sizes.push_back(octave + octave / 8 * part);
  }
  return sizes;
}

uint64_t ByTable(uint64_t n) {
  const std::vector<uint64_t> sizes = Classes();
  return *std::lower_bound(sizes.begin(), sizes.end(), n);
}

TEST(RoundedSize, IsTheNextClassUpTo2048AndWholePagesAbove) {
  for (uint64_t n = 0; n <= 2048; ++n) ASSERT_EQ(RoundedSize(n), ByTable(n)) << n;
  for (uint64_t n = 2049; n <= 70000; ++n) ASSERT_EQ(RoundedSize(n), (n + 4095) / 4096 * 4096);
  EXPECT_EQ(RoundedSize(uint64_t{1} << 40), uint64_t{1} << 40);
}

TEST(StrictSize, DiffersOnlyBetween2048And3840) {
  for (uint64_t n = 0; n <= 70000; ++n) {
    const bool class_below_a_page = n > 2048 && n <= 3840;
    ASSERT_EQ(StrictSize(n), class_below_a_page ? ByTable(n) : RoundedSize(n)) << n;
  }
}

TEST(MeanRoundedSize, IsTheMeanOfAllSizes) {
  EXPECT_EQ(MeanRoundedSize(16, 16), 16u);
  EXPECT_EQ(MeanRoundedSize(16, 17), 24u);
  EXPECT_EQ(MeanRoundedSize(4097, 8192), 8192u);
  EXPECT_EQ(MeanRoundedSize(4096, 8192), (4096 + 4096 * 8192) / 4097);
}

// Prints the first size, from 1 on (blocks of 0 bytes lie elsewhere), for which the preloaded malloc
// gives another size than StrictSize.
int Probe() {
  for (uint64_t n = 1; n <= kMaxSmallClass; ++n) {
    void* pointer = std::malloc(n);
    const uint64_t got = malloc_usable_size(pointer);
    std::free(pointer);
    if (got == StrictSize(n)) continue;
    std::printf("%llu bytes take %llu\n", static_cast<unsigned long long>(n),
                static_cast<unsigned long long>(got));
    return 1;
  }
  std::printf("%s\n", dlsym(RTLD_DEFAULT, "hz3_version") != nullptr ? "as hz3" : "no hz3");
  return 0;
}

TEST(StrictSize, IsWhatHz3Takes) {
  if (kSanitizerOwnsMalloc) GTEST_SKIP() << "hz3 cannot be preloaded beside a sanitizer";
  const std::string library = FindRunfile(argv0, "hz3/libhakozuna_hz3_scale.so");
  ASSERT_NE(library, "");
  const RunResult run = RunCommand(
      {.argv = {"/proc/self/exe", "--probe"}, .env = {{"LD_PRELOAD", library}}, .timeout_s = 60});
  EXPECT_TRUE(run.Succeeded()) << run.EndText() << run.err << run.out;
  EXPECT_EQ(run.out, "as hz3\n");
}

}  // namespace
}  // namespace hz3::bench

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--probe") return hz3::bench::Probe();
  testing::InitGoogleTest(&argc, argv);
  hz3::bench::argv0 = argv[0];
  return RUN_ALL_TESTS();
}
