// The tool as a whole, on runs of a fraction of a second.
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "bench/lib/report.h"
#include "bench/lib/runfiles.h"
#include "bench/lib/sanitizers.h"
#include "bench/lib/subprocess.h"
#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

std::string argv0;

RunResult Tool(std::vector<std::string> args) {
  args.insert(args.begin(), FindRunfile(argv0, "bench/arena_fill"));
  return RunCommand({.argv = args, .timeout_s = 300});
}

RunResult WorkloadUnder(const std::string& lane, std::vector<std::string> args) {
  args.insert(args.begin(), FindRunfile(argv0, "bench/arena_fill_workload"));
  const std::string library = FindRunfile(argv0, "hz3/libhakozuna_hz3_" + lane + ".so");
  return RunCommand(
      {.argv = args, .env = {{"LD_PRELOAD", library}, {"HZ3_ARENA_MIB", "64"}}, .timeout_s = 120});
}

bool Holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

constexpr double kArena = 64 << 20;

TEST(ArenaFillWorkload, SaysWhatWasLiveAtTheFirstFailure) {
  if (kSanitizerOwnsMalloc) GTEST_SKIP() << "hz3 cannot be preloaded beside a sanitizer";
  for (const std::string lane : {"scale", "fast"}) {
    const RunResult run = WorkloadUnder(
        lane, {"--workload=mt_remote_t8_r50", "--scale_mib=64", "--failing_mallocs=1000"});
    ASSERT_TRUE(run.Succeeded()) << run.EndText() << run.err;
    const ReportFields fields(run.out);
    const double live = fields.Number("live_at_first_failure").value_or(-1);
    EXPECT_GT(live, 0.5 * kArena) << run.out;
    EXPECT_LE(live, 1.01 * kArena) << run.out;
    // Threads end the operation that they are in, at most: a block each.
    EXPECT_NEAR(live, *fields.Number("live_at_rest"), 8 * 32768.0) << run.out;
    EXPECT_LE(*fields.Number("strict_at_rest"), kArena);
    EXPECT_GT(*fields.Number("alloc_failed"), 0);
    EXPECT_GT(*fields.Number("failing_ns"), 0);
    EXPECT_NEAR(*fields.Number("remote_share"), 0.5, 0.02);
  }
}

TEST(ArenaFillWorkload, PrintsTheStatisticsOfHz3AtTheFirstFailure) {
  if (kSanitizerOwnsMalloc) GTEST_SKIP() << "hz3 cannot be preloaded beside a sanitizer";
  const RunResult run = WorkloadUnder("scale", {"--workload=small", "--scale_mib=64", "--stats"});
  EXPECT_TRUE(run.Succeeded()) << run.EndText();
  EXPECT_TRUE(Holds(run.err, "free_page_bytes")) << run.err;
}

TEST(ArenaFillWorkload, SaysInOneLineWhatIsWrong) {
  for (const std::vector<std::string>& args : {std::vector<std::string>{"--workload=nonsense"},
                                               {"--workload=trace"},
                                               {"--workload=trace", "--trace=/nonexistent"},
                                               {"--workload=trace", "--trace=/etc/passwd"},
                                               {"--workload=small", "--scale_mib=0"},
                                               {"--nonsense"},
                                               {}}) {
    std::vector<std::string> argv = args;
    argv.insert(argv.begin(), FindRunfile(argv0, "bench/arena_fill_workload"));
    const RunResult run = RunCommand({.argv = argv, .timeout_s = 60});
    EXPECT_EQ(run.EndText(), "exit 2") << run.out;
    EXPECT_EQ(run.out, "");
    EXPECT_EQ(run.err.find('\n'), run.err.size() - 1) << run.err;
  }
}

TEST(ArenaFill, PrintsTheShareOfBothLanesAndOfAPeer) {
  if (kSanitizerOwnsMalloc) GTEST_SKIP() << "hz3 cannot be preloaded beside a sanitizer";
  const std::string path = testing::TempDir() + "/arena_fill_test.json";
  const RunResult run =
      Tool({"--workload=mt_remote_t8_r50", "--arena_mib=64", "--runs=1", "--min_share=50",
            "--allocators=hz3-scale,hz3-fast,glibc", "--markdown", "--json=" + path});
  EXPECT_TRUE(run.Succeeded()) << run.EndText() << run.err << run.out;
  for (const char* row :
       {"| mt_remote_t8_r50 | hz3-scale | 64 | 1 |", "| mt_remote_t8_r50 | hz3-fast | 64 | 1 |",
        "| mt_remote_t8_r50 | glibc | 64 | 1 |"}) {
    EXPECT_TRUE(Holds(run.out, row)) << run.out;
  }
  std::ifstream file(path);
  const std::string json(std::istreambuf_iterator<char>(file), {});
  EXPECT_TRUE(Holds(json, "\"live_at_first_failure\"")) << json;
  EXPECT_TRUE(Holds(json, "\"share\"")) << json;
}

TEST(ArenaFill, FailsWhenHz3IsBelowTheWantedShare) {
  if (kSanitizerOwnsMalloc) GTEST_SKIP() << "hz3 cannot be preloaded beside a sanitizer";
  const RunResult run =
      Tool({"--workload=small", "--arena_mib=64", "--quick", "--lanes=scale", "--min_share=150"});
  EXPECT_EQ(run.EndText(), "exit 1") << run.err << run.out;
  EXPECT_TRUE(Holds(run.err, "FAILED: small hz3-scale 64 MiB")) << run.err;
}

TEST(ArenaFill, FindsTheSmallestArenaAndTheSpeed) {
  if (kSanitizerOwnsMalloc) GTEST_SKIP() << "hz3 cannot be preloaded beside a sanitizer";
  const RunResult run = Tool({"--mode=smallest,speed", "--workload=small", "--arena_mib=16",
                              "--quick", "--lanes=scale", "--iters=80000", "--live_pct=85"});
  EXPECT_TRUE(run.Succeeded()) << run.EndText() << run.err << run.out;
  EXPECT_TRUE(Holds(run.out, "smallest arena MiB")) << run.out;
  EXPECT_TRUE(Holds(run.out, "CPU ns/op")) << run.out;
}

TEST(ArenaFill, SaysInOneLineWhatIsWrong) {
  for (const char* arg :
       {"--mode=nonsense", "--mode=", "--workload=nonsense", "--arena_mib=63", "--arena_mib=x",
        "--arena_mib=2", "--arena_mib=,", "--runs=0", "--allocators=nonsense", "--lanes=nonsense",
        "--live_pct=0", "--on_full=nonsense", "--nonsense", "word"}) {
    const RunResult run = Tool({arg});
    EXPECT_EQ(run.EndText(), "exit 2") << arg << run.out;
    EXPECT_EQ(run.out, "") << arg;
    EXPECT_EQ(run.err.find('\n'), run.err.size() - 1) << arg << run.err;
  }
}

TEST(ArenaFill, ListsItsWorkloads) {
  const RunResult run = Tool({"--list"});
  EXPECT_TRUE(run.Succeeded());
  for (const char* name :
       {"mt_remote_t8_r0 ", "mt_remote_t32_r90_runs ", "class_shift_up ", "producer_consumer ",
        "sleepers ", "generations ", "sawtooth ", "small ", "trace "}) {
    EXPECT_TRUE(Holds(run.out, name)) << run.out;
  }
}

}  // namespace
}  // namespace hz3::bench

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  hz3::bench::argv0 = argv[0];
  return RUN_ALL_TESTS();
}
