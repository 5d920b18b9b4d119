#include "hz3/base/os_memory.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "hz3/base/platform.h"
#include "hz3/base/words.h"

namespace hz3 {
namespace {

constexpr size_t kBytes = 16 * kPageSize;

// The kernel's memory, a range of it, released at the end.
class SystemMemoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    start_ = static_cast<char*>(os_.Reserve(kBytes, kPageSize));
    ASSERT_NE(start_, nullptr);
  }
  void TearDown() override { os_.Release(start_, kBytes); }

  OsMemory& os_ = SystemMemory();
  char* start_ = nullptr;
};

using SystemMemoryDeathTest = SystemMemoryTest;

bool AllZero(const char* p, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    if (p[i] != 0) return false;
  }
  return true;
}

TEST_F(SystemMemoryTest, ReservesAlignedRangesOfAnyPowerOfTwo) {
  for (size_t align = kPageSize; align <= (size_t{1} << 30); align *= 2) {
    void* p = os_.Reserve(kSegmentSize, align);
    ASSERT_NE(p, nullptr) << align;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % align, 0u);
    os_.Release(p, kSegmentSize);
  }
}

TEST_F(SystemMemoryTest, KeepsErrnoAndSaysNoToWhatCannotBeReserved) {
  if (getenv("HZ3_EMULATOR") != nullptr) {
    GTEST_SKIP() << "qemu-user takes madvise, mremap and RLIMIT_AS without doing anything";
  }
  errno = 99;
  EXPECT_EQ(os_.Reserve(size_t{1} << 60, kPageSize), nullptr);
  EXPECT_EQ(os_.Reserve(SIZE_MAX - kPageSize + 1, kSegmentSize), nullptr);
  // A page nobody has: both refuse.
  char* none = static_cast<char*>(os_.Reserve(kPageSize, kPageSize));
  ASSERT_NE(none, nullptr);
  os_.Release(none, kPageSize);
  EXPECT_FALSE(os_.Commit(none, kPageSize));
  EXPECT_FALSE(os_.Purge(none, kPageSize));
  EXPECT_EQ(errno, 99);
}

TEST_F(SystemMemoryTest, CommittedMemoryReadsAsZeroAndHoldsWhatIsWritten) {
  ASSERT_TRUE(os_.Commit(start_, kBytes));
  EXPECT_TRUE(AllZero(start_, kBytes));
  memset(start_, 0x5a, kBytes);
  // Committing it again changes nothing.
  ASSERT_TRUE(os_.Commit(start_, kBytes));
  EXPECT_EQ(start_[kBytes - 1], 0x5a);
}

TEST_F(SystemMemoryTest, PurgedPagesReadAsZeroAndTheirNeighboursKeepTheirBytes) {
  ASSERT_TRUE(os_.Commit(start_, kBytes));
  memset(start_, 0x5a, kBytes);
  ASSERT_TRUE(os_.Purge(start_ + kPageSize, 2 * kPageSize));
  EXPECT_EQ(start_[kPageSize - 1], 0x5a);
  EXPECT_TRUE(AllZero(start_ + kPageSize, 2 * kPageSize));
  EXPECT_EQ(start_[3 * kPageSize], 0x5a);
  start_[kPageSize] = 1;  // still committed
}

TEST_F(SystemMemoryTest, ResidentPagesAreThoseThatWereTouched) {
  ASSERT_TRUE(os_.Commit(start_, kBytes));
  EXPECT_EQ(os_.ResidentPages(start_, kBytes), 0u);
  start_[0] = 1;
  start_[5 * kPageSize] = 1;
  EXPECT_EQ(os_.ResidentPages(start_, kBytes), 2u);
  EXPECT_EQ(os_.ResidentPages(start_ + kPageSize, 4 * kPageSize), 0u);
  ASSERT_TRUE(os_.Purge(start_, kBytes));
  EXPECT_EQ(os_.ResidentPages(start_, kBytes), 0u);
}

