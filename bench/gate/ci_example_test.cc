// The script for a consumer's CI, in a tree whose ./bazelw only says what it was asked for.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "bench/lib/runfiles.h"
#include "bench/lib/subprocess.h"
#include "bench/lib/temp_dir.h"
#include "gtest/gtest.h"

namespace hz3::gate {
namespace {

namespace fs = std::filesystem;

std::string argv0;

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

class CiExample : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(directory_.path() + "/bench/gate");
    script_ = directory_.path() + "/bench/gate/ci_example.sh";
    fs::copy_file(bench::FindRunfile(argv0, "bench/gate/ci_example.sh"), script_);
  }
  void FakeBazelw(const std::string& body) {
    const std::string path = directory_.path() + "/bazelw";
    std::ofstream(path) << "#!/bin/bash\n" << body;
    fs::permissions(path, fs::perms::owner_all);
  }
  bench::RunResult Script(std::vector<std::string> args) {
    args.insert(args.begin(), {"bash", script_});
    return bench::RunCommand({.argv = args, .timeout_s = 30, .directory = directory_.path()});
  }

  const bench::TempDir directory_;
  std::string script_;
};

TEST_F(CiExample, RunsTheGateAndKeepsItsReports) {
  FakeBazelw("echo \"$@\"\n");
  const bench::RunResult run = Script({"--out=reports", "--", "--quick", "--against=HEAD~1"});
  EXPECT_EQ(run.EndText(), "exit 0") << run.err;
  const std::string reports = fs::canonical(directory_.path() + "/reports").string();
  EXPECT_EQ(run.out, "run --config=ci //bench:gate -- --json=" + reports +
                         "/gate.json --junit=" + reports + "/gate.xml --quick --against=HEAD~1\n");
  EXPECT_EQ(Contents(reports + "/gate.txt"), run.out);
}

TEST_F(CiExample, EndsAsTheGateDoes) {
  FakeBazelw("echo failing; exit 1\n");
  EXPECT_EQ(Script({}).EndText(), "exit 1");
  EXPECT_EQ(Contents(directory_.path() + "/gate-reports/gate.txt"), "failing\n");
}

TEST_F(CiExample, ExplainsItselfAndRefusesWhatItDoesNotKnow) {
  const bench::RunResult help = Script({"--help"});
  EXPECT_EQ(help.EndText(), "exit 0");
  EXPECT_NE(help.out.find("usage:"), std::string::npos) << help.out;
  const bench::RunResult wrong = Script({"--nonsense"});
  EXPECT_EQ(wrong.EndText(), "exit 2");
  EXPECT_EQ(wrong.err, "ci_example.sh: unknown argument '--nonsense' (see --help)\n");
}

}  // namespace
}  // namespace hz3::gate

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  hz3::gate::argv0 = argv[0];
  return RUN_ALL_TESTS();
}
