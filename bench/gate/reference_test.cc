#include "bench/gate/reference.h"

#include <fstream>

#include "bench/lib/subprocess.h"
#include "bench/lib/temp_dir.h"
#include "gtest/gtest.h"

namespace hz3::gate {
namespace {

using Lanes = std::vector<std::string>;

std::string MakeFile(const std::string& path, const std::string& text = "") {
  std::ofstream(path) << text;
  return path;
}

TEST(Reference, IsALibraryForTheLaneOfItsName) {
  const bench::TempDir directory;
  const std::string fast = MakeFile(directory.path() + "/libhakozuna_hz3_fast.so");
  const std::string other = MakeFile(directory.path() + "/other.so");
  const Reference named = ResolveReference(fast, {"scale", "fast"}, "/", "");
  EXPECT_EQ(named.libraries, (std::map<std::string, std::string>{{"fast", fast}}));
  const Reference unnamed = ResolveReference(other, {"scale", "fast"}, "/", "");
  EXPECT_EQ(unnamed.libraries,
            (std::map<std::string, std::string>{{"scale", other}, {"fast", other}}));
  EXPECT_NE(ResolveReference(fast, {"scale"}, "/", "").error, "");
}

TEST(Reference, IsADirectoryWithALibraryForEachLane) {
  const bench::TempDir directory;
  const std::string fast = MakeFile(directory.path() + "/libhakozuna_hz3_fast.so");
  EXPECT_EQ(ResolveReference(directory.path(), {"fast"}, "/", "").libraries.at("fast"), fast);
  EXPECT_NE(ResolveReference(directory.path(), {"scale", "fast"}, "/", "").error, "");
}

TEST(Reference, IsNoRevisionWithoutAWorkspace) {
  const bench::TempDir directory;
  const Reference reference = ResolveReference("HEAD", {"scale"}, "", directory.path());
  EXPECT_NE(reference.error.find("needs a gate that runs in a checkout"), std::string::npos)
      << reference.error;
}

class ReferenceRevision : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!Git({"init", "--quiet"}).Succeeded()) GTEST_SKIP() << "SKIP: git is not installed";
  }
  bench::RunResult Git(Lanes args) {
    args.insert(args.begin(),
                {"git", "-C", tree_.path(), "-c", "user.name=t", "-c", "user.email=t@example.com"});
    return bench::RunCommand({.argv = args, .timeout_s = 60});
  }
  // A tree whose ./bazelw is this script.
  void Commit(const std::string& script) {
    MakeFile(tree_.path() + "/bazelw", "#!/bin/bash\n" + script);
    bench::RunCommand({.argv = {"chmod", "755", tree_.path() + "/bazelw"}});
    Git({"add", "."});
    ASSERT_TRUE(Git({"commit", "--quiet", "-m", "a tree"}).Succeeded());
  }
  std::string Worktrees() { return Git({"worktree", "list"}).out; }

  const bench::TempDir tree_;
  const bench::TempDir out_;
};

TEST_F(ReferenceRevision, IsBuiltByItsOwnBazelwAndLeavesNothingBehind) {
  Commit("[[ $1 != build ]] || { mkdir -p bazel-bin/hz3; echo \"$2\" > bazel-bin/hz3/${2#*:}; }\n");
  const Reference reference = ResolveReference("HEAD", {"scale"}, tree_.path(), out_.path());
  ASSERT_EQ(reference.error, "");
  std::ifstream built(reference.libraries.at("scale"));
  std::string text;
  built >> text;
  EXPECT_EQ(text, "//hz3:libhakozuna_hz3_scale.so");
  EXPECT_EQ(Worktrees().find(out_.path()), std::string::npos) << Worktrees();
}

TEST_F(ReferenceRevision, SaysInOneLineWhyItCannotBeBuilt) {
  Commit("echo 'first' >&2; echo 'the reason' >&2; exit 1\n");
  EXPECT_EQ(ResolveReference("HEAD", {"scale"}, tree_.path(), out_.path()).error,
            "revision HEAD: it does not build: the reason");
  EXPECT_EQ(Worktrees().find(out_.path()), std::string::npos) << Worktrees();
  EXPECT_EQ(ResolveReference("no-such", {"scale"}, tree_.path(), out_.path()).error,
            "'no-such' is no file, no directory and no revision of " + tree_.path());
}

}  // namespace
}  // namespace hz3::gate
