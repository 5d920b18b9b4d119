// The rows, and that every one of them is a test target: the targets' names are the arguments.
#include "bench/gate/rows.h"

#include <cctype>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace hz3::gate {
namespace {

std::vector<std::string> target_names;

TEST(Rows, HaveNamesOfTheirOwnAndSayWhatTheyAre) {
  std::set<std::string> names;
  for (const GateRow& row : GateRows()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_FALSE(row.help.empty()) << row.name;
    for (const char c : row.name) {
      EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') << row.name;
    }
  }
}

TEST(Rows, AreTestTargetsOneEach) {
  std::vector<std::string> names;
  for (const GateRow& row : GateRows()) names.push_back(row.name);
  EXPECT_EQ(target_names, names) << "GATE_ROWS in bench/gate/defs.bzl";
}

TEST(Rows, EndWithTheTimedOnes) {
  bool timed = false;
  for (const GateRow& row : GateRows()) {
    EXPECT_TRUE(row.is_timed() || !timed) << row.name;
    timed = timed || row.is_timed();
    EXPECT_EQ(row.is_timed(), row.name.starts_with("timed_")) << row.name;
  }
  EXPECT_TRUE(timed);
}

TEST(Rows, OfInstructionsGrowWithTheirLength) {
  for (const GateRow& row : GateRows()) {
    const auto* exact = std::get_if<InstructionsRow>(&row.what);
    if (exact == nullptr) continue;
    EXPECT_LT(exact->short_n, exact->long_n) << row.name;
    int places = 0;
    for (const std::string& arg : exact->args) places += arg.find("{n}") != std::string::npos;
    EXPECT_EQ(places, 1) << row.name;
  }
}

TEST(Rows, OfEveryKindAreAmongTheQuickOnes) {
  std::set<size_t> all;
  std::set<size_t> quick;
  for (const GateRow& row : GateRows()) {
    all.insert(row.what.index());
    if (row.quick) quick.insert(row.what.index());
  }
  EXPECT_EQ(all.size(), std::variant_size_v<GateRow::What>);
  EXPECT_EQ(quick, all);
}

}  // namespace
}  // namespace hz3::gate

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  hz3::gate::target_names.assign(argv + 1, argv + argc);
  return RUN_ALL_TESTS();
}
