#include "bench/gate/instruction_counter.h"

#include <fstream>

#include "gtest/gtest.h"

namespace hz3::gate {
namespace {

TEST(InstructionCounter, CountsTheSameProgramTheSameTwice) {
  const InstructionCounter counter("auto");
  if (counter.tool() != InstructionCounter::Tool::kCallgrind) {
    GTEST_SKIP() << "SKIP: valgrind is not installed, so nothing counts instructions exactly";
  }
  const InstructionCount first = counter.Count({"/bin/true"}, "");
  const InstructionCount second = counter.Count({"/bin/true"}, "");
  ASSERT_EQ(first.failure, "");
  EXPECT_GT(first.all, 10'000u);
  // What the kernel passes to a process (its pid, random bytes) may move a few.
  EXPECT_NEAR(static_cast<double>(first.all), static_cast<double>(second.all), 500);
}

TEST(InstructionCounter, SaysWhenThereIsNoTool) {
  const InstructionCounter counter("nonsense");
  EXPECT_EQ(counter.tool_name(), "none");
  EXPECT_EQ(counter.Count({"/bin/true"}, "").failure,
            "there is neither callgrind nor a working perf");
}

TEST(InstructionCounter, SaysWhyAProgramCouldNotBeCounted) {
  const InstructionCounter counter("auto");
  if (counter.tool() == InstructionCounter::Tool::kNone) {
    GTEST_SKIP() << "SKIP: neither valgrind nor perf counts instructions on this machine";
  }
  EXPECT_NE(counter.Count({"/bin/false"}, "").failure, "");
  EXPECT_NE(counter.Count({"/nonexistent/program"}, "").failure, "");
}

TEST(InstructionCounter, DoesNotTakeALibraryForPreloadedThatIsNot) {
  const InstructionCounter counter("auto");
  if (counter.tool() != InstructionCounter::Tool::kCallgrind) {
    GTEST_SKIP() << "SKIP: valgrind is not installed, so nothing counts instructions exactly";
  }
  EXPECT_EQ(counter.Count({"/bin/true"}, "/nonexistent/lib.so").failure, "not preloaded");
}

}  // namespace
}  // namespace hz3::gate
