#include "hz3/base/report.h"

#include <csignal>
#include <cstdint>
#include <utility>

#include "gtest/gtest.h"

// qemu-user adds a line of its own.
#define HZ3_DEATH_END "(qemu: .*\n)?$"

namespace hz3 {
namespace {

const void* At(uintptr_t address) { return reinterpret_cast<const void*>(address); }

// The whole of stderr: one line and nothing else.
TEST(ReportDeathTest, EachMisuseIsOneLineWithTheAddressAndThenAnAbort) {
  EXPECT_EXIT(ReportMisuse(Misuse::kForeignPointer, At(0x7f00deadbeef)),
              ::testing::KilledBySignal(SIGABRT),
              "^hz3: free of a pointer that hz3 never gave out: 0x7f00deadbeef\n" HZ3_DEATH_END);
  EXPECT_EXIT(ReportMisuse(Misuse::kInteriorPointer, At(0x10)), ::testing::KilledBySignal(SIGABRT),
              "^hz3: free of an interior pointer .inside a block, not its start.: 0x10\n" HZ3_DEATH_END);
  EXPECT_EXIT(ReportMisuse(Misuse::kDoubleFree, At(0x1000)), ::testing::KilledBySignal(SIGABRT),
              "^hz3: double free: 0x1000\n" HZ3_DEATH_END);
}

TEST(ReportDeathTest, WhatHardeningFindsIsNamed) {
  const std::pair<Misuse, const char*> kinds[] = {
      {Misuse::kNotABlock, "header was overwritten: 0x10\n" HZ3_DEATH_END},
      {Misuse::kOverflow, "^hz3: overflow, .*: 0x10\n" HZ3_DEATH_END},
      {Misuse::kUnderflow, "^hz3: underflow, .*: 0x10\n" HZ3_DEATH_END},
      {Misuse::kUseAfterFree, "^hz3: use after free, .*: 0x10\n" HZ3_DEATH_END},
      {Misuse::kWrongKind, "^hz3: free, delete or delete.*: 0x10\n" HZ3_DEATH_END},
      {Misuse::kWrongSize, "^hz3: sized delete .*: 0x10\n" HZ3_DEATH_END},
  };
  for (const auto& [misuse, line] : kinds) {
    EXPECT_EXIT(ReportMisuse(misuse, At(0x10)), ::testing::KilledBySignal(SIGABRT), line);
  }
}

TEST(Report, AFaultIsDescribedInOneLine) {
  ::testing::internal::CaptureStderr();
  Describe(Misuse::kZeroSizeAccess, At(0x10));
  Describe(Misuse::kAccessAfterFree, At(0x20));
  Describe(Misuse::kAccessBefore, At(0x30));
  Describe(Misuse::kAccessBehind, At(0x40));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "hz3: access to a block of 0 bytes: 0x10\n"
            "hz3: use after free, an access to a freed block: 0x20\n"
            "hz3: underflow, an access before a block: 0x30\n"
            "hz3: overflow, an access behind a block: 0x40\n");
}

TEST(ReportDeathTest, AddressesAreShownFromZeroToTheHighest) {
  EXPECT_EXIT(ReportMisuse(Misuse::kDoubleFree, At(0)), ::testing::KilledBySignal(SIGABRT),
              "^hz3: double free: 0x0\n" HZ3_DEATH_END);
  EXPECT_EXIT(ReportMisuse(Misuse::kDoubleFree, At(UINTPTR_MAX)),
              ::testing::KilledBySignal(SIGABRT), "^hz3: double free: 0xffffffffffffffff\n" HZ3_DEATH_END);
}

TEST(ReportDeathTest, AFatalMessageIsOneLine) {
  EXPECT_EXIT(ReportFatal("no heap"), ::testing::KilledBySignal(SIGABRT), "^hz3: no heap\n" HZ3_DEATH_END);
}

TEST(ReportDeathTest, AMessageThatIsTooLongIsCutAndStillAborts) {
  static char longest[1000];
  for (char& c : longest) c = 'x';
  longest[sizeof(longest) - 1] = '\0';
  EXPECT_EXIT(ReportFatal(longest), ::testing::KilledBySignal(SIGABRT), "^hz3: x+");
}

TEST(Report, WritesExactlyTheBytesGiven) {
  ::testing::internal::CaptureStderr();
  WriteToStderr("abcdef", 4);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "abcd");
}

}  // namespace
}  // namespace hz3
