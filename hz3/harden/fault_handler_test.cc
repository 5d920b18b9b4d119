#include "hz3/harden/fault_handler.h"

#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

void Say(const void* address) { dprintf(STDERR_FILENO, "explained %p\n", address); }

void* Inaccessible() { return mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }

void Touch(void* address) { *static_cast<volatile char*>(address) = 1; }

// Under a sanitizer its own handler stands before, and prints.
TEST(FaultHandlerDeathTest, AFaultIsExplainedAndThenEndsTheProcess) {
  void* const address = Inaccessible();
  char expected[64];
  snprintf(expected, sizeof(expected), "explained %p\n", address);
  EXPECT_DEATH((InstallFaultHandler(Say), InstallFaultHandler(nullptr), Touch(address)), expected);
}

TEST(FaultHandlerDeathTest, AHandlerThatWasThereBeforeGetsTheSignal) {
  void* const address = Inaccessible();
  const auto child = [&] {
    signal(SIGSEGV, [](int) { _exit(42); });
    InstallFaultHandler(Say);
    Touch(address);
  };
  EXPECT_EXIT(child(), ::testing::ExitedWithCode(42), "explained");
}

TEST(FaultHandlerDeathTest, ASignalThatSomebodySentIsNotExplained) {
  const auto child = [&] {
    signal(SIGSEGV, [](int) { _exit(42); });
    InstallFaultHandler(Say);
    raise(SIGSEGV);
  };
  EXPECT_EXIT(child(), ::testing::ExitedWithCode(42), "^$");
}

}  // namespace
}  // namespace hz3
