// The pages that people read: whole, and without what a merge leaves behind.
// Arguments: the pages.
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

std::vector<std::string> pages;

std::vector<std::string> Lines(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

bool IsConflictMarker(const std::string& line) {
  return line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ") || line == "=======";
}

TEST(ConflictMarkers, AreTold) {
  EXPECT_TRUE(IsConflictMarker("<<<<<<< HEAD"));
  EXPECT_TRUE(IsConflictMarker("======="));
  EXPECT_TRUE(IsConflictMarker(">>>>>>> branch"));
  EXPECT_FALSE(IsConflictMarker("a ======= b"));
}

TEST(Pages, HoldNoConflictMarkers) {
  ASSERT_GT(pages.size(), 5u);
  for (const std::string& page : pages) {
    const std::vector<std::string> lines = Lines(page);
    EXPECT_FALSE(lines.empty()) << page;
    for (size_t i = 0; i < lines.size(); ++i) {
      EXPECT_FALSE(IsConflictMarker(lines[i])) << page << ":" << i + 1;
    }
  }
}

// [text](page.md) and `docs/page.md`.
TEST(Pages, NameOnlyPagesThatAreThere) {
  for (const std::string& page : pages) {
    for (const std::string& line : Lines(page)) {
      for (size_t at = 0; (at = line.find(".md", at)) != std::string::npos; at += 3) {
        const size_t begin = line.find_last_of("([ `", at);
        if (begin == std::string::npos || line[begin] == ' ') continue;
        const std::string name = line.substr(begin + 1, at + 3 - begin - 1);
        if (name.find_first_of("/*<$") != std::string::npos && !name.starts_with("docs/")) continue;
        const std::string path =
            name.starts_with("docs/") || name == "README.md" ? name : "docs/" + name;
        EXPECT_TRUE(std::filesystem::exists(path)) << page << " names " << name;
      }
    }
  }
}

}  // namespace
}  // namespace hz3

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  hz3::pages.assign(argv + 1, argv + argc);
  return RUN_ALL_TESTS();
}
