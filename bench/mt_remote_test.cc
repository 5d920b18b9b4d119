#include "bench/mt_remote.h"

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

MtRemoteOptions Small() {
  MtRemoteOptions options;
  options.threads = 4;
  options.iters = 20'000;
  return options;
}

void ExpectConsistent(const MtRemoteOptions& options, const MtRemoteResult& result) {
  EXPECT_EQ(result.alloc_failed, 0u);
  EXPECT_EQ(result.live_at_first_failure, -1);
  // Each iteration allocates, or empties a slot in one of three ways.
  EXPECT_EQ(result.allocs + result.local_frees + result.fallback_frees + result.remote_pushes,
            options.threads * options.iters);
  EXPECT_EQ(result.allocs, result.Frees() + result.cleanup_frees);
  EXPECT_LE(result.remote_frees, result.remote_pushes);
  EXPECT_EQ(result.live_after_cleanup, 0);
  EXPECT_GT(result.peak_live_bytes, 0);
  EXPECT_GT(result.seconds, 0);
  EXPECT_GT(result.peak_rss_bytes, 0u);
  EXPECT_LE(result.own_touched_bytes, result.own_mapped_bytes);
}

TEST(MtRemote, CountsAddUpAndNothingStaysLive) {
  const MtRemoteResult result = RunMtRemote(Small());
  ExpectConsistent(Small(), result);
  EXPECT_EQ(result.fallback_frees, 0u);  // 65,536 slots are more than 20,000 iterations can fill
}

TEST(MtRemote, RemoteShareIsWhatWasAskedFor) {
  MtRemoteOptions options = Small();
  for (const uint64_t percent : {0u, 30u, 100u}) {
    options.remote_pct = percent;
    const MtRemoteResult result = RunMtRemote(options);
    ExpectConsistent(options, result);
    const double share = static_cast<double>(result.remote_pushes) /
                         static_cast<double>(result.remote_pushes + result.local_frees);
    EXPECT_NEAR(share, static_cast<double>(percent) / 100, 0.01);
  }
}

TEST(MtRemote, AFullRingMakesTheProducerFreeTheBlock) {
  MtRemoteOptions options = Small();
  options.ring_slots = 1;
  options.remote_pct = 100;
  const MtRemoteResult result = RunMtRemote(options);
  ExpectConsistent(options, result);
  EXPECT_GT(result.fallback_frees, 0u);
}

TEST(MtRemote, WithWaitingProducersNothingFallsBack) {
  MtRemoteOptions options = Small();
  options.ring_slots = 4;
  options.remote_pct = 100;
  options.on_full = OnFull::kWait;
  const MtRemoteResult result = RunMtRemote(options);
  ExpectConsistent(options, result);
  EXPECT_EQ(result.fallback_frees, 0u);
  EXPECT_EQ(result.local_frees, 0u);
}

TEST(MtRemote, OneThreadIsItsOwnNeighbour) {
  MtRemoteOptions options = Small();
  options.threads = 1;
  options.ring_slots = 1;
  options.on_full = OnFull::kWait;
  ExpectConsistent(options, RunMtRemote(options));
}

TEST(MtRemote, LiveBytesStayBelowTheCap) {
  MtRemoteOptions options = Small();
  options.remote_pct = 100;
  options.max_live_mib = 51;  // 50.1 MiB is the least for these slots
  options.writes = Writes::kEnds;
  ASSERT_EQ(WhyNotRunnable(options), std::nullopt);
  const MtRemoteResult result = RunMtRemote(options);
  ExpectConsistent(options, result);
  EXPECT_LE(result.peak_live_bytes, int64_t{51} << 20);
}

TEST(MtRemote, TheSameSeedMakesTheSameDecisions) {
  const MtRemoteResult a = RunMtRemote(Small());
  const MtRemoteResult b = RunMtRemote(Small());
  EXPECT_EQ(a.allocs, b.allocs);
  EXPECT_EQ(a.remote_pushes, b.remote_pushes);
  MtRemoteOptions other = Small();
  other.seed = 2;
  EXPECT_NE(RunMtRemote(other).remote_pushes, a.remote_pushes);
}

