#include "bench/arena_fill_report.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

FillRow Row(const std::vector<std::string>& runs, bool is_ours = true) {
  FillRow row;
  row.job.workload = "w";
  row.job.allocator = {is_ours ? "hz3-scale" : "peer", "", is_ours};
  row.job.arena_mib = 100;
  row.job.target_pct = 85;
  for (const std::string& run : runs) row.runs.emplace_back("x: " + run);
  return row;
}

// 1 % of the arena is 1 MiB.
std::string Live(int mib) {
  return "live_at_first_failure=" + std::to_string(mib * (1 << 20)) + " ";
}

double Wants97(const std::string&) { return 97; }

TEST(LiveShare, IsLiveOverArena) {
  const Summary share = LiveShare(Row({Live(97), Live(95), Live(99)}));
  EXPECT_DOUBLE_EQ(share.min, 95);
  EXPECT_DOUBLE_EQ(share.median, 97);
  EXPECT_DOUBLE_EQ(share.max, 99);
  EXPECT_EQ(LiveShare(Row({"live_at_first_failure=-1"})).count, 0u);  // nothing failed
}

TEST(PossibleShare, CountsWhatSurvivorsPinAsLive) {
  EXPECT_DOUBLE_EQ(PossibleShare(Row({Live(80)})).median, 80);
  const std::string pins = "survivor_bytes=1048576 pinned_bytes=20971520";
  EXPECT_DOUBLE_EQ(PossibleShare(Row({Live(79) + pins})).median, 79 - 1 + 20);
}

TEST(LiveOfRss, LeavesOutWhatTheBenchTakes) {
  const FillRow row =
      Row({"peak_live_bytes=90 peak_rss_bytes=130 own_rss_bytes=20 bare_rss_bytes=10"});
  EXPECT_DOUBLE_EQ(LiveOfRss(row).median, 90);
  EXPECT_EQ(LiveOfRss(FillRow{}).count, 0u);
}

TEST(MissedShares, HoldsOnlyHz3AgainstTheLimit) {
  const ShareRow good = {Row({Live(98), Live(97)})};
  const ShareRow bad = {Row({Live(98), Live(96)})};
  const ShareRow peer = {Row({Live(10)}, false)};
  EXPECT_TRUE(MissedShares({good, bad, peer}, {}, Wants97).empty());
  EXPECT_EQ(MissedShares({good, bad, peer}, {.min_share = 97}, Wants97),
            std::vector<std::string>{"w hz3-scale 100 MiB: 96.0 % live, wanted 97.0"});
  EXPECT_EQ(MissedShares({good, bad, peer}, {.check = true}, Wants97).size(), 1u);
  EXPECT_EQ(MissedShares({good}, {.min_share = 97.5}, Wants97).size(), 1u);
}

TEST(MissedShares, ARunThatFailedOrDidNotFillTheArenaIsMissed) {
  ShareRow crashed = {Row({Live(99)})};
  crashed.fill.failures.push_back("signal 11");
  EXPECT_EQ(MissedShares({crashed}, {}, Wants97),
            std::vector<std::string>{"w hz3-scale 100 MiB: 1 of 2 runs: signal 11"});
  const ShareRow never = {Row({Live(99), "live_at_first_failure=-1"})};
  EXPECT_EQ(MissedShares({never}, {.min_share = 90}, Wants97),
            std::vector<std::string>{"w hz3-scale 100 MiB: nothing failed"});
}

TEST(MissedShares, SlowFailuresAreMissed) {
  const ShareRow slow = {Row({Live(99) + "failing_ns=1500"})};
  EXPECT_TRUE(MissedShares({slow}, {.min_share = 90}, Wants97).empty());
  EXPECT_EQ(MissedShares({slow}, {.check = true}, Wants97).size(), 1u);
}

TEST(SpeedRow, ComparesTheMedians) {
  const SpeedRow row = {Row({"cpu_ns_per_op=30 ops_per_s=100"}),
                        Row({"cpu_ns_per_op=20 ops_per_s=250"})};
  EXPECT_DOUBLE_EQ(row.CpuRatio(), 1.5);
  EXPECT_DOUBLE_EQ(row.WallRatio(), 2.5);
  EXPECT_EQ((SpeedRow{Row({}), Row({})}).CpuRatio(), 0);
  EXPECT_TRUE(MissedSpeeds({row}, {.check = true}).empty());
  EXPECT_EQ(MissedSpeeds({row}, {.check = true, .max_slowdown = 1.4}),
            std::vector<std::string>{
                "w hz3-scale 100 MiB at 85 % live: 1.50 times as slow, wanted at most 1.40"});
  EXPECT_TRUE(MissedSpeeds({row}, {.max_slowdown = 1.4}).empty());
}

TEST(MissedSmallest, IsASearchOfHz3WithoutResult) {
  SmallestRow row = {Row({}).job, {}};
  EXPECT_EQ(MissedSmallest({row}).size(), 1u);
  row.found.arena_mib = 10;
  EXPECT_TRUE(MissedSmallest({row}).empty());
}

TEST(Tables, HaveARowForEachJob) {
  const std::string share = ShareTable({{Row({Live(97), Live(98)})}}).Text();
  EXPECT_NE(share.find("97.5 (97.0..98.0)"), std::string::npos) << share;
  const SmallestRow smallest = {Row({}).job, {130, 128.0 * (1 << 20), ""}};
  EXPECT_NE(SmallestTable({smallest}).Text().find("128.0                 130         1.6"),
            std::string::npos)
      << SmallestTable({smallest}).Text();
  const SpeedRow speed = {Row({"cpu_ns_per_op=30 ops=1000 alloc_failed=5"}),
                          Row({"cpu_ns_per_op=20"})};
  EXPECT_NE(SpeedTable({speed}).Text().find("1.50"), std::string::npos);
  EXPECT_NE(SpeedTable({speed}).Text().find("0.500"), std::string::npos);
}

TEST(Json, HoldsAllFieldsOfARun) {
  JsonWriter json;
  WriteFillRow(Row({"malloc=libx.so ops=7"}), &json);
  EXPECT_NE(json.Text().find("\"ops\": 7"), std::string::npos) << json.Text();
  EXPECT_NE(json.Text().find("\"malloc\": \"libx.so\""), std::string::npos);
}

}  // namespace
}  // namespace hz3::bench
