// The merge gate from a project that depends on hz3, as docs/gate.md says: it is built by that
// project's Bazel, finds what it runs, and refuses what only a checkout of hz3 has.
#include <string>

#include "gtest/gtest.h"
#include "testing/consumer/consumer.h"

namespace hz3::testlib {
namespace {

bool Holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(GateOfAProject, RunsItsRowsAndRefusesToUpdate) {
  const Consumer project({"Workspace", false, false});
  if (!project.missing().empty()) GTEST_SKIP() << "SKIP: " << project.missing();
  project.DeclareDevDependencies();
  const RunResult gate = project.Bazel({"run", "--config=gate", "@hakozuna//bench:gate", "--",
                                        "--rows=hot_path,fill_small", "--lanes=scale"});
  EXPECT_TRUE(gate.ok()) << gate;
  EXPECT_TRUE(Holds(gate.out, "gate: pass")) << gate;
  const RunResult update = project.Bazel(
      {"run", "--config=gate", "@hakozuna//bench:gate", "--", "--rows=library_size", "--update"});
  EXPECT_EQ(update.exit_code, 2) << update;
  EXPECT_TRUE(Holds(update.err, "in a checkout of hakozuna")) << update;
}

}  // namespace
}  // namespace hz3::testlib
