#include "hz3/observe/heap_profile.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"

namespace hz3 {
namespace {

constexpr size_t kInterval = 1000;

const void* Block(uintptr_t i) { return reinterpret_cast<const void*>(i * 16); }

class HeapProfileTest : public ::testing::Test {
 protected:
  __attribute__((noinline)) bool NoteHere(uintptr_t i, size_t bytes) {
    const bool noted = profile_.NoteAllocation(Block(i), bytes);
    asm volatile("" : : : "memory");
    return noted;
  }
  __attribute__((noinline)) bool NoteThere(uintptr_t i, size_t bytes) {
    const bool noted = profile_.NoteAllocation(Block(i), bytes);
    asm volatile("" : : : "memory");
    return noted;
  }

  FakeOsMemory os_;
  HeapProfile profile_;
};

TEST_F(HeapProfileTest, WithoutMemoryThereIsNoRun) {
  os_.Refuse(FakeOsMemory::kReserve);
  EXPECT_FALSE(profile_.Start(os_, kInterval));
  EXPECT_FALSE(profile_.sampling());
  EXPECT_FALSE(profile_.has_run());
  EXPECT_EQ(profile_.site_count(), 0u);
  os_.Allow(FakeOsMemory::kReserve);
  EXPECT_TRUE(profile_.Start(os_, kInterval));
}

TEST_F(HeapProfileTest, ASampleStandsForAsManyBlocksAsItsSizeSays) {
  ASSERT_TRUE(profile_.Start(os_, kInterval));
  for (const size_t bytes : {16u, 1000u, 100'000u}) {
    ASSERT_TRUE(NoteHere(1, bytes));
    const double expected = 1 / -std::expm1(-static_cast<double>(bytes) / kInterval);
    EXPECT_NEAR(profile_.GetSummary().live.objects, expected, 1e-9 * expected);
    EXPECT_NEAR(profile_.GetSummary().live.bytes, expected * static_cast<double>(bytes), 1e-3);
    profile_.NoteFree(Block(1));
    EXPECT_EQ(profile_.GetSummary().live.objects, 0);
  }
}

TEST_F(HeapProfileTest, AtAnIntervalOfOneByteEveryBlockStandsForItself) {
  ASSERT_TRUE(profile_.Start(os_, 1));
  ASSERT_TRUE(NoteHere(1, 16));
  EXPECT_EQ(profile_.GetSummary().live.objects, 1);
}

TEST_F(HeapProfileTest, PlacesOfTheProgramAreToldApart) {
  ASSERT_TRUE(profile_.Start(os_, 1));
  for (uintptr_t i = 1; i <= 10; ++i) ASSERT_TRUE(i <= 7 ? NoteHere(i, 16) : NoteThere(i, 32));
  std::vector<double> bytes;
  for (uint32_t i = 0; i < profile_.site_count(); ++i) {
    const double live = profile_.SiteAt(i).live.bytes;
    if (live > 0) bytes.push_back(live);
  }
#if defined(__GLIBC__)
  EXPECT_EQ(bytes, (std::vector<double>{7 * 16, 3 * 32}));
#endif
}

TEST_F(HeapProfileTest, ThePeakOutlivesTheBlocks) {
  ASSERT_TRUE(profile_.Start(os_, 1));
  for (uintptr_t i = 1; i <= 100; ++i) ASSERT_TRUE(NoteHere(i, 1000));
  for (uintptr_t i = 1; i <= 100; ++i) profile_.NoteFree(Block(i));
  const HeapProfile::Summary summary = profile_.GetSummary();
  EXPECT_EQ(summary.live.bytes, 0);
  EXPECT_EQ(summary.peak.bytes, 100'000);
  EXPECT_EQ(summary.allocated.objects, 100);
}

TEST_F(HeapProfileTest, FreesOfBlocksOfAnEarlierRunChangeNothing) {
  ASSERT_TRUE(profile_.Start(os_, 1));
  ASSERT_TRUE(NoteHere(1, 1000));
  ASSERT_TRUE(profile_.Start(os_, 1));
  ASSERT_TRUE(NoteHere(2, 50));
  profile_.NoteFree(Block(1));
  profile_.NoteFree(Block(3));
  EXPECT_EQ(profile_.GetSummary().live.bytes, 50);
  EXPECT_EQ(profile_.GetSummary().samples, 1u);
}

TEST_F(HeapProfileTest, AFullTableLosesAndCounts) {
  ASSERT_TRUE(profile_.Start(os_, 1));
  for (uintptr_t i = 1; i <= SampleTable::kMaxSamples; ++i) ASSERT_TRUE(NoteHere(i, 16));
  EXPECT_FALSE(NoteHere(SampleTable::kMaxSamples + 1, 16));
  EXPECT_EQ(profile_.GetSummary().lost, 1u);
  profile_.NoteFree(Block(1));
  EXPECT_TRUE(NoteHere(1, 16));
}

}  // namespace
}  // namespace hz3
