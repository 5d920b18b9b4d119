#include "hz3/base/text.h"

#include <algorithm>
#include <string>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

TEST(Text, AppendsWordsAndNumbersAndEndsWithAZero) {
  char buffer[64];
  Text text(buffer, sizeof(buffer));
  text << "a " << uint64_t{0} << " " << UINT64_MAX;
  EXPECT_STREQ(buffer, "a 0 18446744073709551615");
  EXPECT_EQ(text.wanted(), 24u);
  EXPECT_EQ(text.written(), 24u);
}

TEST(Text, IsAnEmptyStringFromTheStart) {
  char buffer[1] = {'x'};
  Text text(buffer, sizeof(buffer));
  EXPECT_EQ(buffer[0], '\0');
  EXPECT_EQ(text.wanted(), 0u);
}

TEST(Text, CutsOffAndCountsWhatDoesNotFitAtEverySize) {
  const std::string whole = "one 12 two 345678 three";
  for (size_t size = 0; size <= whole.size() + 2; ++size) {
    std::string buffer(whole.size() + 8, '#');
    Text text(buffer.data(), size);
    text << "one " << uint64_t{12} << " two " << uint64_t{345678} << " three";
    const size_t fits = size == 0 ? 0 : std::min(whole.size(), size - 1);
    EXPECT_EQ(text.wanted(), whole.size());
    EXPECT_EQ(text.written(), fits) << "size " << size;
    EXPECT_EQ(buffer.substr(0, fits), whole.substr(0, fits));
    if (size > 0) {
      EXPECT_EQ(buffer[fits], '\0') << "size " << size;
    }
    EXPECT_EQ(buffer.find_first_not_of('#', size), std::string::npos)
        << "written past the end of " << size;
  }
}

}  // namespace
}  // namespace hz3
