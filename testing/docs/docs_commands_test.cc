// Every command that the pages show is executed, or at least held against what there is: see page.h
// for how a page marks what cannot be run here. The log lists what was not.
// Arguments: the pages.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "bench/lib/sanitizers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/docs/files.h"
#include "testing/docs/workshop.h"

namespace hz3::docs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> page_paths;

std::string Root() { return std::filesystem::current_path().string(); }

const Workshop& TheWorkshop() {
  static const Workshop workshop(Root());
  return workshop;
}

void Print(const char* heading, const std::vector<std::string>& commands) {
  if (commands.empty()) return;
  std::printf("%s\n", heading);
  for (const std::string& command : commands) std::printf("  %s\n", command.c_str());
}

class DocsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (bench::kSanitizerOwnsMalloc) GTEST_SKIP() << "SKIP: the sanitizer owns malloc";
  }
};

// -- the pages ------------------------------------------------------------------------------------

// All reports, for the test that comes last.
std::vector<PageReport>& Reports() {
  static auto& reports = *new std::vector<PageReport>;
  return reports;
}

class Pages : public DocsTest, public ::testing::WithParamInterface<std::string> {};

TEST_P(Pages, DoAsTheySay) {
  const PageReport report = TheWorkshop().Try(ReadPage(GetParam(), ReadFile(GetParam())));
  std::printf("%zu executed, %zu checked, %zu not run\n", report.executed.size(),
              report.checked.size(), report.not_run.size());
  Print("not run:", report.not_run);
  for (const std::string& failure : report.failures) ADD_FAILURE() << failure;
  Reports().push_back(report);
}

INSTANTIATE_TEST_SUITE_P(All, Pages, ::testing::ValuesIn(page_paths), [](const auto& param) {
  return std::filesystem::path(param.param).stem().string();
});

// Runs last, as googletest keeps the order of a file's suites after those with parameters: see
// main.
void PrintSum() {
  size_t executed = 0, checked = 0, not_run = 0;
  for (const PageReport& report : Reports()) {
    executed += report.executed.size();
    checked += report.checked.size();
    not_run += report.not_run.size();
  }
  std::printf("all pages: %zu commands executed, %zu checked, %zu not run\n", executed, checked,
              not_run);
}

// -- the test itself ------------------------------------------------------------------------------

using Fixture = DocsTest;

PageReport TryText(const std::string& text) { return TheWorkshop().Try(ReadPage("p.md", text)); }

std::string Block(const std::string& script) { return "```sh\n" + script + "\n```\n"; }

TEST_F(Fixture, ACommandThatWorksIsExecuted) {
  const PageReport report = TryText(Block("test -x bazel-bin/tools/hz3/hz3\nhz3 --help > help"));
  EXPECT_THAT(report.failures, IsEmpty());
  EXPECT_THAT(report.executed, SizeIs(2));
}

TEST_F(Fixture, AFalseCommandFails) {
  EXPECT_THAT(TryText(Block("false")).failures, ElementsAre(HasSubstr("p.md:2: the block failed")));
  EXPECT_THAT(TryText(Block("hz3 tip 1\ntrue")).failures,
              ElementsAre(HasSubstr("there is no command 'tip'")));
  EXPECT_THAT(TryText(Block("hz3 run --statistics true")).failures,
              ElementsAre(HasSubstr("unknown flag --statistics")));
  EXPECT_THAT(TryText(Block("no-such-program-anywhere | cat")).failures, SizeIs(1));
}

TEST_F(Fixture, ACommandThatDoesNotEndFails) {
  const Workshop hasty(Root(), std::chrono::milliseconds(300));
  EXPECT_THAT(hasty.Try(ReadPage("p.md", Block("sleep 60"))).failures, SizeIs(1));
}

TEST_F(Fixture, ATargetThatDoesNotExistFailsBuiltTestedRunAndInTheText) {
  for (const char* verb : {"build", "test", "run"}) {
    const std::string command = std::string("./bazelw ") + verb + " //bench:peer";
    EXPECT_THAT(TryText(Block(command)).failures, ElementsAre(HasSubstr("no target //bench:peer")));
    EXPECT_THAT(TryText("`" + command + "`\n").failures,
                ElementsAre(HasSubstr("no target //bench:peer")));
  }
}

