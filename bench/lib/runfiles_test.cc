#include "bench/lib/runfiles.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

namespace fs = std::filesystem;

class RunfilesTest : public testing::Test {
 protected:
  void SetUp() override {
    unsetenv("RUNFILES_DIR");
    unsetenv("TEST_SRCDIR");
    top_ = fs::path(testing::TempDir()) / "runfiles_test";
    fs::remove_all(top_);
  }

  void MakeFile(const fs::path& path) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << "x";
  }

  fs::path top_;
};

TEST_F(RunfilesTest, FindsFilesInTheTreeBesideTheProgram) {
  MakeFile(top_ / "tool.runfiles/hakozuna/hz3/lib.so");
  EXPECT_EQ(FindRunfile((top_ / "tool").string(), "hz3/lib.so"),
            (top_ / "tool.runfiles/hakozuna/hz3/lib.so").string());
}

TEST_F(RunfilesTest, KnowsTheNameOfTheMainRepositoryUnderBzlmod) {
  MakeFile(top_ / "tool.runfiles/_main/hz3/lib.so");
  EXPECT_EQ(FindRunfile((top_ / "tool").string(), "hz3/lib.so"),
            (top_ / "tool.runfiles/_main/hz3/lib.so").string());
}

TEST_F(RunfilesTest, KnowsItsNameAsAModuleOfAnotherProject) {
  for (const std::string name : {"hakozuna~", "hakozuna~0.1.0", "hakozuna~override", "hakozuna+"}) {
    SetUp();
    MakeFile(top_ / "tool.runfiles" / name / "hz3/lib.so");
    MakeFile(top_ / "tool.runfiles/_main/hz3/lib.so");  // the other project's
    EXPECT_EQ(FindRunfile((top_ / "tool").string(), "hz3/lib.so"),
              (top_ / "tool.runfiles" / name / "hz3/lib.so").string());
  }
}

TEST_F(RunfilesTest, TakesNoModuleWithALongerNameForItself) {
  MakeFile(top_ / "tool.runfiles/hakozuna_tools+/hz3/lib.so");
  EXPECT_EQ(FindRunfile((top_ / "tool").string(), "hz3/lib.so"), "");
}

TEST_F(RunfilesTest, PrefersTheTreeThatTheEnvironmentNames) {
  MakeFile(top_ / "tool.runfiles/hakozuna/x");
  MakeFile(top_ / "named/hakozuna/x");
  setenv("RUNFILES_DIR", (top_ / "named").c_str(), 1);
  EXPECT_EQ(FindRunfile((top_ / "tool").string(), "x"), (top_ / "named/hakozuna/x").string());
}

TEST_F(RunfilesTest, IsEmptyForWhatIsNotThere) {
  EXPECT_EQ(FindRunfile((top_ / "tool").string(), "no/such/file"), "");
}

}  // namespace
}  // namespace hz3::bench
