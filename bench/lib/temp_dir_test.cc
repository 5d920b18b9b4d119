#include "bench/lib/temp_dir.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

TEST(TempDir, IsRemovedWithAllThatIsInIt) {
  std::string path;
  {
    const TempDir directory;
    path = directory.path();
    ASSERT_TRUE(std::filesystem::is_directory(path));
    std::filesystem::create_directory(path + "/below");
    std::ofstream(path + "/below/file") << "text";
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(TempDir, IsAnotherOneEachTime) {
  const TempDir one;
  const TempDir other;
  EXPECT_NE(one.path(), other.path());
}

}  // namespace
}  // namespace hz3::bench
