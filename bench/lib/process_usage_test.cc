#include "bench/lib/process_usage.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

TEST(ProcessUsage, CpuTimeGrowsWithWork) {
  const double before = ProcessCpuTime().Total();
  volatile uint64_t sink = 0;
  while (ProcessCpuTime().Total() - before < 0.02) {
    for (int i = 0; i < 10'000; ++i) sink = sink + 1;
  }
  EXPECT_GT(ProcessCpuTime().user_s, 0);
}

TEST(ProcessUsage, PeakRssKeepsWhatWasTouchedOnce) {
  constexpr size_t kBytes = 64 << 20;
  const uint64_t before = ResidentBytes(getpid());
  ASSERT_GT(before, 0u);
  void* memory = std::malloc(kBytes);
  std::memset(memory, 1, kBytes);
  EXPECT_GE(ResidentBytes(getpid()), kBytes);
  std::free(memory);
  EXPECT_GE(PeakRssBytes(), kBytes);
}

TEST(ProcessUsage, TheMachineHasMemoryLeft) { EXPECT_GT(AvailableMemoryBytes(), 1u << 20); }

TEST(ProcessUsage, AProcessThatIsNotThereHasNoMemory) { EXPECT_EQ(ResidentBytes(0x3fffffff), 0u); }

}  // namespace
}  // namespace hz3::bench
