#include "hz3/policy/cgroup.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

// Files below a directory of their own, as a process in some cgroup sees them.
class CgroupTest : public ::testing::Test {
 protected:
  CgroupTest() {
    const char* base = getenv("TEST_TMPDIR");
    std::string pattern = std::string(base != nullptr ? base : "/tmp") + "/cgroup_XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  ~CgroupTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path full = root_ + path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << text;
  }
  void WriteProc(const std::string& cgroup, const std::string& mountinfo) {
    Write("/proc/self/cgroup", cgroup);
    Write("/proc/self/mountinfo", mountinfo);
  }
  size_t Limit() const { return CgroupMemoryLimit(root_.c_str()); }

  std::string root_;
};

// A desktop with systemd: version 2 only.
constexpr char kV2Mounts[] =
    "22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw,errors=remount-ro\n"
    "25 22 0:23 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw\n"
    "29 28 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 "
    "rw,nsdelegate,memory_recursiveprot\n"
    "30 28 0:27 / /sys/fs/pstore rw,nosuid,nodev,noexec,relatime shared:10 - pstore pstore rw\n";

TEST_F(CgroupTest, InVersion2TheSmallestLimitOnTheWayUpCounts) {
  WriteProc("0::/user.slice/user-1000.slice/session-2.scope\n", kV2Mounts);
  const std::string user = "/sys/fs/cgroup/user.slice";
  Write("/sys/fs/cgroup/memory.max", "1048576\n");  // a real root has none; if it had, it counts
  Write(user + "/memory.max", "max\n");
  Write(user + "/user-1000.slice/memory.max", "536870912\n");
  Write(user + "/user-1000.slice/session-2.scope/memory.max", "1073741824\n");
  EXPECT_EQ(Limit(), 1 * kMiB);
  std::filesystem::remove(root_ + "/sys/fs/cgroup/memory.max");
  EXPECT_EQ(Limit(), 512 * kMiB);
  Write(user + "/user-1000.slice/session-2.scope/memory.max", "268435456\n");
  EXPECT_EQ(Limit(), 256 * kMiB);
  Write(user + "/memory.max", "134217728\n");
  EXPECT_EQ(Limit(), 128 * kMiB);
}

TEST_F(CgroupTest, InVersion2WithoutALimitThereIsNone) {
  WriteProc("0::/user.slice\n", kV2Mounts);
  EXPECT_EQ(Limit(), kNoCgroupLimit) << "the controller is not on: no such file";
  Write("/sys/fs/cgroup/user.slice/memory.max", "max\n");
  EXPECT_EQ(Limit(), kNoCgroupLimit);
}

// In a container with a cgroup namespace of its own the path is the root.
TEST_F(CgroupTest, InAContainerOfVersion2TheRootItselfHasALimit) {
  WriteProc("0::/\n",
            "1571 1570 0:26 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup "
            "rw,nsdelegate\n");
  Write("/sys/fs/cgroup/memory.max", "67108864\n");
  EXPECT_EQ(Limit(), 64 * kMiB);
}

constexpr char kV1Memberships[] =
    "12:hugetlb:/docker/0123abcd\n"
    "7:cpu,cpuacct:/docker/0123abcd\n"
    "5:memory:/docker/0123abcd\n"
    "1:name=systemd:/docker/0123abcd\n";

// In a container of version 1 the mount shows the container's group as its root.
TEST_F(CgroupTest, InAContainerOfVersion1TheRootOfTheMountIsTheGroup) {
  WriteProc(kV1Memberships,
            "720 719 0:30 /docker/0123abcd /sys/fs/cgroup/cpu,cpuacct ro,nosuid - cgroup cgroup "
            "rw,cpu,cpuacct\n"
            "724 719 0:33 /docker/0123abcd /sys/fs/cgroup/memory ro,nosuid,nodev,noexec,relatime "
            "master:17 - cgroup cgroup rw,memory\n");
  Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "209715200\n");
  Write("/sys/fs/cgroup/memory/docker/0123abcd/memory.limit_in_bytes", "1\n");
  EXPECT_EQ(Limit(), 200 * kMiB);
}

