#include "bench/lib/mapped_array.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

TEST(MappedArray, StartsZeroedAndKeepsWhatIsWritten) {
  MappedArray<uint32_t> array(10'000);
  for (const uint32_t value : array) ASSERT_EQ(value, 0u);
  array[9'999] = 7;
  EXPECT_EQ(array[9'999], 7u);
  EXPECT_EQ(array.size(), 10'000u);
  EXPECT_EQ(array.Bytes(), 40'000u);
}

TEST(MappedArray, MayBeEmpty) {
  MappedArray<uint32_t> array(0);
  EXPECT_EQ(array.begin(), array.end());
}

TEST(MappedArrayDeathTest, EndsTheProcessWhenTheAddressSpaceIsRefused) {
  EXPECT_EXIT(MappedArray<char>(size_t{1} << 60), testing::ExitedWithCode(2), "cannot map");
}

}  // namespace
}  // namespace hz3::bench
