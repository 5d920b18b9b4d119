#include "bench/synthetic/rows.h"

#include <set>
#include <string>
#include <vector>

#include "bench/lib/report.h"
#include "bench/lib/runfiles.h"
#include "bench/lib/subprocess.h"
#include "bench/synthetic/catalog.h"
#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

constexpr char kSynthetic[] = "bench/synthetic/synthetic";
constexpr char kTinyCount[] = "200";

std::string argv0;

RunResult RunProgram(const std::string& program, const std::vector<std::string>& args) {
  Command command;
  command.argv = {FindRunfile(argv0, program)};
  command.argv.insert(command.argv.end(), args.begin(), args.end());
  command.timeout_s = 120;
  return RunCommand(command);
}

// The same row with hardly any work: the programs of random numbers take their iterations as the
// first or second word, the others have defaults or --ops.
std::vector<std::string> TinyArgs(const SyntheticRow& row) {
  std::vector<std::string> args = row.args;
  if (row.program == "bench/bench_random_mixed_malloc") {
    args[0] = kTinyCount;
  } else if (row.program == "bench/bench_random_mixed_mt_remote_malloc") {
    args[1] = kTinyCount;
  } else {
    args.push_back("--ops=" + std::string(kTinyCount));
  }
  return args;
}

bool HasArg(const SyntheticRow& row, const std::string& wanted) {
  for (const std::string& arg : row.args) {
    if (arg == wanted) return true;
  }
  return false;
}

class Row : public testing::TestWithParam<size_t> {
 protected:
  const SyntheticRow& row() const { return SyntheticRows()[GetParam()]; }
};

TEST_P(Row, RunsAndReportsWhatTheComparisonReads) {
  const RunResult run = RunProgram(row().program, TinyArgs(row()));
  ASSERT_TRUE(run.Succeeded()) << run.EndText() << run.err;
  const ReportFields fields(run.out);
  EXPECT_TRUE(fields.Text("malloc").has_value()) << run.out;
  EXPECT_EQ(fields.Number("alloc_failed"), 0) << run.out;
  EXPECT_EQ(fields.Number("live_after_cleanup"), 0) << run.out;
  EXPECT_GT(fields.Number("ops").value_or(0), 0) << run.out;
  for (const char* key : {"seconds", "cpu_ns_per_op", "peak_rss_bytes", "own_rss_bytes"}) {
    EXPECT_TRUE(fields.Number(key).has_value()) << key << "\n" << run.out;
  }
}

TEST_P(Row, SaysOfItselfWhetherItFills) { EXPECT_EQ(row().filled, HasArg(row(), "--fill")); }

TEST_P(Row, SaysOfItselfWhetherUnwrittenBlocksAreFreedRemotely) {
  constexpr size_t kRemotePercent = 5;  // its place among the words of mt_remote
  const bool remote = row().program == "bench/bench_random_mixed_mt_remote_malloc" &&
                      row().args.at(kRemotePercent) != "0";
  EXPECT_EQ(row().remote_unwritten, remote && !row().filled);
}

INSTANTIATE_TEST_SUITE_P(All, Row, testing::Range(size_t{0}, SyntheticRows().size()),
                         [](const auto& row) { return SyntheticRows()[row.param].name; });

TEST(Rows, HaveUniqueNamesAndAHelp) {
  std::set<std::string> names;
  for (const SyntheticRow& row : SyntheticRows()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_FALSE(row.help.empty()) << row.name;
  }
}

TEST(Rows, RunEveryWorkloadOfTheCatalog) {
  std::set<std::string> run;
  for (const SyntheticRow& row : SyntheticRows()) {
    if (row.program == kSynthetic) run.insert(row.args.front());
  }
  for (const SyntheticEntry& entry : SyntheticWorkloads()) {
    EXPECT_EQ(run.count("--workload=" + entry.name), 1u) << entry.name;
  }
}

TEST(SyntheticBinary, SaysInOneLineWhatIsWrongWithItsArguments) {
  for (const std::vector<std::string>& args : {std::vector<std::string>{},
                                               {"--workload=nonsense"},
                                               {"--workload=larson", "--threads=0"},
                                               {"--workload=larson", "--min=9", "--max=8"},
                                               {"--workload=startup", "--fill"},
                                               {"--workload=larson", "--nonsense"}}) {
    const RunResult run = RunProgram(kSynthetic, args);
    EXPECT_EQ(run.EndText(), "exit 2");
    EXPECT_EQ(run.out, "");
    EXPECT_EQ(run.err.find('\n'), run.err.size() - 1) << run.err;
  }
}

TEST(SyntheticBinary, ListsItsWorkloads) {
  const RunResult run = RunProgram(kSynthetic, {"--list"});
  ASSERT_TRUE(run.Succeeded()) << run.err;
  for (const SyntheticEntry& entry : SyntheticWorkloads()) {
    EXPECT_NE(run.out.find(entry.name + " "), std::string::npos) << entry.name;
  }
}

}  // namespace
}  // namespace hz3::bench

int main(int argc, char** argv) {
  hz3::bench::argv0 = argv[0];
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
