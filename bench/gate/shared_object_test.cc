#include "bench/gate/shared_object.h"

#include <fstream>
#include <iterator>

#include "gtest/gtest.h"

namespace hz3::gate {
namespace {

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(CompilerOf, IsReadFromTheCommentSection) {
  EXPECT_EQ(CompilerOf(std::string_view("x\0GCC: (Debian 12.2.0-14+deb12u1) 12.2.0\0y", 43)),
            "gcc-12.2.0");
  EXPECT_EQ(CompilerOf("GCC: (Debian 12.2.0-14) 12.2.0 Debian clang version 14.0.6"),
            "clang-14.0.6");
  EXPECT_EQ(CompilerOf("GCC: (Debian"), "");
  EXPECT_EQ(CompilerOf(""), "");
}

TEST(LoadedBytes, OfThisProgramAreLessThanItsFileAndSomeZeroes) {
  const std::string self = Contents("/proc/self/exe");
  const auto bytes = LoadedBytes(self);
  ASSERT_TRUE(bytes.has_value());
  EXPECT_GT(*bytes, 10'000u);
  EXPECT_LT(*bytes, self.size() + (1 << 20));
}

TEST(LoadedBytes, AreNothingForBrokenFiles) {
  const std::string self = Contents("/proc/self/exe");
  EXPECT_FALSE(LoadedBytes("").has_value());
  EXPECT_FALSE(LoadedBytes("no library").has_value());
  EXPECT_FALSE(LoadedBytes(std::string(4096, 'x')).has_value());
  EXPECT_FALSE(LoadedBytes(self.substr(0, 100)).has_value());
}

}  // namespace
}  // namespace hz3::gate
