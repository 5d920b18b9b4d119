#include "bench/lib/table.h"

#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

Table Sample() {
  Table table({"name", "ops"});
  table.AddRow({"hz3", "100.0"});
  table.AddRow({"a long name", "7"});
  return table;
}

TEST(Table, AlignsItsColumns) {
  EXPECT_EQ(Sample().Text(),
            "name           ops\n"
            "-----------  -----\n"
            "hz3          100.0\n"
            "a long name      7\n");
}

TEST(Table, IsMarkdownOnDemand) {
  EXPECT_EQ(Sample().Markdown(),
            "| name | ops |\n"
            "| --- | ---: |\n"
            "| hz3 | 100.0 |\n"
            "| a long name | 7 |\n");
}

TEST(Table, FillsUpShortRowsAndCutsLongOnes) {
  Table table({"a", "b"});
  table.AddRow({"1"});
  table.AddRow({"1", "2", "3"});
  EXPECT_EQ(table.Text(), "a  b\n-  -\n1\n1  2\n");
}

}  // namespace
}  // namespace hz3::bench