TEST(WhyNotRunnable, RefusesWrittenBlocksThatCouldExceedTheMachine) {
  MtRemoteOptions options = Small();
  options.threads = 4096;
  options.ring_slots = 1 << 26;
  EXPECT_EQ(WhyNotRunnable(options), std::nullopt);  // not written: address space only
  options.writes = Writes::kEnds;
  const std::string reason = WhyNotRunnable(options).value_or("");
  EXPECT_NE(reason.find("--ring_slots"), std::string::npos) << reason;
}

TEST(WhyNotRunnable, RefusesContradictions) {
  MtRemoteOptions options = Small();
  options.min_size = options.max_size + 1;
  EXPECT_EQ(WhyNotRunnable(options), "min must not be greater than max");
  options = Small();
  options.max_live_mib = 10;
  EXPECT_NE(WhyNotRunnable(options).value_or("").find("--max_live_mib=10"), std::string::npos);
}

RunResult RunBinary(const std::vector<std::string>& args) {
  Command command;
  command.argv = {FindRunfile(argv0, "bench/bench_random_mixed_mt_remote_malloc")};
  command.argv.insert(command.argv.end(), args.begin(), args.end());
  command.timeout_s = 60;
  return RunCommand(command);
}

TEST(MtRemoteBinary, PrintsConsistentNumbers) {
  const RunResult run = RunBinary({"4", "20000", "400", "16", "32768", "50"});
  ASSERT_TRUE(run.Succeeded()) << run.EndText() << run.err;
  const ReportFields fields(run.out);
  EXPECT_NE(run.out.find("alloc_failed=0 "), std::string::npos) << run.out;
  EXPECT_EQ(fields.Number("ring_slots"), 65536);
  EXPECT_EQ(fields.Number("live_after_cleanup"), 0);
  const double frees = *fields.Number("local_frees") + *fields.Number("fallback_frees") +
                       *fields.Number("remote_frees");
  EXPECT_EQ(*fields.Number("ops"), *fields.Number("allocs") + frees);
  EXPECT_EQ(*fields.Number("allocs"), frees + *fields.Number("cleanup_frees"));
}

TEST(MtRemoteBinary, CountsFailedAllocationsAndStillExitsWith0) {
  if (kSanitizerOwnsMalloc)
    GTEST_SKIP() << "a sanitizer needs more address space than the limit leaves";
  // No allocator can give 4 GB blocks out of 1 GB of address space.
  const RunResult run =
      RunCommand({.argv = {"/bin/sh", "-c", "ulimit -v 1000000; exec \"$@\"", "sh",
                           FindRunfile(argv0, "bench/bench_random_mixed_mt_remote_malloc"), "2",
                           "100", "8", "4000000000", "4000000000", "0"},
                  .timeout_s = 60});
  ASSERT_TRUE(run.Succeeded()) << run.EndText() << run.err;
  const ReportFields fields(run.out);
  EXPECT_EQ(fields.Number("alloc_failed"), 200);
  EXPECT_EQ(fields.Number("live_at_first_failure"), 0);
}

TEST(MtRemoteBinary, SaysInOneLineWhatIsWrongWithItsArguments) {
  for (const std::vector<std::string>& args : {std::vector<std::string>{"4"},
                                               {"4", "1", "1", "9", "8", "0"},
                                               {"4", "1", "1", "1", "1", "101"},
                                               {"1", "1", "1", "1", "1", "1", "--nonsense"}}) {
    const RunResult run = RunBinary(args);
    EXPECT_EQ(run.EndText(), "exit 2");
    EXPECT_EQ(run.out, "");
    EXPECT_EQ(run.err.find('\n'), run.err.size() - 1) << run.err;
  }
}

}  // namespace
}  // namespace hz3::bench

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  hz3::bench::argv0 = argv[0];
  return RUN_ALL_TESTS();
}
