// The tool as a whole, on runs of a few milliseconds.
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "bench/lib/runfiles.h"
#include "bench/lib/sanitizers.h"
#include "bench/lib/subprocess.h"
#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

std::string argv0;

// Runs the tool with a limit on the address space of all that it starts, where one is given.
RunResult Repro(const std::string& args, const std::string& limit = "true") {
  const std::string tool = FindRunfile(argv0, "bench/repro");
  return RunCommand(
      {.argv = {"/bin/sh", "-c", limit + "; exec " + tool + " " + args}, .timeout_s = 120});
}

bool Holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Repro, ComparesBothLanesWithGlibc) {
  if (kSanitizerOwnsMalloc) GTEST_SKIP() << "hz3 cannot be preloaded beside a sanitizer";
  const RunResult run = Repro("--threads=4 --iters=20000 --only=hz3-scale,hz3-fast,glibc");
  EXPECT_TRUE(run.Succeeded()) << run.EndText() << run.err << run.out;
  for (const char* row : {"\nhz3-scale ", "\nhz3-fast ", "\nglibc "}) {
    EXPECT_TRUE(Holds(run.out, row)) << run.out;
  }
  EXPECT_TRUE(Holds(run.err, "[9/9] glibc")) << run.err;
}

TEST(Repro, FailsWhenHz3FailedAnAllocation) {
  if (kSanitizerOwnsMalloc) GTEST_SKIP() << "hz3 cannot be preloaded beside a sanitizer";
  const RunResult run =
      Repro("--threads=2 --iters=100 --ws=8 --min=4000000000 --max=4000000000 --only=hz3-scale",
            "ulimit -v 2000000");
  EXPECT_EQ(run.EndText(), "exit 1") << run.err << run.out;
  EXPECT_TRUE(Holds(run.err, "FAILED: hz3-scale: alloc failed 200")) << run.err;
}

TEST(Repro, PeersMayFailAllocations) {
  if (kSanitizerOwnsMalloc) GTEST_SKIP() << "a sanitizer needs more address space";
  const RunResult run =
      Repro("--threads=2 --iters=100 --ws=8 --min=4000000000 --max=4000000000 --only=glibc",
            "ulimit -v 2000000");
  EXPECT_TRUE(run.Succeeded()) << run.EndText() << run.err << run.out;
}

TEST(Repro, WritesJsonAndMarkdown) {
  const std::string path = testing::TempDir() + "/repro_test.json";
  const RunResult run =
      Repro("--threads=2 --iters=1000 --runs=2 --only=glibc --markdown --json=" + path);
  EXPECT_TRUE(run.Succeeded()) << run.EndText() << run.err;
  EXPECT_TRUE(Holds(run.out, "| glibc | 2 |")) << run.out;
  std::stringstream json;
  json << std::ifstream(path).rdbuf();
  EXPECT_TRUE(Holds(json.str(), "\"alloc_failed\": 0")) << json.str();
}

TEST(Repro, WithWaitingProducersNothingFallsBack) {
  const RunResult run = Repro(
      "--threads=2 --iters=5000 --ring_slots=16 --on_full=wait --runs=1 --only=glibc --markdown");
  EXPECT_TRUE(run.Succeeded()) << run.EndText() << run.err;
  EXPECT_TRUE(Holds(run.out, "| 0.0 % |")) << run.out;
  EXPECT_TRUE(Holds(run.out, "| wait |")) << run.out;
}

TEST(Repro, SaysInOneLineWhatIsWrong) {
  for (const char* args :
       {"--nonsense", "word", "--runs=0", "--only=nobody", "--peer=x", "--peer=x=/no/such/file",
        "--only=glibc --on_full=never", "--only=glibc --min=9 --max=8",
        "--only=glibc --remote_pct=101", "--only=glibc --fill --ring_slots=67108864"}) {
    const RunResult run = Repro(args);
    EXPECT_EQ(run.EndText(), "exit 2") << args;
    EXPECT_EQ(run.out, "") << args;
    EXPECT_EQ(run.err.find('\n'), run.err.size() - 1) << run.err;
  }
}

TEST(Repro, HelpExitsWith0) {
  const RunResult run = Repro("--help");
  EXPECT_TRUE(run.Succeeded());
  EXPECT_TRUE(Holds(run.out, "--quick")) << run.out;
}

}  // namespace
}  // namespace hz3::bench

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  hz3::bench::argv0 = argv[0];
  return RUN_ALL_TESTS();
}
