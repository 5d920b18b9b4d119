// The rules themselves, and hz3's real sources held against them.

#include "testing/structure/atomic_comments.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hz3 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(AtomicComments, AnAtomicWithoutArgumentIsFound) {
  EXPECT_THAT(AtomicsWithoutArgument("int x;\n  std::atomic<int> n{0};\n"),
              ElementsAre("2: std::atomic<int> n{0};"));
  EXPECT_THAT(AtomicsWithoutArgument("// A counter.\nstd::atomic<int> n[4] = {};\n"),
              ElementsAre("2: std::atomic<int> n[4] = {};"));
  EXPECT_THAT(AtomicsWithoutArgument("// Relaxed: a figure.\n\nstd::atomic<A*>* p_ = nullptr;\n"),
              ElementsAre("3: std::atomic<A*>* p_ = nullptr;"))
      << "the comment belongs to another group";
}

TEST(AtomicComments, AnArgumentBesideItOrAboveItsGroupIsEnough) {
  EXPECT_THAT(AtomicsWithoutArgument("std::atomic<int> n;  // relaxed: a figure\n"), IsEmpty());
  EXPECT_THAT(AtomicsWithoutArgument("// Acquire, with the release in F.\nint m;\n"
                                     "std::atomic<int> n;\n"),
              IsEmpty());
}

TEST(AtomicComments, ParametersAndCastsAreNoDeclarations) {
  EXPECT_THAT(AtomicsWithoutArgument("void Wait(std::atomic<int>* word, int seen);\n"
                                     "auto* p = static_cast<std::atomic<int>*>(tags);\n"),
              IsEmpty());
}

TEST(AtomicComments, AnOperationWithoutOrderIsFound) {
  EXPECT_THAT(OperationsWithoutOrder("n.store(f(1),\n   2);\nn.load();\np->fetch_add(1);\n"),
              ElementsAre("1: n.store(f(1),", "3: n.load();", "4: p->fetch_add(1);"));
  EXPECT_THAT(OperationsWithoutOrder("n.store(f(1),\n   std::memory_order_relaxed);\n// n.load()\n"),
              IsEmpty());
}

std::string Contents(const std::filesystem::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

bool IsAllocatorsOwn(const std::string& path) {
  for (const char* suffix : {"_test.cc", "_fuzz.cc", "_benchmark.cc"}) {
    if (path.ends_with(suffix)) return false;
  }
  // For tests, too.
  return !path.ends_with("fake_os_memory.h") && (path.ends_with(".h") || path.ends_with(".cc"));
}

TEST(Hz3, TellsWhyTheOrderingOfEachAtomicSuffices) {
  int sources = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator("hz3")) {
    if (!IsAllocatorsOwn(entry.path())) continue;
    ++sources;
    const std::string text = Contents(entry.path());
    EXPECT_THAT(AtomicsWithoutArgument(text), IsEmpty()) << entry.path();
    EXPECT_THAT(OperationsWithoutOrder(text), IsEmpty()) << entry.path();
  }
  EXPECT_GT(sources, 40);
}

}  // namespace
}  // namespace hz3
