#include "testing/docs/api_names.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hz3::docs {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

TEST(DeclaredNames, AreThoseOutsideOfComments) {
  EXPECT_THAT(DeclaredNames("#ifndef HZ3_X_H_\n#define HZ3_X_H_\n/* hz3_old() ** */\n"
                            "#define HZ3_NONE 0\nint hz3_set(size_t n);  // hz3_other\n"
                            "typedef int (*hz3_callback)(void);\nenum { HZ3_ONE = 1 };\n"),
              UnorderedElementsAre("HZ3_NONE", "HZ3_ONE", "hz3_set", "hz3_callback"));
}

TEST(ExportedPatterns, AreTheGlobalOnes) {
  EXPECT_THAT(
      ExportedPatterns("/* no; */ {\n global:\n  malloc;\n  _Zn*; hz3_*;\n local:\n *;\n};"),
      UnorderedElementsAre("malloc", "_Zn*", "hz3_*"));
  EXPECT_THAT(ExportedPatterns("{ *; }"), IsEmpty());
}

TEST(EnvironmentVariables, AreWholeLiterals) {
  EXPECT_THAT(
      EnvironmentVariables("getenv(\"HZ3_A\"); // \"HZ3_B\"\nRead(\"HZ3_C_1\", \"HZ3_D=x\")"),
      UnorderedElementsAre("HZ3_A", "HZ3_C_1"));
}

TEST(NamesInTables, AreTheCodeOfFirstCells) {
  EXPECT_THAT(NamesInTables("`text`\n| `a(size_t n)` | `other` |\n| `b`, `c` | x |\n|---|---|\n"),
              UnorderedElementsAre("a", "b", "c"));
}

TEST(NamesInText, AreWholeWordsOfCode) {
  EXPECT_THAT(NamesInText("`hz3_a()`, `HZ3_B=1 x`, `hz3_c` hz3_d `hz3_e.md` `hz3_...` `hz3/x`"),
              UnorderedElementsAre("hz3_a", "HZ3_B", "hz3_c"));
}

}  // namespace
}  // namespace hz3::docs
