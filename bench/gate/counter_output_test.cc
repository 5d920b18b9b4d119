#include "bench/gate/counter_output.h"

#include "gtest/gtest.h"

namespace hz3::gate {
namespace {

constexpr char kText[] =
    "events: Ir\n"
    "summary: 1000\n"
    "\n"
    "ob=(1) /bin/program\n"
    "fn=(1) main\n"
    "12 100\n"
    "+4 16\n"
    "cob=(2) /lib/libhz3.so\n"
    "cfn=(2) malloc\n"
    "calls=1 -43 \n"
    "* 700\n"
    "-2 8\n"
    "\n"
    "ob=(2)\n"
    "fn=(2)\n"
    "7 500\n"
    "cob=(3) /lib/libc.so.6\n"
    "cfn=(3) memset\n"
    "calls=1 0\n"
    "9 150\n"
    "* 50\n"
    "ob=(3)\n"
    "fn=(3)\n"
    "1 150\n"
    "totals: 824\n";

TEST(CallgrindOutput, HasTheInstructionsOfTheWholeProgram) {
  EXPECT_EQ(AllInstructions(kText), 824u);
  EXPECT_FALSE(AllInstructions("summary: 5\n").has_value());
  EXPECT_FALSE(AllInstructions("").has_value());
}

TEST(CallgrindOutput, CountsInsideAnObjectWithoutWhatItCalled) {
  EXPECT_EQ(InstructionsInside(kText, "libhz3.so"), 550u);
  EXPECT_EQ(InstructionsInside(kText, "program"), 124u);
  EXPECT_EQ(InstructionsInside(kText, "libc.so.6"), 150u);
  EXPECT_EQ(InstructionsInside(kText, "hz3.so"), 0u);
}

TEST(PerfOutput, IsACountOrNothing) {
  EXPECT_EQ(PerfInstructions("# started on\n\n123456,,instructions:u,1000,100.00,,\n"), 123456u);
  EXPECT_FALSE(PerfInstructions("<not supported>,,instructions:u,0,100.00,,\n").has_value());
  EXPECT_FALSE(PerfInstructions("<not counted>,,instructions:u,0,0.00,,\n").has_value());
  EXPECT_FALSE(PerfInstructions("").has_value());
}

}  // namespace
}  // namespace hz3::gate
