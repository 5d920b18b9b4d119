// What .bcr/ tells the Bazel Central Registry of a release: read by the parsers that will read it
// there, and in agreement with MODULE.bazel and with what the library says of itself.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>

#include "bench/lib/runfiles.h"
#include "gtest/gtest.h"
#include "hz3/malloc_extension.h"
#include "nlohmann/json.hpp"
#include "testing/lib/subprocess.h"

namespace hz3::testlib {
namespace {

using nlohmann::json;

std::string Contents(const std::string& path) {
  std::ifstream file(bench::FindRunfile("", path));
  EXPECT_TRUE(file.is_open()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

json Json(const std::string& path) {
  json value = json::parse(Contents(path), nullptr, false);
  EXPECT_TRUE(value.is_object()) << path << " is no JSON object";
  return value;
}

// The value of `name = "..."` in the call of module().
std::string OfModule(const std::string& name) {
  const std::string text = Contents("MODULE.bazel");
  std::smatch call;
  std::smatch value;
  EXPECT_TRUE(std::regex_search(text, call, std::regex("\\nmodule\\(([^)]*)\\)")));
  const std::string args = call[1];
  EXPECT_TRUE(std::regex_search(args, value, std::regex("\\b" + name + " = \"([^\"]*)\""))) << args;
  return value[1];
}

TEST(Module, HasTheVersionThatTheLibrarySays) { EXPECT_EQ(OfModule("version"), hz3_version()); }

TEST(Module, HasTheNameOfTheWorkspace) {
  EXPECT_NE(Contents("WORKSPACE").find("workspace(name = \"" + OfModule("name") + "\")"),
            std::string::npos);
}

TEST(BcrMetadata, NamesTheProjectAndLeavesVersionsToTheRegistry) {
  const json metadata = Json(".bcr/metadata.template.json");
  const std::string repository = metadata.at("repository").at(0);
  ASSERT_TRUE(repository.starts_with("github:")) << repository;
  EXPECT_EQ(metadata.at("homepage"), "https://github.com/" + repository.substr(7));
  EXPECT_TRUE(repository.ends_with("/" + OfModule("name"))) << repository;
  ASSERT_FALSE(metadata.at("maintainers").empty());
  for (const json& maintainer : metadata.at("maintainers")) {
    EXPECT_TRUE(maintainer.contains("github")) << maintainer;
  }
  EXPECT_EQ(metadata.at("versions"), json::array());
  EXPECT_EQ(metadata.at("yanked_versions"), json::object());
}

TEST(BcrSource, IsTheArchiveOfATag) {
  const json source = Json(".bcr/source.template.json");
  EXPECT_EQ(source.at("integrity"), "");
  const std::string url = source.at("url");
  EXPECT_TRUE(url.starts_with("https://github.com/{OWNER}/{REPO}/")) << url;
  EXPECT_TRUE(url.ends_with("/{TAG}.tar.gz")) << url;
  // What GitHub calls the top folder of a tag's archive, without the tag's v.
  EXPECT_EQ(source.at("strip_prefix"), "{REPO}-{VERSION}");
}

class BcrYaml : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!RunProgram({"python3", "-c", "import yaml"}).ok()) {
      GTEST_SKIP() << "SKIP: python3 with yaml (python3-yaml) is not installed";
    }
  }

  // By PyYAML's safe loader, which the registry's CI uses.
  static json Yaml(const std::string& path) {
    const RunResult run =
        RunProgram({"python3", "-c",
                    "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))",
                    bench::FindRunfile("", path)});
    EXPECT_TRUE(run.ok()) << run;
    json value = json::parse(run.out, nullptr, false);
    EXPECT_TRUE(value.is_object()) << path << ": " << run.out;
    return value;
  }
};

// Every task says on what it runs, by values that the matrix has.
void ExpectRunnable(const json& tasks, const json& matrix) {
  ASSERT_FALSE(tasks.empty());
  for (const json& task : tasks) {
    EXPECT_EQ(task.at("platform"), "${{ platform }}");
    EXPECT_EQ(task.at("bazel"), "${{ bazel }}");
    EXPECT_FALSE(task.value("build_targets", json()).empty() &&
                 task.value("test_targets", json()).empty());
  }
  EXPECT_FALSE(matrix.at("platform").empty());
  EXPECT_FALSE(matrix.at("bazel").empty());
}

TEST_F(BcrYaml, PresubmitBuildsTheModuleAndTestsTheProjectThatUsesIt) {
  const json presubmit = Yaml(".bcr/presubmit.yml");
  ExpectRunnable(presubmit.at("tasks"), presubmit.at("matrix"));
  const json& test_module = presubmit.at("bcr_test_module");
  ExpectRunnable(test_module.at("tasks"), test_module.at("matrix"));
  const std::string path = test_module.at("module_path");
  EXPECT_NE(bench::FindRunfile("", path + "/MODULE.bazel"), "") << path;
}

TEST_F(BcrYaml, ConfigNamesWhereTheModuleIs) {
  const json roots = Yaml(".bcr/config.yml").at("moduleRoots");
  ASSERT_EQ(roots.size(), 1u);
  const std::string root = roots.at(0);
  EXPECT_NE(bench::FindRunfile("", root + "/MODULE.bazel"), "");
}

}  // namespace
}  // namespace hz3::testlib
