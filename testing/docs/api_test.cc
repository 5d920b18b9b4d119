// docs/api.md has a row for each name that hz3 offers to others, and no row for anything else.
// Arguments: the sources, in any order; which part each plays is told by its name.
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "bench/lib/sanitizers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/docs/api_names.h"
#include "testing/docs/files.h"
#include "testing/docs/tree.h"
#include "testing/structure/shared_object.h"

namespace hz3::docs {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kPage[] = "docs/api.md";
std::vector<std::string> arguments;

// Of all arguments whose path ends so.
template <typename Read>
Names FromFiles(std::string_view ending, Read read) {
  Names names;
  for (const std::string& path : arguments) {
    if (path.ends_with(ending)) names.merge(read(path));
  }
  return names;
}

Names Declared() {
  return FromFiles("malloc_extension.h",
                   [](const std::string& path) { return DeclaredNames(ReadFile(path)); });
}

Names Exported() {
  return FromFiles(".lds",
                   [](const std::string& path) { return ExportedPatterns(ReadFile(path)); });
}

Names Variables() {
  return FromFiles(".cc", [](const std::string& path) {
    return path.ends_with("_test.cc") ? Names() : EnvironmentVariables(ReadFile(path));
  });
}

const Tree& TheTree() {
  static const Tree tree = LoadTree(".");
  return tree;
}

const Names& Targets() { return TheTree().for_users; }

Names Configs() {
  Names names;
  for (const std::string& config : TheTree().configs) names.insert("--config=" + config);
  return names;
}

Names Documented() { return NamesInTables(ReadFile(kPage)); }

Names Offered() {
  Names all = Declared();
  all.merge(Exported());
  all.merge(Variables());
  all.insert(Targets().begin(), Targets().end());
  all.merge(Configs());
  return all;
}

// What is in `wanted` and not in `given`.
std::vector<std::string> Missing(const Names& wanted, const Names& given) {
  std::vector<std::string> missing;
  for (const std::string& name : wanted) {
    if (!given.contains(name)) missing.push_back(name);
  }
  return missing;
}

TEST(Sources, AreAllThere) {
  EXPECT_TRUE(Declared().contains("hz3_set_limit"));
  EXPECT_TRUE(Exported().contains("malloc"));
  EXPECT_TRUE(Variables().contains("HZ3_ARENA_MIB"));
  EXPECT_TRUE(Variables().contains("HZ3_LIMIT"));
  EXPECT_TRUE(Targets().contains("//hz3:malloc"));
  EXPECT_TRUE(Targets().contains("//hz3:libhakozuna_hz3_scale.so"));
  EXPECT_TRUE(Targets().contains("//hz3/config:lane"));
  EXPECT_TRUE(Targets().contains("//bench:repro"));
  EXPECT_TRUE(Targets().contains("//tools:hz3"));
  EXPECT_FALSE(Targets().contains("//hz3:heap")) << "it is no public target";
}

TEST(ThePage, HasARowForEachNameThatIsOffered) {
  EXPECT_THAT(Missing(Offered(), Documented()), IsEmpty()) << "add a row for each to " << kPage;
}

TEST(ThePage, HasNoRowForWhatDoesNotExist) {
  EXPECT_THAT(Missing(Documented(), Offered()), IsEmpty()) << "of " << kPage;
}

// Of tests and tools, which the pages name where they describe them.
const Names kOthers = {"hz3_heap_layout", "hz3_recording",        "HZ3_TEST_SEED", "HZ3_TEST_STEPS",
                       "HZ3_SOVERSION",   "hz3_malloc_extension", "HZ3_FAULT_PLAN"};

TEST(AllPages, NameOnlyWhatIsOffered) {
  Names known = Offered();
  known.insert(kOthers.begin(), kOthers.end());
  for (const std::string& path : arguments) {
    if (!path.ends_with(".md")) continue;
    EXPECT_THAT(Missing(NamesInText(ReadFile(path)), known), IsEmpty()) << "in " << path;
  }
}

// What the libraries really export under hz3's own name is declared in a header, or the layout that
// observers read.
TEST(TheLibraries, ExportNothingOfHz3ThatThePageDoesNotHave) {
  if (bench::kSanitizerOwnsMalloc) GTEST_SKIP() << "SKIP: the sanitizer owns malloc";
  const Names exported = FromFiles(".so", [](const std::string& path) {
    Names names;
    for (const std::string& name : ReadSharedObject(path).exports) {
      if (name.starts_with("hz3_") && name != "hz3_heap_layout") names.insert(name);
    }
    return names;
  });
  EXPECT_THAT(exported, ::testing::Not(IsEmpty()));
  EXPECT_THAT(Missing(exported, Documented()), IsEmpty());
}

}  // namespace
}  // namespace hz3::docs

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  hz3::docs::arguments.assign(argv + 1, argv + argc);
  return RUN_ALL_TESTS();
}