TEST_F(SystemMemoryTest, PopulatedPagesAreInMemoryAndKeepWhatTheyHold) {
  ASSERT_TRUE(os_.Commit(start_, kBytes));
  start_[kPageSize] = 0x5a;
  errno = 7;
  const std::optional<uint64_t> populated = os_.Populate(start_, 4 * kPageSize);
  EXPECT_EQ(errno, 7);
  EXPECT_GT(populated.value_or(1), 0u) << "it takes time";
  EXPECT_EQ(start_[kPageSize], 0x5a);
  EXPECT_TRUE(AllZero(start_ + 2 * kPageSize, 2 * kPageSize));
  if (!populated) GTEST_SKIP() << "this kernel does not populate pages (MADV_POPULATE_WRITE)";
  if (getenv("HZ3_EMULATOR") != nullptr) {
    GTEST_SKIP() << "the emulator takes madvise without doing anything";
  }
  EXPECT_EQ(os_.ResidentPages(start_ + 4 * kPageSize, 4 * kPageSize), 0u);
  ASSERT_TRUE(os_.Purge(start_, kBytes));
  ASSERT_TRUE(os_.Populate(start_, 4 * kPageSize));
  EXPECT_EQ(os_.ResidentPages(start_, kBytes), 4u);
}

// Of the huge pages in the mapping of `p`, in KiB, as smaps in proc(5) has it.
size_t HugeKibAt(const char* p) {
  std::ifstream maps("/proc/self/smaps");
  std::string line;
  bool here = false;
  while (std::getline(maps, line)) {
    unsigned long first;
    unsigned long last;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &first, &last) == 2) {
      const uintptr_t address = reinterpret_cast<uintptr_t>(p);
      here = first <= address && address < last;
    }
    unsigned long kib;
    if (here && std::sscanf(line.c_str(), "AnonHugePages: %lu kB", &kib) == 1) return kib;
  }
  return 0;
}

TEST(SystemMemory, ASlotGetsAHugePageWhereTheKernelHasOne) {
  OsMemory& os = SystemMemory();
  char* const slots = static_cast<char*>(os.Reserve(3 * kSegmentSize, kSegmentSize));
  ASSERT_NE(slots, nullptr);
  ASSERT_TRUE(os.Commit(slots, 3 * kSegmentSize));
  madvise(slots, kSegmentSize, MADV_HUGEPAGE);
  slots[0] = 1;
  const bool has_one = HugeKibAt(slots) > 0;
  if (has_one) {
    ASSERT_TRUE(os.PopulateHuge(slots + 2 * kSegmentSize));
    EXPECT_EQ(HugeKibAt(slots + 2 * kSegmentSize), kSegmentSize >> 10);
  }
  os.Release(slots, 3 * kSegmentSize);
  if (!has_one) {
    GTEST_SKIP() << "SKIP: MADV_HUGEPAGE gets no huge page here (transparent_hugepage/enabled is "
                    "never, or none is free), so there is nothing to compare with";
  }
}

TEST(SystemMemory, ASlotIsPopulatedAsAWholeAndKeepsWhatItHolds) {
  OsMemory& os = SystemMemory();
  char* const slots = static_cast<char*>(os.Reserve(2 * kSegmentSize, kSegmentSize));
  ASSERT_NE(slots, nullptr);
  ASSERT_TRUE(os.Commit(slots, 2 * kSegmentSize));
  slots[kPageSize] = 0x5a;
  errno = 7;
  const auto before = std::chrono::steady_clock::now();
  const std::optional<uint64_t> populated = os.PopulateHuge(slots);
  const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - before;
  EXPECT_EQ(errno, 7);
  if (populated) {
    EXPECT_GT(*populated, 0u);
    EXPECT_LE(*populated, static_cast<uint64_t>(took.count()) + 1'000'000) << "two clocks";
  }
  EXPECT_EQ(slots[kPageSize], 0x5a);
  EXPECT_TRUE(AllZero(slots + 2 * kPageSize, kSegmentSize - 2 * kPageSize));
  if (populated && getenv("HZ3_EMULATOR") == nullptr) {
    // Advice that stayed would let the kernel fill the slot again.
    ASSERT_TRUE(os.Purge(slots, kSegmentSize));
    slots[0] = 1;
    EXPECT_EQ(os.ResidentPages(slots, kSegmentSize), 1u);
    ASSERT_TRUE(os.PopulateHuge(slots));
    EXPECT_EQ(os.ResidentPages(slots, kSegmentSize), kPagesPerSegment);
    EXPECT_EQ(os.ResidentPages(slots + kSegmentSize, kSegmentSize), 0u);
    EXPECT_EQ(slots[0], 1);
  }
  os.Release(slots, 2 * kSegmentSize);
}

