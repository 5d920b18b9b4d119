// The gate as a whole, on rows of a fraction of a second.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "bench/lib/runfiles.h"
#include "bench/lib/sanitizers.h"
#include "bench/lib/subprocess.h"
#include "bench/lib/temp_dir.h"
#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

std::string argv0;

// As `bazel run` starts it in `workspace`, if that is given.
RunResult Gate(std::vector<std::string> args, const std::string& workspace = "") {
  args.insert(args.begin(), FindRunfile(argv0, "bench/gate/gate"));
  return RunCommand({.argv = args,
                     .env = {{"XML_OUTPUT_FILE", ""}, {"BUILD_WORKSPACE_DIRECTORY", workspace}},
                     .timeout_s = 200});
}

bool Holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string FileWith(const TempDir& directory, const std::string& text) {
  const std::string path = directory.path() + "/baselines.txt";
  std::ofstream(path) << text;
  return path;
}

TEST(Gate, PassesAndWritesAllReports) {
  if (kSanitizerOwnsMalloc) GTEST_SKIP() << "SKIP: hz3 cannot be preloaded beside a sanitizer";
  const TempDir directory;
  const std::string json = directory.path() + "/gate.json";
  const std::string junit = directory.path() + "/gate.xml";
  const RunResult run =
      Gate({"--rows=fill_small", "--lanes=scale", "--json=" + json, "--junit", junit});
  EXPECT_EQ(run.EndText(), "exit 0") << run.out << run.err;
  EXPECT_TRUE(Holds(run.out, "gate: pass, 1 figures passed, 0 failed")) << run.out;
  EXPECT_TRUE(Holds(Contents(json), "\"figure\": \"live_pct\"")) << Contents(json);
  EXPECT_TRUE(Holds(Contents(junit), "classname=\"gate.scale.fill_small\"")) << Contents(junit);
}

TEST(Gate, FailsWhenAShareIsBelowItsBaseline) {
  if (kSanitizerOwnsMalloc) GTEST_SKIP() << "SKIP: hz3 cannot be preloaded beside a sanitizer";
  const TempDir directory;
  const std::string strict = FileWith(directory, "fill_small scale live_pct - 100.5\n");
  const RunResult run = Gate({"--rows=fill_small", "--lanes=scale", "--baselines=" + strict});
  EXPECT_EQ(run.EndText(), "exit 1") << run.out << run.err;
  EXPECT_TRUE(Holds(run.out, "FAIL")) << run.out;
}

TEST(Gate, SaysThatARowWithoutABaselineIsUndecided) {
  if (kSanitizerOwnsMalloc) GTEST_SKIP() << "SKIP: hz3 cannot be preloaded beside a sanitizer";
  const TempDir directory;
  const RunResult run =
      Gate({"--rows=library_size", "--lanes=fast", "--baselines=" + FileWith(directory, "")});
  EXPECT_EQ(run.EndText(), "exit 0") << run.out << run.err;
  EXPECT_TRUE(Holds(run.out, "1 undecided")) << run.out;
  EXPECT_TRUE(Holds(run.out, "no baseline for ")) << run.out;
}

TEST(Gate, UpdateWritesWhatItMeasuredAndKeepsTheRest) {
  if (kSanitizerOwnsMalloc) GTEST_SKIP() << "SKIP: hz3 cannot be preloaded beside a sanitizer";
  const TempDir directory;
  const std::string file = FileWith(directory, "# heading\nother scale x - 7\n");
  const RunResult run =
      Gate({"--rows=library_size,hot_path", "--lanes=scale", "--update", "--baselines=" + file});
  EXPECT_EQ(run.EndText(), "exit 0") << run.out << run.err;
  const std::string text = Contents(file);
  EXPECT_TRUE(text.starts_with("# heading\nlibrary_size  scale  loaded_bytes")) << text;
  EXPECT_TRUE(Holds(text, "other         scale  x")) << text;
  EXPECT_FALSE(Holds(text, "hot_path")) << text;
  EXPECT_TRUE(Holds(run.out, "1 figures changed; say why in the commit")) << run.out;
  EXPECT_TRUE(Holds(run.out, "library_size scale loaded_bytes: new")) << run.out;
  const RunResult again = Gate({"--rows=library_size", "--lanes=scale", "--baselines=" + file});
  EXPECT_EQ(again.EndText(), "exit 0") << again.out << again.err;
  EXPECT_TRUE(Holds(again.out, "1 figures passed")) << again.out;
}

TEST(Gate, ListsItsRowsAndExplainsItself) {
  const RunResult list = Gate({"--list"});
  EXPECT_TRUE(list.Succeeded());
  EXPECT_TRUE(Holds(list.out, "instructions_pair")) << list.out;
  const RunResult help = Gate({"--help"});
  EXPECT_TRUE(help.Succeeded());
  for (const std::string flag : {"--against", "--update", "--rows", "--minutes", "--junit"}) {
    EXPECT_TRUE(Holds(help.out, flag)) << help.out;
  }
}

TEST(Gate, SaysInOneLineWhatIsWrong) {
  const TempDir directory;
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"--rows=nonsense"},
        {"--lanes=slow"},
        {"--lanes="},
        {"--minutes=-1"},
        {"--counter=abacus"},
        {"--library=/nonexistent.so"},
        {"--rows=hot_path", "--baselines=/nonexistent"},
        {"--rows=hot_path", "--baselines=" + FileWith(directory, "nonsense\n")},
        {"--rows=hot_path", "--against=/nonexistent"},
        {"--nonsense"}}) {
    const RunResult run = Gate(args);
    EXPECT_EQ(run.EndText(), "exit 2") << args[0] << run.out;
    EXPECT_EQ(run.out, "") << args[0];
    EXPECT_EQ(run.err.find('\n'), run.err.size() - 1) << run.err;
  }
}

TEST(Gate, RefusesWhatOnlyACheckoutOfThisRepositoryHas) {
  const TempDir project;
  const std::string baselines = project.path() + "/bench/gate/baselines.txt";
  std::filesystem::create_directories(project.path() + "/bench/gate");
  std::ofstream(baselines) << "the project's own\n";
  for (const char* flag : {"--update", "--against=HEAD"}) {
    const RunResult run = Gate({"--rows=library_size", flag}, project.path());
    EXPECT_EQ(run.EndText(), "exit 2") << run.out;
    EXPECT_TRUE(Holds(run.err, "in a checkout of hakozuna")) << run.err;
    EXPECT_EQ(run.err.find('\n'), run.err.size() - 1) << run.err;
  }
  EXPECT_EQ(Contents(baselines), "the project's own\n");
}

}  // namespace
}  // namespace hz3::bench

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  hz3::bench::argv0 = argv[0];
  return RUN_ALL_TESTS();
}
