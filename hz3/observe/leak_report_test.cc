#include "hz3/observe/leak_report.h"

#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"

namespace hz3 {
namespace {

class LeakReportTest : public ::testing::Test {
 protected:
  // Calls from different depths are different sites.
  __attribute__((noinline)) void NoteAt(unsigned depth, uintptr_t block, size_t bytes) {
    if (depth > 0) {
      NoteAt(depth - 1, block, bytes);
    } else {
      EXPECT_TRUE(profile_.NoteAllocation(reinterpret_cast<const void*>(block), bytes));
    }
    asm volatile("" : : : "memory");
  }
  // Callers of different numbers are different ones, whatever the compiler merges.
  template <int kCaller>
  __attribute__((noinline)) void NoteFrom(unsigned depth, uintptr_t block, size_t bytes) {
    NoteAt(depth, block, bytes);
    asm volatile("# %0" : : "i"(kCaller) : "memory");
  }
  std::string Report() {
    const int fd = memfd_create("report", 0);
    PrintLeakReport(profile_, fd);
    std::string text(static_cast<size_t>(lseek(fd, 0, SEEK_END)), '\0');
    EXPECT_EQ(pread(fd, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    close(fd);
    return text;
  }

  FakeOsMemory os_;
  HeapProfile profile_;
};

TEST_F(LeakReportTest, WithNothingLeftItIsOneLine) {
  ASSERT_TRUE(profile_.Start(os_, 1));
  EXPECT_EQ(Report(), "hz3: 0 bytes in 0 blocks were not freed\n");
}

TEST_F(LeakReportTest, AnEstimateSaysThatItIsOne) {
  ASSERT_TRUE(profile_.Start(os_, 100));
  NoteAt(0, 16, 1'000'000);
  EXPECT_TRUE(
      Report().starts_with("hz3: 1000000 bytes in 1 blocks were not freed "
                           "(estimated from 1 samples, one every 100 bytes)\n"));
}

#if defined(__GLIBC__)
TEST_F(LeakReportTest, SitesComeByTheirBytesAndAmongEqualsInTheOrderOfTheirFirstBlock) {
  ASSERT_TRUE(profile_.Start(os_, 1));
  NoteAt(1, 16, 100);
  NoteAt(2, 32, 300);
  // One call, which the compiler cannot make two of.
  const volatile uintptr_t last = 64;
  for (uintptr_t block = 48; block <= last; block += 16) NoteAt(3, block, block == 48 ? 200 : 100);
  const std::string report = Report();
  EXPECT_TRUE(report.starts_with("hz3: 700 bytes in 4 blocks were not freed\n"));
  const size_t first = report.find("\n  300 bytes in 1 blocks, allocated by\n    0x");
  const size_t second = report.find("\n  300 bytes in 2 blocks, allocated by\n    0x");
  const size_t third = report.find("\n  100 bytes in 1 blocks, allocated by\n    0x");
  ASSERT_NE(third, std::string::npos) << report;
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
}

TEST_F(LeakReportTest, OfManySitesTheLargestArePrinted) {
  ASSERT_TRUE(profile_.Start(os_, 1));
  // 40 depths below each of two callers.
  for (unsigned i = 0; i < 40; ++i) NoteFrom<1>(i, 16 * i + 16, 100 + i);
  for (unsigned i = 40; i < 80; ++i) NoteFrom<2>(i - 40, 16 * i + 16, 100 + i);
  const std::string report = Report();
  size_t sites = 0;
  for (size_t at = 0; (at = report.find(" blocks, allocated by", at)) != std::string::npos; ++at) {
    ++sites;
  }
  EXPECT_EQ(sites, kMaxLeaks);
  EXPECT_NE(report.find("\n  179 bytes"), std::string::npos);
  EXPECT_EQ(report.find("\n  100 bytes"), std::string::npos);
  EXPECT_TRUE(report.ends_with("  and others, each of fewer bytes\n"));
}
#endif

}  // namespace
}  // namespace hz3
