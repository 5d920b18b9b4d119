#include "bench/lib/bench_run.h"

#include <string>

#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

Command Shell(const std::string& script) { return {.argv = {"/bin/sh", "-c", script}}; }

TEST(RunBench, ReadsTheReport) {
  const BenchRun run = RunBench({"glibc", "", false}, Shell("echo run ops=7 malloc=libc.so.6"));
  EXPECT_EQ(run.failure, "");
  EXPECT_EQ(run.fields.Number("ops"), 7);
}

TEST(RunBench, SaysHowAFailedRunEnded) {
  const BenchRun run = RunBench({"glibc", "", false}, Shell("echo why >&2; exit 3"));
  EXPECT_EQ(run.failure, "exit 3: why");
}

TEST(RunBench, ARunUnderAnotherAllocatorIsAFailure) {
  const BenchRun run =
      RunBench({"mine", "/no/such/mine.so", false}, Shell("echo malloc=libc.so.6"));
  EXPECT_EQ(run.failure.find("not preloaded: "), 0u) << run.failure;
}

}  // namespace
}  // namespace hz3::bench
