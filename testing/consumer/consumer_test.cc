// A project that depends on hz3 the way that README.md says, with a Bazel of its own: its programs
// run on hz3, its flags reach it, and nothing that only hz3's own tests and tools need is fetched.
// HZ3_MODERN_BAZEL=/path/to/bazel runs the same with Bazel 7 or later, with and without bzlmod.
#include "testing/consumer/consumer.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace hz3::testlib {
namespace {

using nlohmann::json;

constexpr ConsumerKind kKinds[] = {
    {"Workspace", false, false}, {"ModernWorkspace", true, false}, {"ModernBzlmod", true, true}};

// One project of each kind serves all tests, as its Bazel needs seconds to start. Ended by main.
std::map<std::string, std::unique_ptr<Consumer>> consumers;

class ConsumerTest : public ::testing::TestWithParam<ConsumerKind> {
 protected:
  void SetUp() override {
    std::unique_ptr<Consumer>& consumer = consumers[GetParam().name];
    if (consumer == nullptr) consumer = std::make_unique<Consumer>(GetParam());
    // Who names a Bazel wants it used.
    const bool asked_for = GetParam().modern_bazel && std::getenv("HZ3_MODERN_BAZEL") != nullptr;
    ASSERT_TRUE(consumer->missing().empty() || !asked_for) << consumer->missing();
    if (!consumer->missing().empty()) GTEST_SKIP() << "SKIP: " << consumer->missing();
    project_ = consumer.get();
  }

  ::testing::AssertionResult Succeeds(const std::vector<std::string>& args) {
    const RunResult run = project_->Bazel(args);
    if (run.ok()) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << args.front() << ": " << run;
  }

  // What a program that prints JSON says.
  json Said(const std::string& target) {
    const RunResult run = project_->Built(target);
    EXPECT_TRUE(run.ok()) << run;
    json said = json::parse(run.out, nullptr, false);
    EXPECT_TRUE(said.is_object()) << run.out;
    return said;
  }

  Consumer* project_ = nullptr;
};

TEST_P(ConsumerTest, TestsOfTheProjectPass) { ASSERT_TRUE(Succeeds({"test", "//..."})); }

TEST_P(ConsumerTest, ProgramsInCAndCxxRunOnHz3) {
  ASSERT_TRUE(Succeeds({"build", "//..."}));
  const json server = Said("server");
  EXPECT_EQ(server["lane"], "scale");
  EXPECT_GE(server["stats"]["handed_out_bytes"].get<uint64_t>(), 10'000'000u) << server;
  const json in_c = Said("server_in_c");
  EXPECT_EQ(in_c["version"], server["version"]);
  EXPECT_GE(in_c["committed_bytes"].get<uint64_t>(), 10'000'000u) << in_c;
}

TEST_P(ConsumerTest, CustomMallocGivesHz3ToAProgramThatDoesNotKnowIt) {
  ASSERT_TRUE(Succeeds({"build", "//:plain"}));
  EXPECT_EQ(project_->Built("plain").out, "the C library's\n");
  ASSERT_TRUE(Succeeds({"build", "--custom_malloc=@hakozuna//hz3:malloc", "//:plain"}));
  EXPECT_EQ(project_->Built("plain").out, "scale\n");
}

TEST_P(ConsumerTest, LaneAndSwitchesComeFromTheProjectsFlags) {
  ASSERT_TRUE(Succeeds({"build", "--@hakozuna//hz3/config:lane=fast",
                        "--@hakozuna//hz3/config:set=decay_half_life_ms=1234", "//:server"}));
  const json server = Said("server");
  EXPECT_EQ(server["lane"], "fast");
  EXPECT_EQ(server["decay_half_life_ms"], 1234);
}

bool IsForDevelopment(const std::string& repository) {
  for (const char* word :
       {"absl", "abseil", "googletest", "benchmark", "json", "chart", "kurkle"}) {
    if (repository.find(word) != std::string::npos) return true;
  }
  return false;
}

TEST_P(ConsumerTest, NothingIsFetchedThatOnlyHz3sOwnTestsAndToolsNeed) {
  ASSERT_TRUE(Succeeds({"build", "//..."}));
  const std::vector<std::string> fetched = project_->Fetched();
  EXPECT_TRUE(std::any_of(fetched.begin(), fetched.end(), [](const std::string& repository) {
    return repository.starts_with("rules_cc");
  }));
  for (const std::string& repository : fetched) {
    EXPECT_FALSE(IsForDevelopment(repository)) << repository;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, ConsumerTest, ::testing::ValuesIn(kKinds),
                         [](const auto& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace hz3::testlib

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const int code = RUN_ALL_TESTS();
  hz3::testlib::consumers.clear();
  return code;
}
