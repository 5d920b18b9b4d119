// Holds the allocator's real sources against the rules of include_graph.h.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/structure/include_graph.h"

namespace hz3 {
namespace {

using ::testing::IsEmpty;

// Headers that hold nothing to test, each with its reason.
const std::set<std::string> kHeadersWithNothingToTest = {
    "hz3/base/thread_annotations.h",  // attributes for the compiler
    "hz3/config/build_flags.h",       // generated from the build flags
};

std::string Contents(const std::filesystem::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// What Bazel laid out for this test: it runs at the top of its copy of the repository.
SourceTree ReadSources() {
  SourceTree tree;
  for (const auto& entry : std::filesystem::recursive_directory_iterator("hz3")) {
    const std::string extension = entry.path().extension();
    if (extension == ".h" || extension == ".cc") tree[entry.path()] = Contents(entry.path());
  }
  return tree;
}

class Floors : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { tree_ = new SourceTree(ReadSources()); }
  static void TearDownTestSuite() { delete tree_; }

  static const SourceTree* tree_;
};

const SourceTree* Floors::tree_ = nullptr;

TEST_F(Floors, AreAllInhabited) {
  std::set<int> inhabited;
  for (const auto& [path, text] : *tree_) inhabited.insert(FloorOf(path));
  EXPECT_THAT(inhabited, ::testing::ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9))
      << "-1 stands for files beside the floors";
}

TEST_F(Floors, AreNotIncludedFromBelow) { EXPECT_THAT(UpwardIncludes(*tree_), IsEmpty()); }

TEST_F(Floors, DependOnNothingForeign) { EXPECT_THAT(ForeignIncludes(*tree_), IsEmpty()); }

TEST_F(Floors, ShowAllTheirSourcesToThisTest) { EXPECT_THAT(UnknownIncludes(*tree_), IsEmpty()); }

TEST_F(Floors, HaveNoCircleOfIncludes) { EXPECT_THAT(Cycles(*tree_), IsEmpty()); }

TEST_F(Floors, EachBoxHasItsTestBesideIt) {
  EXPECT_THAT(HeadersWithoutTest(*tree_, kHeadersWithNothingToTest), IsEmpty());
}

}  // namespace
}  // namespace hz3
