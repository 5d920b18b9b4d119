// What MODULE.bazel gives to a project that depends on hz3, evaluated by the Bazel at hand, be it
// one without bzlmod: only module()'s name and version and the dependencies that are not for
// development reach such a project.
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>

#include "bench/lib/runfiles.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/consumer/consumer.h"

namespace hz3::testlib {
namespace {

using ::testing::IsSupersetOf;
using ::testing::UnorderedElementsAre;

std::string Contents(const std::string& path) {
  std::ifstream file(bench::FindRunfile("", path));
  EXPECT_TRUE(file.is_open()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// What a MODULE.bazel declares: "dep/rules_cc" to its version, for example.
using Declared = std::map<std::string, std::string>;

Declared ParseLabels(const std::string& query_output) {
  Declared declared;
  std::istringstream lines(query_output);
  for (std::string label; std::getline(lines, label);) {
    const std::string record = label.substr(label.find(':') + 1);
    const size_t slash = record.rfind('/');
    declared[record.substr(0, slash)] = record.substr(slash + 1);
  }
  return declared;
}

std::set<std::string> Names(const Declared& declared, bool for_development) {
  std::set<std::string> names;
  for (const auto& [name, version] : declared) {
    if (name.starts_with("dev") == for_development) names.insert(name);
  }
  return names;
}

class ModuleFile : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    project_ = std::make_unique<Consumer>(ConsumerKind{"ModuleFile", false, false});
  }
  static void TearDownTestSuite() { project_ = nullptr; }

  void SetUp() override {
    if (!project_->missing().empty()) GTEST_SKIP() << "SKIP: " << project_->missing();
  }

  static Declared Evaluate(const std::string& module_file) {
    const std::string package = "of/" + module_file;
    project_->Write(package + "/module.bzl",
                    Contents("testing/consumer/module_prelude.bzl") + Contents(module_file));
    project_->Write(package + "/BUILD",
                    "load(\":module.bzl\", \"RECORDS\")\n[filegroup(name = r) for r in RECORDS]\n");
    const RunResult query = project_->Bazel({"query", "//" + package + ":all"});
    EXPECT_TRUE(query.ok()) << query;
    return ParseLabels(query.out);
  }

  static std::unique_ptr<Consumer> project_;
};

std::unique_ptr<Consumer> ModuleFile::project_;

TEST_F(ModuleFile, GivesAProjectRulesAndFlagsAndNothingElse) {
  const Declared ours = Evaluate("MODULE.bazel");
  EXPECT_THAT(Names(ours, false),
              UnorderedElementsAre("module/hakozuna", "dep/bazel_skylib", "dep/rules_cc"));
  EXPECT_THAT(Names(ours, true), IsSupersetOf({"dev/abseil-cpp", "dev/googletest",
                                               "dev_repository/com_github_nlohmann_json"}));
}

TEST_F(ModuleFile, AgreesWithThatOfTheProjectOnVersions) {
  Declared ours = Evaluate("MODULE.bazel");
  Declared theirs = Evaluate("testing/consumer/workspace/MODULE.bazel");
  EXPECT_THAT(Names(theirs, false), UnorderedElementsAre("module/hakozuna_consumer", "dep/hakozuna",
                                                         "dep/rules_cc", "override/hakozuna"));
  EXPECT_NE(ours["module/hakozuna"], "none");
  EXPECT_EQ(theirs["dep/hakozuna"], ours["module/hakozuna"]);
  EXPECT_EQ(theirs["dep/rules_cc"], ours["dep/rules_cc"]);
}

}  // namespace
}  // namespace hz3::testlib