TEST_F(CgroupTest, OnAHostOfVersion1TheGroupIsBelowTheMountAndAHugeNumberIsNoLimit) {
  WriteProc(kV1Memberships,
            "33 25 0:28 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory\n");
  const std::string memory = "/sys/fs/cgroup/memory";
  Write(memory + "/memory.limit_in_bytes", "9223372036854771712\n");
  Write(memory + "/docker/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(Limit(), kNoCgroupLimit);
  Write(memory + "/docker/0123abcd/memory.limit_in_bytes", "134217728\n");
  EXPECT_EQ(Limit(), 128 * kMiB);
  Write(memory + "/docker/memory.limit_in_bytes", "4194304\n");
  EXPECT_EQ(Limit(), 4 * kMiB);
}

// Both versions mounted; the order of the lines does not matter.
TEST_F(CgroupTest, WhereBothVersionsAreMountedTheOneWithTheMemoryControllerCounts) {
  const std::string mounts =
      "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
      "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n";
  Write("/sys/fs/cgroup/unified/a/memory.max", "1048576\n");
  Write("/sys/fs/cgroup/memory/b/memory.limit_in_bytes", "8388608\n");
  WriteProc("4:memory:/b\n1:cpu:/\n0::/a\n", mounts);
  EXPECT_EQ(Limit(), 8 * kMiB);
  WriteProc("0::/a\n4:memory:/b\n", mounts);
  EXPECT_EQ(Limit(), 8 * kMiB);
  WriteProc("1:cpu:/\n0::/a\n", mounts);
  EXPECT_EQ(Limit(), 1 * kMiB);
}

TEST_F(CgroupTest, AControllerIsKnownByItsWholeName) {
  WriteProc("3:memory2,cpu:/a\n", "35 31 0:32 / /m rw - cgroup cgroup rw,memory\n");
  Write("/m/a/memory.limit_in_bytes", "8388608\n");
  EXPECT_EQ(Limit(), kNoCgroupLimit);
  WriteProc("3:cpu,memory:/a\n",
            "34 31 0:32 / /n rw - cgroup cgroup rw,memory2\n"
            "35 31 0:32 / /m rw - cgroup cgroup rw,cpu,memory\n");
  Write("/n/a/memory.limit_in_bytes", "4194304\n");
  EXPECT_EQ(Limit(), 8 * kMiB);
}

TEST_F(CgroupTest, AMountThatDoesNotShowTheGroupIsPassedOver) {
  const std::string elsewhere =
      "724 719 0:33 /docker/other /elsewhere rw - cgroup cgroup rw,memory\n"
      "725 719 0:33 /docker/0123 /prefix rw - cgroup cgroup rw,memory\n";
  Write("/elsewhere/memory.limit_in_bytes", "4096\n");
  Write("/prefix/memory.limit_in_bytes", "4096\n");
  Write("/prefixabcd/memory.limit_in_bytes", "4096\n");
  WriteProc(kV1Memberships, elsewhere);
  EXPECT_EQ(Limit(), kNoCgroupLimit);
  WriteProc(kV1Memberships, elsewhere + "726 719 0:33 / /all rw - cgroup cgroup rw,memory\n");
  Write("/all/docker/0123abcd/memory.limit_in_bytes", "8192\n");
  EXPECT_EQ(Limit(), 8192u);
}

TEST_F(CgroupTest, AGroupOutsideOfTheNamespaceCannotBeSeen) {
  WriteProc("0::/../../other\n", kV2Mounts);
  Write("/sys/fs/cgroup/memory.max", "4096\n");
  Write("/sys/other/memory.max", "4096\n");
  EXPECT_EQ(Limit(), kNoCgroupLimit);
}

TEST_F(CgroupTest, BlanksInAMountPointAreEscaped) {
  WriteProc("0::/a b\n", "29 28 0:26 / /my\\040groups\\134 rw - cgroup2 cgroup2 rw\n");
  Write("/my groups\\/a b/memory.max", "8192\n");
  EXPECT_EQ(Limit(), 8192u);
}

TEST_F(CgroupTest, LinesThatAreTooLongArePassedOverWhole) {
  const std::string lowers(3 * kMaxCgroupText, 'x');
  WriteProc("0::/a\n", "28 27 0:25 / / rw - overlay overlay rw,lowerdir=" + lowers +
                           " - cgroup2 cgroup2 rw\n" + kV2Mounts);
  Write("/sys/fs/cgroup/a/memory.max", "8192\n");
  EXPECT_EQ(Limit(), 8192u);
  WriteProc("0::/" + lowers + "\n", kV2Mounts);
  Write("/sys/fs/cgroup/memory.max", "8192\n");
  EXPECT_EQ(Limit(), kNoCgroupLimit);
}

TEST_F(CgroupTest, WithoutFilesOrWithNonsenseInThemThereIsNoLimit) {
  EXPECT_EQ(Limit(), kNoCgroupLimit);
  for (const char* text : {"", "\n", "::::", "0::", "0:", "memory", "\n\n\n"}) {
    WriteProc(text, text);
    EXPECT_EQ(Limit(), kNoCgroupLimit) << text;
    WriteProc("0::/\n", text);
    EXPECT_EQ(Limit(), kNoCgroupLimit) << text;
  }
  WriteProc("0::/\n", "1 2 3 / / rw - cgroup2");
  EXPECT_EQ(Limit(), kNoCgroupLimit);
}

TEST_F(CgroupTest, ErrnoIsKept) {
  errno = 4711;
  Limit();
  EXPECT_EQ(errno, 4711);
}

TEST(ParseCgroupLimit, TakesWholeNumbersOnly) {
  EXPECT_EQ(ParseCgroupLimit("0"), 0u);
  EXPECT_EQ(ParseCgroupLimit("4096\n"), 4096u);
  EXPECT_EQ(ParseCgroupLimit("1099511627776"), size_t{1} << 40);
  for (const char* text : {"", "max", "max\n", "-1", "12k", "99999999999999999999999999",
                           "9223372036854771712", "18446744073709551617"}) {
    EXPECT_EQ(ParseCgroupLimit(text), kNoCgroupLimit) << text;
  }
}

// On the machine that runs this test: whatever it says, it is no nonsense.
TEST(CgroupMemoryLimit, OfThisProcessIsNoneOrAWholeNumberOfPages) {
  const size_t limit = CgroupMemoryLimit();
  if (limit == kNoCgroupLimit) GTEST_SKIP() << "this process runs under no limit";
  EXPECT_EQ(limit % 4096, 0u);
  EXPECT_GT(limit, kMiB);
}

}  // namespace
}  // namespace hz3
