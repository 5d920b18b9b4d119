// The tool as a whole, on rows of a fraction of a second.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "bench/lib/runfiles.h"
#include "bench/lib/sanitizers.h"
#include "bench/lib/subprocess.h"
#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

std::string argv0;

RunResult Peers(std::vector<std::string> args) {
  args.insert(args.begin(), FindRunfile(argv0, "bench/peers"));
  return RunCommand({.argv = args, .timeout_s = 240});
}

bool Holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string FileText(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

TEST(Peers, ComparesBothLanesWithGlibc) {
  if (kSanitizerOwnsMalloc) GTEST_SKIP() << "hz3 cannot be preloaded beside a sanitizer";
  const std::string path = testing::TempDir() + "/peers_test.json";
  const RunResult run = Peers({"--rows=pair_64,floor_64", "--quick", "--runs=1", "--markdown",
                               "--only=hz3-scale,hz3-fast,glibc", "--json=" + path});
  EXPECT_TRUE(run.Succeeded()) << run.EndText() << run.err << run.out;
  for (const char* part :
       {"| row | hz3-scale | hz3-fast | glibc |", "| pair_64 | hz3-scale |",
        "| pair_64 | hz3-fast |", "| too few runs |", "A pair of 64 bytes above its floor"}) {
    EXPECT_TRUE(Holds(run.out, part)) << part << run.out;
  }
  EXPECT_TRUE(Holds(run.err, "[6/6] row 2 of 2 floor_64, ")) << run.err;
  for (const char* part : {"\"row\": \"pair_64\"", "\"cpu_ns_per_op\": ", "\"rss_bytes\": ",
                           "\"verdict\": \"too few runs\"", "\"failures\": []"}) {
    EXPECT_TRUE(Holds(FileText(path), part)) << part << FileText(path);
  }
}

TEST(Peers, GivesVerdictsFromFiveRunsOn) {
  if (kSanitizerOwnsMalloc) GTEST_SKIP() << "hz3 cannot be preloaded beside a sanitizer";
  const RunResult run = Peers({"--rows=pair_6*", "--lanes=scale", "--only=hz3-scale,glibc"});
  EXPECT_TRUE(run.Succeeded()) << run.EndText() << run.err << run.out;
  EXPECT_TRUE(Holds(run.out, "runs of each cell: 5")) << run.out;
  EXPECT_TRUE(Holds(run.out, "visible for certain are differences above")) << run.out;
  EXPECT_FALSE(Holds(run.out, "too few runs")) << run.out;
}

TEST(Peers, MeasuresPeersAlone) {
  const RunResult run = Peers({"--rows=pair_64", "--runs=1", "--only=glibc"});
  EXPECT_TRUE(run.Succeeded()) << run.EndText() << run.err << run.out;
}

TEST(Peers, AFailedRunOfAPeerIsShownAndOneOfOursFails) {
  if (kSanitizerOwnsMalloc) GTEST_SKIP() << "hz3 cannot be preloaded beside a sanitizer";
  const std::vector<std::string> short_time = {"--rows=random_mixed_16_2048", "--runs=1",
                                               "--run_timeout_s=0.001"};
  std::vector<std::string> peer = short_time;
  peer.push_back("--only=glibc");
  const RunResult of_peer = Peers(peer);
  EXPECT_TRUE(of_peer.Succeeded()) << of_peer.EndText();
  EXPECT_TRUE(Holds(of_peer.out, "failed: random_mixed_16_2048, glibc: 1 runs: timeout"))
      << of_peer.out;
  std::vector<std::string> ours = short_time;
  ours.push_back("--only=hz3-scale");
  EXPECT_EQ(Peers(ours).EndText(), "exit 1");
}

TEST(Peers, AnInterruptLeavesNoFilesBehind) {
  const std::string directory = testing::TempDir() + "/peers_test_tmp";
  std::filesystem::create_directory(directory);
  const std::string tool = FindRunfile(argv0, "bench/peers");
  const RunResult run =
      RunCommand({.argv = {"/bin/sh", "-c",
                           tool + " --rows=xz,pair_64 --runs=100 --only=glibc & sleep 1; kill "
                                  "-TERM $!; kill -INT $!; wait $!"},
                  .env = {{"TMPDIR", directory}},
                  .timeout_s = 120});
  EXPECT_EQ(run.EndText().find("exit 130"), 0u) << run.EndText() << run.err;
  EXPECT_TRUE(Holds(run.err, "interrupted")) << run.err;
  EXPECT_TRUE(std::filesystem::is_empty(directory));
}

TEST(Peers, SaysInOneLineWhatIsWrong) {
  for (const std::string args :
       {"--nonsense", "word", "--rows=nonsense", "--rows=pair_64,nonsense*", "--group=nonsense",
        "--group=real --rows=pair_64", "--lanes=nonsense", "--runs=-1", "--runs=101", "--runs=x",
        "--min_pct=-1", "--min_pct=nan", "--run_timeout_s=-1", "--only=nobody", "--peer=x",
        "--peer=x=/no/such/file", "--check --quick", "--check --only=glibc"}) {
    const std::string tool = FindRunfile(argv0, "bench/peers");
    const RunResult run =
        RunCommand({.argv = {"/bin/sh", "-c", tool + " " + args}, .timeout_s = 60});
    EXPECT_EQ(run.EndText(), "exit 2") << args;
    EXPECT_EQ(run.out, "") << args;
    EXPECT_EQ(run.err.find('\n'), run.err.size() - 1) << args << ": " << run.err;
  }
}

TEST(Peers, AMistakeLeavesNoFilesBehind) {
  const std::string directory = testing::TempDir() + "/peers_test_mistake";
  std::filesystem::create_directory(directory);
  const RunResult run = RunCommand({.argv = {FindRunfile(argv0, "bench/peers"), "--rows=nonsense"},
                                    .env = {{"TMPDIR", directory}},
                                    .timeout_s = 60});
  EXPECT_EQ(run.EndText(), "exit 2") << run.err;
  EXPECT_TRUE(std::filesystem::is_empty(directory));
}

TEST(Peers, ListsItsRows) {
  const RunResult run = Peers({"--list", "--group=real"});
  EXPECT_TRUE(run.Succeeded()) << run.EndText();
  EXPECT_TRUE(Holds(run.out, "redis ")) << run.out;
  EXPECT_FALSE(Holds(run.out, "pair_64 ")) << run.out;
}

TEST(Peers, HelpExitsWith0) {
  const RunResult run = Peers({"--help"});
  EXPECT_TRUE(run.Succeeded());
  for (const char* flag : {"--rows", "--peer", "--only", "--min_pct=2", "--check"}) {
    EXPECT_TRUE(Holds(run.out, flag)) << run.out;
  }
}

}  // namespace
}  // namespace hz3::bench

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  hz3::bench::argv0 = argv[0];
  return RUN_ALL_TESTS();
}
