#include "bench/matrix/rows.h"

#include <algorithm>
#include <set>
#include <string>

#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

std::string argv0;

std::vector<MatrixRow> Rows() { return AllRows(argv0, "/no/such/directory", {}); }

const MatrixRow* Find(const std::vector<MatrixRow>& rows, const std::string& name) {
  const auto found = std::find_if(rows.begin(), rows.end(),
                                  [&](const MatrixRow& row) { return row.info.name == name; });
  return found == rows.end() ? nullptr : &*found;
}

TEST(AllRows, HaveNamesOfTheirOwnInBothGroups) {
  std::set<std::string> names;
  std::set<Group> groups;
  for (const MatrixRow& row : Rows()) {
    EXPECT_TRUE(names.insert(row.info.name).second) << row.info.name;
    groups.insert(row.info.group);
  }
  EXPECT_EQ(groups.size(), 2u);
}

TEST(AllRows, HoldTheQuickOnesAndTheFloor) {
  const auto rows = Rows();
  for (const std::string& name : QuickRowNames()) {
    ASSERT_NE(Find(rows, name), nullptr) << name;
    EXPECT_TRUE(Find(rows, name)->info.quick);
  }
  ASSERT_NE(Find(rows, kFloorRow), nullptr);
  EXPECT_TRUE(Find(rows, kFloorRow)->info.is_floor);
  EXPECT_NE(Find(rows, kPairRow), nullptr);
}

TEST(AllRows, SyntheticOnesHaveTheirPrograms) {
  for (const MatrixRow& row : Rows()) {
    if (row.info.group != Group::kSynthetic) continue;
    EXPECT_EQ(row.prepare(), "") << row.info.name;
  }
}

TEST(AllRows, MeasureASyntheticRow) {
  const auto rows = Rows();
  const Sample sample = Find(rows, kPairRow)->run({"glibc", "", false});
  EXPECT_EQ(sample.failure, "");
  EXPECT_GT(sample.cpu, 0);
  EXPECT_GT(sample.rss_bytes, 4096);
  EXPECT_GT(sample.wall_s, 0);
}

TEST(AllRows, ARealRowThatCannotBePreparedSaysWhy) {
  for (const MatrixRow& row : Rows()) {
    if (row.info.group != Group::kReal) continue;
    EXPECT_NE(row.prepare(), "") << row.info.name;
  }
}

}  // namespace
}  // namespace hz3::bench

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  hz3::bench::argv0 = argv[0];
  return RUN_ALL_TESTS();
}
