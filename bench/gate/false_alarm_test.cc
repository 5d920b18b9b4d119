// That an unchanged tree does not fail: the quick rows, as often as --runs says. Each run measures
// and judges anew.
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/lib/plain_args.h"
#include "bench/lib/runfiles.h"
#include "bench/lib/sanitizers.h"
#include "bench/lib/subprocess.h"
#include "gtest/gtest.h"

namespace hz3::gate {
namespace {

std::string argv0;
uint64_t runs = 3;
std::string rows;
std::string minutes = "3";

bench::RunResult Gate() {
  std::vector<std::string> argv = {bench::FindRunfile(argv0, "bench/gate/gate"),
                                   "--minutes=" + minutes};
  argv.push_back(rows.empty() ? "--quick" : "--rows=" + rows);
  return bench::RunCommand({.argv = argv, .env = {{"XML_OUTPUT_FILE", ""}}, .timeout_s = 900});
}

std::string LastLine(const std::string& text) {
  const size_t begin = text.rfind('\n', text.size() - 2);
  return text.empty() ? "" : text.substr(begin + 1);
}

TEST(FalseAlarm, IsNotRaisedByAnyRunOfAnUnchangedTree) {
  if (bench::kSanitizerOwnsMalloc) {
    GTEST_SKIP() << "SKIP: hz3 cannot be preloaded beside a sanitizer";
  }
  for (uint64_t i = 1; i <= runs; ++i) {
    const bench::RunResult run = Gate();
    EXPECT_EQ(run.EndText(), "exit 0") << run.out << run.err;
    std::printf("run %llu: %s", static_cast<unsigned long long>(i), LastLine(run.out).c_str());
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace hz3::gate

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  hz3::gate::argv0 = argv[0];
  hz3::bench::PlainArgs args("Runs the gate on this tree and wants no failure.\n");
  args.Number("runs", "of the gate", {1, 1000}, &hz3::gate::runs);
  args.Text("rows", "of the gate; empty: the quick ones", &hz3::gate::rows);
  args.Text("minutes", "that a run of the gate may take", &hz3::gate::minutes);
  ParseOrExit(&args, argc, argv);
  return RUN_ALL_TESTS();
}
