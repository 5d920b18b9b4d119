#include "bench/lib/subprocess.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

using End = RunResult::End;

RunResult Shell(const char* script) { return RunCommand({.argv = {"/bin/sh", "-c", script}}); }

TEST(RunCommand, CollectsBothOutputsAndTheExitCode) {
  const RunResult result = Shell("echo out; echo err >&2; exit 3");
  EXPECT_EQ(result.end, End::kExited);
  EXPECT_EQ(result.code, 3);
  EXPECT_FALSE(result.Succeeded());
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.err, "err\n");
  EXPECT_EQ(result.EndText(), "exit 3");
}

TEST(RunCommand, OnRequestPassesOnNothingButPath) {
  setenv("HZ3_SUBPROCESS_TEST", "here", 1);
  const std::vector<std::string> env = {"/usr/bin/env"};
  EXPECT_NE(RunCommand({.argv = env}).out.find("HZ3_SUBPROCESS_TEST=here\n"), std::string::npos);
  const RunResult bare = RunCommand({.argv = env, .env = {{"NEW", "1"}}, .only_path = true});
  EXPECT_EQ(bare.out, std::string("NEW=1\nPATH=") + getenv("PATH") + "\n");
  unsetenv("HZ3_SUBPROCESS_TEST");
}

TEST(RunCommand, CollectsMoreThanAPipeHolds) {
  const RunResult result = Shell("head -c 1000000 /dev/zero; head -c 500000 /dev/zero >&2");
  EXPECT_TRUE(result.Succeeded());
  EXPECT_EQ(result.out.size(), 1'000'000u);
  EXPECT_EQ(result.err.size(), 500'000u);
}

TEST(RunCommand, TellsTheSignalThatEndedTheProgram) {
  const RunResult result = Shell("kill -SEGV $$");
  EXPECT_EQ(result.end, End::kSignaled);
  EXPECT_EQ(result.code, SIGSEGV);
}

TEST(RunCommand, TellsWhyAProgramDoesNotStart) {
  const RunResult result = RunCommand({.argv = {"/no/such/program"}});
  EXPECT_EQ(result.end, End::kNotStarted);
  EXPECT_EQ(result.EndText(), "not started: No such file or directory");
  EXPECT_EQ(RunCommand({}).end, End::kNotStarted);
}

TEST(RunCommand, KillsWhatRunsLongerThanItsTimeWithItsChildren) {
  const RunResult result = RunCommand(
      {.argv = {"/bin/sh", "-c", "echo begun; sleep 100 & sleep 100"}, .timeout_s = 0.3});
  EXPECT_EQ(result.end, End::kTimeout);
  EXPECT_EQ(result.EndText(), "timeout");
  EXPECT_EQ(result.out, "begun\n");
  EXPECT_GE(result.wall_s, 0.3);
  EXPECT_LT(result.wall_s, 30);
}

TEST(RunCommand, KillsWhatOutgrowsItsMemory) {
  // tail keeps the whole endless line in memory.
  const RunResult result = RunCommand({.argv = {"/bin/sh", "-c", "exec tail -n 1 /dev/zero"},
                                       .timeout_s = 60,
                                       .max_rss_bytes = uint64_t{64} << 20});
  EXPECT_EQ(result.end, End::kMemory);
  EXPECT_GT(result.max_rss_bytes, uint64_t{64} << 20);
}

TEST(RunCommand, SetsAndRemovesVariables) {
  setenv("HZ3_BENCH_TEST_KEPT", "kept", 1);
  setenv("HZ3_BENCH_TEST_GONE", "gone", 1);
  const RunResult result = RunCommand(
      {.argv = {"env"}, .env = {{"HZ3_BENCH_TEST_GONE", ""}, {"HZ3_BENCH_TEST_NEW", "new"}}});
  EXPECT_NE(result.out.find("HZ3_BENCH_TEST_KEPT=kept\n"), std::string::npos);
  EXPECT_NE(result.out.find("HZ3_BENCH_TEST_NEW=new\n"), std::string::npos);
  EXPECT_EQ(result.out.find("HZ3_BENCH_TEST_GONE"), std::string::npos);
}

TEST(RunCommand, StartsInTheDirectoryThatItIsGiven) {
  EXPECT_EQ(RunCommand({.argv = {"pwd"}, .directory = "/proc"}).out, "/proc\n");
  EXPECT_EQ(RunCommand({.argv = {"pwd"}, .directory = "/no/such"}).end, End::kNotStarted);
}

TEST(RunCommand, IsKilledWithItsChildrenWhenCancelled) {
  std::atomic<bool> cancel = true;
  const RunResult result =
      RunCommand({.argv = {"/bin/sh", "-c", "sleep 30 | sleep 30"}, .cancel = &cancel});
  EXPECT_EQ(result.end, End::kCancelled);
  EXPECT_EQ(result.EndText(), "cancelled");
  EXPECT_LT(result.wall_s, 20);
}

TEST(RunCommand, MeasuresCpuTimeAndMemory) {
  const RunResult result = Shell("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done");
  EXPECT_TRUE(result.Succeeded());
  EXPECT_GT(result.user_s + result.sys_s, 0);
  EXPECT_GT(result.wall_s, 0);
  EXPECT_GT(result.max_rss_bytes, 0u);
}

TEST(RunCommand, DoesNotWaitForAGrandchildThatKeepsThePipe) {
  const RunResult result = Shell("sleep 30 & echo done");
  EXPECT_TRUE(result.Succeeded());
  EXPECT_EQ(result.out, "done\n");
  EXPECT_LT(result.wall_s, 20);
}

}  // namespace
}  // namespace hz3::bench