TEST_F(Fixture, AnOptionOfABuildThatDoesNotExistFailsInTheText) {
  for (const char* option :
       {"--config=scales", "--//hz3/config:arenas=1", "--//hz3/config:set=small_bins=1"}) {
    EXPECT_THAT(TryText("`" + std::string(option) + "`\n").failures, SizeIs(1)) << option;
  }
}

TEST_F(Fixture, WhatIsNotRunIsListedWithItsReasonAndCheckedAllTheSame) {
  const PageReport report =
      TryText("<!-- not run: takes long -->\n" + Block("./bazelw run //bench:peers -- --quick"));
  EXPECT_THAT(report.failures, IsEmpty());
  EXPECT_THAT(report.not_run, ElementsAre(HasSubstr("--quick   (takes long)")));
  EXPECT_THAT(report.executed, IsEmpty());
  EXPECT_THAT(
      TryText("<!-- not run: takes long -->\n" + Block("./bazelw run //bench:peers -- --quik"))
          .failures,
      ElementsAre(HasSubstr("--help of //bench:peers does not list --quik")));
  EXPECT_THAT(TryText("`./bazelw run //tools:hz3 -- run --stat -- ls`\n").failures,
              ElementsAre(HasSubstr("does not list --stat")));
  EXPECT_THAT(TryText("`hz3 run --stat`, `hz3 run --stats -- ls --any`\n").failures,
              ElementsAre(HasSubstr("does not list --stat")));
  EXPECT_THAT(TryText("`hz3 tip 1`\n").failures, ElementsAre(HasSubstr("no command 'tip'")));
}

TEST_F(Fixture, AMarkerWithoutAReasonFails) {
  EXPECT_THAT(TryText("<!-- not run -->\n" + Block("true")).failures, SizeIs(1));
}

TEST_F(Fixture, ABlockWhoseProgramIsMissingIsNotRun) {
  const PageReport report = TryText("<!-- needs: no-such-program -->\n" + Block("no-such-program"));
  EXPECT_THAT(report.failures, IsEmpty());
  EXPECT_THAT(report.not_run, ElementsAre(HasSubstr("no-such-program is not installed")));
}

TEST_F(Fixture, ASourceThatDoesNotCompileFails) {
  EXPECT_THAT(TryText("```c\n#include \"hz3/malloc_extension.h\"\n"
                      "int main(void) { return hz3_set_limit(1); }\n```\n")
                  .failures,
              IsEmpty());
  EXPECT_THAT(TryText("```c\nint main(void) { return hz3_set_limits(1); }\n```\n").failures,
              SizeIs(1));
}

TEST_F(Fixture, BlocksOfAPageShareAFolderAndPagesDoNot) {
  EXPECT_THAT(TryText(Block("echo > x") + Block("cat x")).failures, IsEmpty());
  EXPECT_THAT(TryText(Block("cat x")).failures, SizeIs(1));
}

// The stand-in starts programs where Bazel does, in the folder of runfiles.
TEST_F(Fixture, RelativePathsOfBazelRunMeanTheCallersFolder) {
  const std::string record = "./bazelw run //tools:hz3 -- record -o here.jsonl -- your-program 50";
  EXPECT_THAT(TryText(Block(record + "\ntest -s here.jsonl")).failures, IsEmpty());
}

TEST_F(Fixture, WhatABlockLeavesInTheBackgroundEndsWithIt) {
  const PageReport report = TryText(Block("sleep 60 &\necho $! > pid") +
                                    Block("sleep 0.2\n! kill -0 $(cat pid) 2>/dev/null"));
  EXPECT_THAT(report.failures, IsEmpty());
}

}  // namespace
}  // namespace hz3::docs

int main(int argc, char** argv) {
  // InitGoogleTest instantiates the parameters, so they must be known before.
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]).ends_with(".md")) hz3::docs::page_paths.emplace_back(argv[i]);
  }
  ::testing::InitGoogleTest(&argc, argv);
  const int code = RUN_ALL_TESTS();
  hz3::docs::PrintSum();
  return code;
}
