#include "hz3/observe/pprof_profile.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "gtest/gtest.h"
#include "hz3/base/fake_os_memory.h"

namespace hz3 {
namespace {

// The reader of what is written, and the tests that use it, are tools/hz3:pprof_reader and
// testing/integration:heap_profile_test. Here: the bytes as such, and failures.
class PprofProfileTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(profile_.Start(os_, 1)); }
  __attribute__((noinline)) void Note() {
    EXPECT_TRUE(profile_.NoteAllocation(this, 4096));
    asm volatile("" : : : "memory");
  }
  std::string Write() {
    const int fd = memfd_create("profile", 0);
    EXPECT_EQ(WritePprofProfile(profile_, os_, "inuse_space", fd), 0);
    std::string file(static_cast<size_t>(lseek(fd, 0, SEEK_END)), '\0');
    EXPECT_EQ(pread(fd, file.data(), file.size(), 0), static_cast<ssize_t>(file.size()));
    close(fd);
    return file;
  }

  FakeOsMemory os_;
  HeapProfile profile_;
};

TEST_F(PprofProfileTest, TheFileHoldsTheFiguresNamesAndTheModulesPaths) {
  Note();
  const std::string file = Write();
  for (const ProfileFigure& figure : kProfileFigures) {
    EXPECT_NE(file.find(figure.name), std::string::npos) << figure.name;
  }
  EXPECT_NE(file.find("pprof_profile_test"), std::string::npos);
  EXPECT_NE(file.find("libc"), std::string::npos);
}

TEST_F(PprofProfileTest, ASampleMakesTheFileLonger) {
  const size_t empty = Write().size();
  Note();
  EXPECT_GT(Write().size(), empty);
}

TEST_F(PprofProfileTest, ItsMemoryGoesBack) {
  const size_t before = os_.reserved_bytes();
  Write();
  EXPECT_EQ(os_.reserved_bytes(), before);
}

TEST_F(PprofProfileTest, FailuresAreReturned) {
  EXPECT_EQ(WritePprofProfile(profile_, os_, "inuse_space", -1), EBADF);
  os_.Refuse(FakeOsMemory::kCommit);
  EXPECT_EQ(WritePprofProfile(profile_, os_, "inuse_space", 1), ENOMEM);
  os_.Refuse(FakeOsMemory::kReserve);
  EXPECT_EQ(WritePprofProfile(profile_, os_, "inuse_space", 1), ENOMEM);
}

}  // namespace
}  // namespace hz3
