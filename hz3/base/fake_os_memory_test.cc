#include "hz3/base/fake_os_memory.h"

#include "gtest/gtest.h"

namespace hz3 {
namespace {

TEST(FakeOsMemory, KeepsBooksOfWhatIsReserved) {
  FakeOsMemory os;
  void* a = os.Reserve(4 * kPageSize, kPageSize);
  void* b = os.Reserve(kPageSize, kPageSize);
  ASSERT_NE(a, nullptr);
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(os.reservations(), 2u);
  EXPECT_EQ(os.reserved_bytes(), 5 * kPageSize);
  os.Release(a, 4 * kPageSize);
  EXPECT_EQ(os.reserved_bytes(), kPageSize);
  EXPECT_EQ(os.calls(FakeOsMemory::kReserve), 2u);
}

TEST(FakeOsMemory, RefusesTheNthCallOnce) {
  FakeOsMemory os;
  void* a = os.Reserve(kPageSize, kPageSize);
  ASSERT_NE(a, nullptr);
  os.RefuseNth(FakeOsMemory::kCommit, 1);
  EXPECT_TRUE(os.Commit(a, kPageSize));
  EXPECT_FALSE(os.Commit(a, kPageSize));
  EXPECT_TRUE(os.Commit(a, kPageSize));
}

TEST(FakeOsMemory, RefusesUntilAllowedAndWhatIsTooLarge) {
  FakeOsMemory os;
  os.Refuse(FakeOsMemory::kReserve);
  EXPECT_EQ(os.Reserve(kPageSize, kPageSize), nullptr);
  EXPECT_EQ(os.Reserve(kPageSize, kPageSize), nullptr);
  os.Allow(FakeOsMemory::kReserve);
  os.set_largest_reservation(2 * kPageSize);
  EXPECT_EQ(os.Reserve(3 * kPageSize, kPageSize), nullptr);
  EXPECT_NE(os.Reserve(2 * kPageSize, kPageSize), nullptr);
}

TEST(FakeOsMemory, PurgesForReal) {
  FakeOsMemory os;
  char* a = static_cast<char*>(os.Reserve(2 * kPageSize, kPageSize));
  ASSERT_NE(a, nullptr);
  ASSERT_TRUE(os.Commit(a, 2 * kPageSize));
  a[kPageSize] = 1;
  os.Refuse(FakeOsMemory::kPurge);
  EXPECT_FALSE(os.Purge(a, 2 * kPageSize));
  EXPECT_EQ(a[kPageSize], 1);
  os.Allow(FakeOsMemory::kPurge);
  EXPECT_TRUE(os.Purge(a, 2 * kPageSize));
  EXPECT_EQ(a[kPageSize], 0);
  EXPECT_EQ(os.purged_pages(), 2u);
}

}  // namespace
}  // namespace hz3
