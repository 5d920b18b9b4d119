// Sampled blocks: now and then an allocation of any program lies between guard pages, and what is
// wrong with its use is reported with the stacks of its allocation and free.

#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "testing/lib/allocator_under_test.h"
#include "testing/lib/subprocess.h"

namespace hz3::testlib {
namespace {

// Of so many blocks that take so many slow paths some are sampled, whatever the random numbers are.
constexpr int kBlocks = 300'000;
constexpr std::size_t kBytes = 1000;

std::vector<char*> ManyBlocks() {
  std::vector<char*> blocks(kBlocks);
  for (char*& block : blocks) block = static_cast<char*>(malloc(Opaque(kBytes)));
  return blocks;
}

void FreeAll(const std::vector<char*>& blocks) {
  for (char* block : blocks) free(Opaque(block));
}

class Sampling : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!OnHz3()) GTEST_SKIP() << "this process does not run on hz3";
  }
};

TEST_F(Sampling, AUseAfterFreeOfASampledBlockIsReportedWithBothStacks) {
  const RunResult result = RunInChild([] {
    const std::vector<char*> blocks = ManyBlocks();
    FreeAll(blocks);
    for (char* block : blocks) static_cast<void>(*static_cast<volatile char*>(Opaque(block)));
  });
  EXPECT_EQ(result.signal, SIGSEGV) << result;
  EXPECT_TRUE(result.err.starts_with("hz3: use after free: 0x")) << result;
  for (const char* part : {"the block of 1000 bytes at 0x", "  allocated by thread ",
                           "  freed by thread ", "/sampling_test", "+0x"}) {
    EXPECT_NE(result.err.find(part), std::string::npos) << part << " in " << result;
  }
}

TEST_F(Sampling, ADoubleFreeOfASampledBlockIsReportedAtOnce) {
  const RunResult result = RunInChild([] {
    for (char* block : ManyBlocks()) {
      free(Opaque(block));
      // Only a sampled block, or any in the hardened configuration, ends the process here; others
      // become two in their bin, one of which is taken out.
      free(Opaque(block));
      Opaque(malloc(Opaque(kBytes)));
      Opaque(malloc(Opaque(kBytes)));
    }
  });
  EXPECT_EQ(result.signal, SIGABRT) << result;
  EXPECT_NE(result.err.find("hz3: double free: 0x"), std::string::npos) << result;
}

TEST_F(Sampling, CorrectProgramsAreNotAccused) {
  const RunResult result = RunInChild(
      [] {
        const std::vector<char*> blocks = ManyBlocks();
        for (char* block : blocks) block[0] = block[kBytes - 1] = 1;
        FreeAll(blocks);
      },
      /*run_exit_handlers=*/true);
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_EQ(result.err, "");
}

}  // namespace
}  // namespace hz3::testlib
