#include "hz3/harden/stack_trace.h"

#include <cstdlib>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hz3 {
namespace {

__attribute__((noinline)) void CollectHere(StackTrace* trace) {
  trace->Collect(0);
  asm volatile("" : : : "memory");  // no tail call: the frame stays
}

TEST(StackTrace, ItsFirstFrameIsWhoCalledCollect) {
  StackTrace trace;
  CollectHere(&trace);
  ASSERT_GT(trace.count, 2u);
  const uintptr_t begin = reinterpret_cast<uintptr_t>(&CollectHere);
  EXPECT_GT(trace.frames[0], begin);
  EXPECT_LT(trace.frames[0], begin + 200);
}

TEST(StackTrace, FramesCanBeLeftOut) {
  StackTrace all, fewer;
  all.Collect(0);
  fewer.Collect(1);
  ASSERT_GT(all.count, 1u);
  EXPECT_EQ(all.frames[1], fewer.frames[0]);
}

TEST(StackTrace, EachFrameIsPrintedWithItsFileAndOffset) {
  StackTrace trace;
  CollectHere(&trace);
  ::testing::internal::CaptureStderr();
  trace.Print();
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(text,
              ::testing::ContainsRegex("^    0x[0-9a-f]+ /.*stack_trace_test\\+0x[0-9a-f]+\n"));
}

std::string Hex(uintptr_t value) {
  char text[20];
  return {text, FormatHex(value, text)};
}

TEST(StackTrace, NumbersAreHexadecimal) {
  EXPECT_EQ(Hex(0), "0x0");
  EXPECT_EQ(Hex(0x1f0), "0x1f0");
  EXPECT_EQ(Hex(UINTPTR_MAX), "0xffffffffffffffff");
}

}  // namespace
}  // namespace hz3