TEST_F(SystemMemoryTest, MovedPagesAreAtTheirNewPlaceAndTheOldOneReadsAsZero) {
  ASSERT_TRUE(os_.Commit(start_, kBytes));
  memset(start_, 0x5a, 4 * kPageSize);
  if (!os_.Move(start_, start_ + 8 * kPageSize, 4 * kPageSize)) {
    // What a kernel before 5.7 answers: then nothing may have changed.
    EXPECT_EQ(start_[0], 0x5a);
    EXPECT_TRUE(AllZero(start_ + 8 * kPageSize, 4 * kPageSize));
    GTEST_SKIP() << "this kernel does not move pages (MREMAP_DONTUNMAP)";
  }
  for (size_t i = 0; i < 4 * kPageSize; ++i) ASSERT_EQ(start_[8 * kPageSize + i], 0x5a);
  EXPECT_TRUE(AllZero(start_, 4 * kPageSize));
  memset(start_, 1, 4 * kPageSize);  // stays committed
  memset(start_ + 8 * kPageSize, 2, 4 * kPageSize);
  EXPECT_EQ(start_[0], 1);
}

TEST_F(SystemMemoryDeathTest, ReservedMemoryCannotBeTouchedAndReadableMemoryNotWritten) {
  volatile char* p = start_;
  // EXPECT_DEATH, not the signal: a sanitizer's runtime reports it and exits.
  EXPECT_DEATH(static_cast<void>(*p), "");
  ASSERT_TRUE(os_.MakeReadable(start_, kPageSize));
  EXPECT_EQ(*p, 0);
  EXPECT_DEATH(*p = 1, "");
}

TEST(Machine, HasMemoryAndProcessors) {
  EXPECT_GT(PhysicalMemoryBytes(), size_t{64} << 20);
  EXPECT_GE(UsableCpus(), 1u);
}

TEST(OsCountersTest, CallsThatChangeWhatIsCommittedAreCountedWithTheirTime) {
  OsMemory& os = SystemMemory();
  void* start = os.Reserve(kBytes, kPageSize);
  ASSERT_NE(start, nullptr);
  const uint64_t calls = os_counters.calls;
  const uint64_t ns = os_counters.ns;
  ASSERT_TRUE(os.Commit(start, kBytes));
  memset(start, 1, kBytes);
  ASSERT_TRUE(os.Purge(start, kBytes));
  EXPECT_EQ(os_counters.calls, calls + 2);
  EXPECT_GT(os_counters.ns, ns);
  os.Release(start, kBytes);
}

TEST(Machine, AddressSpaceLeftFollowsRlimitAs) {
  if (getenv("HZ3_EMULATOR") != nullptr) {
    GTEST_SKIP() << "qemu-user takes madvise, mremap and RLIMIT_AS without doing anything";
  }
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  if (before.rlim_cur != RLIM_INFINITY) GTEST_SKIP() << "RLIMIT_AS is set from outside";
#if HZ3_UNDER_ASAN || HZ3_UNDER_TSAN
  GTEST_SKIP() << "the sanitizer's own mappings are larger than any limit";
#endif
  EXPECT_EQ(AddressSpaceLeft(), SIZE_MAX);
  constexpr size_t kLimit = size_t{1} << 40;
  rlimit limited = before;
  limited.rlim_cur = kLimit;
  ASSERT_EQ(setrlimit(RLIMIT_AS, &limited), 0);
  const size_t left = AddressSpaceLeft();
  OsMemory& os = SystemMemory();
  void* more = os.Reserve(size_t{1} << 30, kPageSize);
  const size_t left_after = AddressSpaceLeft();
  ASSERT_EQ(setrlimit(RLIMIT_AS, &before), 0);
  ASSERT_NE(more, nullptr);
  os.Release(more, size_t{1} << 30);
  EXPECT_LT(left, kLimit);
  EXPECT_GT(left, size_t{0});
  EXPECT_LE(left_after + (size_t{1} << 30), left);
}

}  // namespace
}  // namespace hz3
