// Heap profiles of the whole allocator: what a profile says about call sites whose blocks are
// known.

#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <regex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "testing/integration/extension.h"
#include "testing/lib/allocator_under_test.h"
#include "testing/lib/random.h"
#include "testing/lib/subprocess.h"
#include "testing/lib/temp_dir.h"
#include "tools/hz3/pprof_reader.h"

// Call sites, each in a section of its own, so that a frame can be told to lie in it. The empty
// assembler keeps the call from being the last thing they do.
#define SITE(name)                                                                       \
  extern "C" const char __start_##name[];                                                \
  extern "C" const char __stop_##name[];                                                 \
  __attribute__((noinline, section(#name))) static char* name##_allocate(size_t bytes) { \
    void* p = malloc(bytes);                                                             \
    asm volatile("" : "+r"(p) : : "memory");                                             \
    return static_cast<char*>(p);                                                        \
  }                                                                                      \
  static const hz3::testlib::CallSite name = {__start_##name, __stop_##name, name##_allocate};

namespace hz3::testlib {
namespace {
struct CallSite {
  const char* begin;
  const char* end;
  char* (*allocate)(size_t);
};
}  // namespace
}  // namespace hz3::testlib

SITE(site_a)
SITE(site_b)
SITE(site_c)

namespace hz3::testlib {
namespace {

using tool::PprofProfile;

constexpr size_t kEveryBlock = 1;
// Estimates may be off by this many standard deviations: one test in a thousand million fails by
// chance.
constexpr double kSigmas = 6;

bool LiesIn(const CallSite& site, uint64_t address) {
  return address >= reinterpret_cast<uint64_t>(site.begin) &&
         address < reinterpret_cast<uint64_t>(site.end);
}

bool IsOf(const CallSite& site, const PprofProfile& profile, const tool::PprofSample& sample) {
  for (const uint64_t id : sample.locations) {
    if (LiesIn(site, profile.locations.at(id).address)) return true;
  }
  return false;
}

int64_t Total(const PprofProfile& profile, const char* figure) {
  const int index = profile.FigureIndex(figure);
  int64_t sum = 0;
  for (const tool::PprofSample& sample : profile.samples) {
    sum += sample.values[static_cast<size_t>(index)];
  }
  return sum;
}

int64_t Value(const PprofProfile& profile, const char* figure, const CallSite& site) {
  PprofProfile part = profile;
  std::erase_if(part.samples, [&](const auto& sample) { return !IsOf(site, profile, sample); });
  return Total(part, figure);
}

PprofProfile ParsedFile(int fd) {
  std::string file(static_cast<size_t>(lseek(fd, 0, SEEK_END)), '\0');
  EXPECT_EQ(pread(fd, file.data(), file.size(), 0), static_cast<ssize_t>(file.size()));
  close(fd);
  auto profile = tool::ParsePprof(file);
  EXPECT_TRUE(profile.ok()) << profile.status();
  return profile.ok() ? *std::move(profile) : PprofProfile();
}

PprofProfile Written(int first = 0) {
  const int fd = memfd_create("profile", MFD_CLOEXEC);
  EXPECT_EQ(Hz3().heap_profile_write(fd, first), 0) << strerror(errno);
  return ParsedFile(fd);
}

size_t Usable(size_t bytes) {
  void* p = malloc(bytes);
  const size_t usable = malloc_usable_size(p);
  free(p);
  return usable;
}

class HeapProfileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!OnHz3()) GTEST_SKIP() << "this process does not run on hz3";
  }
  void TearDown() override {
    if (OnHz3()) Hz3().heap_profile_stop();
  }

  void Start(size_t interval) { ASSERT_EQ(Hz3().heap_profile_start(interval), 0); }
};

void FreeAll(std::vector<char*>& blocks) {
  for (char* block : blocks) free(block);
  blocks.clear();
}

TEST_F(HeapProfileTest, EveryBlockIsCountedAtAnIntervalOfOneByte) {
  Start(kEveryBlock);
  constexpr int kBlocks = 1000;
  std::vector<char*> blocks(kBlocks);
  for (char*& block : blocks) block = site_a.allocate(100);
  for (size_t i = 0; i < 400; ++i) free(std::exchange(blocks[i * 2], nullptr));
  const PprofProfile profile = Written();
  const int64_t usable = static_cast<int64_t>(Usable(100));
  EXPECT_EQ(Value(profile, "alloc_objects", site_a), kBlocks);
  EXPECT_EQ(Value(profile, "alloc_space", site_a), kBlocks * usable);
  EXPECT_EQ(Value(profile, "inuse_objects", site_a), kBlocks - 400);
  EXPECT_EQ(Value(profile, "inuse_space", site_a), (kBlocks - 400) * usable);
  EXPECT_EQ(Value(profile, "peak_objects", site_a), kBlocks);
  EXPECT_EQ(Value(profile, "inuse_objects", site_b), 0);
  FreeAll(blocks);
  EXPECT_EQ(Value(Written(), "inuse_objects", site_a), 0);
}

TEST_F(HeapProfileTest, BlocksOfEverySizeComeAndGo) {
  Start(kEveryBlock);
  for (size_t bytes = 1; bytes <= size_t{64} << 20; bytes += bytes / 2 + 1) {
    char* p = site_a.allocate(bytes);
    ASSERT_NE(p, nullptr);
    const int64_t usable = static_cast<int64_t>(malloc_usable_size(p));
    EXPECT_EQ(Value(Written(), "inuse_space", site_a), usable) << bytes;
    free(p);
    EXPECT_EQ(Value(Written(), "inuse_space", site_a), 0) << bytes;
  }
}

TEST_F(HeapProfileTest, AResizedBlockIsOneBlockOfItsNewSize) {
  Start(kEveryBlock);
  const int64_t before = Total(Written(), "inuse_objects");
  void* p = malloc(Opaque<size_t>(1));
  for (size_t bytes = 1; bytes <= size_t{24} << 20; bytes += bytes / 3 + 1) {
    p = realloc(p, Opaque(bytes));
    memset(p, 1, bytes);
  }
  for (size_t bytes = size_t{24} << 20; bytes > 100; bytes -= bytes / 3) {
    p = realloc(p, Opaque(bytes));
  }
  EXPECT_EQ(Total(Written(), "inuse_objects"), before + 1);
  free(p);
  EXPECT_EQ(Total(Written(), "inuse_objects"), before);
}

// Whether the estimate is what the blocks are, within what chance does.
void ExpectEstimate(double estimate, const std::vector<char*>& blocks, size_t interval) {
  double bytes = 0;
  double variance = 0;
  for (char* block : blocks) {
    const double size = static_cast<double>(malloc_usable_size(block));
    const double p = -std::expm1(-size / static_cast<double>(interval));
    bytes += size;
    variance += size * size * (1 - p) / p;
  }
  EXPECT_NEAR(estimate, bytes, kSigmas * std::sqrt(variance) + 1);
}

TEST_F(HeapProfileTest, EstimatesAreTrueForAMixtureOfSizes) {
  constexpr size_t kInterval = 16384;
  Start(kInterval);
  Random random(20261125);
  std::vector<char*> blocks(20'000);
  for (char*& block : blocks) block = site_a.allocate(1 + random.Below(3000));
  for (int i = 0; i < 200; ++i) blocks.push_back(site_a.allocate(random.Below(100'000)));
  ExpectEstimate(static_cast<double>(Value(Written(), "inuse_space", site_a)), blocks, kInterval);
  for (size_t i = 0; i < blocks.size(); i += 2) free(std::exchange(blocks[i], nullptr));
  std::erase(blocks, nullptr);
  ExpectEstimate(static_cast<double>(Value(Written(), "inuse_space", site_a)), blocks, kInterval);
  FreeAll(blocks);
  EXPECT_EQ(Value(Written(), "inuse_space", site_a), 0);
}

// Which malloc finds its bin empty has little to do with who keeps blocks: here it is nearly always
// one of the short-lived ones.
TEST_F(HeapProfileTest, ALeakIsSeenBesideShortLivedBlocksOfTheSameSize) {
  constexpr size_t kInterval = 4096;
  Start(kInterval);
  std::vector<char*> leaked(5000);
  for (char*& block : leaked) {
    block = site_a.allocate(64);
    for (int k = 0; k < 100; ++k) free(site_b.allocate(64));
  }
  const PprofProfile profile = Written();
  ExpectEstimate(static_cast<double>(Value(profile, "inuse_space", site_a)), leaked, kInterval);
  EXPECT_EQ(Value(profile, "inuse_space", site_b), 0);
  EXPECT_GT(Value(profile, "alloc_space", site_b), 0);
  FreeAll(leaked);
}

TEST_F(HeapProfileTest, FreesByOtherThreadsAreNoticed) {
  for (const size_t interval : {kEveryBlock, size_t{2048}}) {
    Start(interval);
    std::vector<char*> blocks;
    std::thread([&] {
      Random random(7);
      for (int i = 0; i < 20'000; ++i) blocks.push_back(site_a.allocate(1 + random.Below(5000)));
    }).join();
    EXPECT_GT(Value(Written(), "inuse_objects", site_a), 10'000);
    std::thread([&] { FreeAll(blocks); }).join();
    EXPECT_EQ(Value(Written(), "inuse_objects", site_a), 0) << interval;
  }
}

// Blocks that change hands among threads while the profile is written, stopped and started.
TEST_F(HeapProfileTest, NothingIsLeftOfManyThreadsAtWork) {
  constexpr int kThreads = 6;
  constexpr int kSteps = 60'000;
  constexpr size_t kSlots = 2048;
  Start(1024);
  std::vector<std::atomic<char*>> slots(kSlots);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&slots, t] {
      Random random(static_cast<std::uint64_t>(t) + 1);
      for (int i = 0; i < kSteps; ++i) {
        const size_t bytes = i % 500 == 0 ? 100'000 : 1 + random.Below(2000);
        free(slots[random.Below(kSlots)].exchange(site_a.allocate(bytes)));
      }
    });
  }
  for (int i = 0; i < 5; ++i) EXPECT_GT(Total(Written(), "alloc_objects"), 0);
  Hz3().heap_profile_stop();
  Start(512);
  for (std::thread& thread : threads) thread.join();
  for (std::atomic<char*>& slot : slots) free(slot.exchange(nullptr));
  EXPECT_EQ(Value(Written(), "inuse_objects", site_a), 0);
}

TEST_F(HeapProfileTest, AfterAStopOnlyFreesAreNoted) {
  Start(kEveryBlock);
  char* sampled = site_a.allocate(100);
  char* kept = site_a.allocate(100);
  ASSERT_EQ(Hz3().heap_profile_stop(), 0);
  std::vector<char*> later(1000);
  for (char*& block : later) block = site_a.allocate(100);
  EXPECT_EQ(Value(Written(), "inuse_objects", site_a), 2);
  free(sampled);
  EXPECT_EQ(Value(Written(), "inuse_objects", site_a), 1);
  FreeAll(later);
  free(kept);
  EXPECT_EQ(Value(Written(), "inuse_objects", site_a), 0);
}

TEST_F(HeapProfileTest, AStartBeginsAnewAndEarlierBlocksLeaveQuietly) {
  Start(kEveryBlock);
  char* before = site_a.allocate(100);
  Start(kEveryBlock);
  EXPECT_EQ(Value(Written(), "alloc_objects", site_a), 0);
  char* after = site_a.allocate(100);
  free(before);
  EXPECT_EQ(Value(Written(), "inuse_objects", site_a), 1);
  free(after);
}

TEST_F(HeapProfileTest, ThePeakIsWhatWasLiveAtTheMost) {
  Start(kEveryBlock);
  for (const int blocks : {100, 1000, 10}) {
    std::vector<char*> live;
    for (int i = 0; i < blocks; ++i) live.push_back((i % 4 == 0 ? site_b : site_a).allocate(2000));
    FreeAll(live);
  }
  const PprofProfile profile = Written(1);
  EXPECT_EQ(profile.default_figure, "peak_space");
  // It may have been noted half a percent before the top.
  EXPECT_NEAR(static_cast<double>(Value(profile, "peak_objects", site_a)), 750, 5);
  EXPECT_NEAR(static_cast<double>(Value(profile, "peak_objects", site_b)), 250, 5);
}

TEST_F(HeapProfileTest, AChildOfAForkGoesOnWithAProfileOfItsOwn) {
  Start(kEveryBlock);
  std::vector<char*> blocks(100);
  for (char*& block : blocks) block = site_a.allocate(100);
  const pid_t child = fork();
  if (child == 0) {
    bool good = Value(Written(), "inuse_objects", site_a) == 100;
    FreeAll(blocks);
    good = good && Value(Written(), "inuse_objects", site_a) == 0;
    std::thread([] { site_b.allocate(10); }).join();
    good = good && Value(Written(), "inuse_objects", site_b) == 1;
    _exit(good ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(Value(Written(), "inuse_objects", site_a), 100);
  FreeAll(blocks);
}

TEST_F(HeapProfileTest, WritingAllocatesNothing) {
  Start(kEveryBlock);
  const int fd = memfd_create("profile", MFD_CLOEXEC);
  ASSERT_EQ(Hz3().heap_profile_write(fd, 0), 0);
  ASSERT_EQ(ftruncate(fd, 0), 0);
  lseek(fd, 0, SEEK_SET);
  // What the first one had allocated would be in the second, and the other way round.
  ASSERT_EQ(Hz3().heap_profile_write(fd, 0), 0);
  EXPECT_EQ(Total(ParsedFile(fd), "alloc_objects"), 0);
}

TEST_F(HeapProfileTest, AFullTableLosesSamplesAndSaysSo) {
  Start(kEveryBlock);
  constexpr int64_t kMost = 1 << 18;
  std::vector<char*> blocks(static_cast<size_t>(kMost) + 10'000);
  for (char*& block : blocks) block = site_a.allocate(16);
  PprofProfile profile = Written();
  EXPECT_LE(Value(profile, "inuse_objects", site_a), kMost);
  EXPECT_GT(Value(profile, "inuse_objects", site_a), kMost - 1000);
  ASSERT_EQ(profile.comments.size(), 1u);
  EXPECT_NE(profile.comments[0].find("lost"), std::string::npos);
  FreeAll(blocks);
  EXPECT_EQ(Value(Written(), "inuse_objects", site_a), 0);
}

TEST_F(HeapProfileTest, WhatCannotBeDoneIsRefused) {
  Start(0);
  EXPECT_EQ(Written().period, 512 << 10);
  EXPECT_EQ(Hz3().heap_profile_write(-1, 0), -1);
  EXPECT_EQ(errno, EBADF);
  EXPECT_EQ(Hz3().heap_profile_write(-1, 4), -1);
  EXPECT_EQ(errno, EINVAL);
}

// -- Fragmentation --------------------------------------------------------------------------------

// One block in 32 is kept, in the midst of others of its size; another site keeps far more, in one
// piece.
struct Pinned {
  std::vector<char*> guilty, innocent, dense;

  void Allocate(int blocks) {
    for (int i = 0; i < blocks; ++i) {
      if (i % 32 == 0) {
        guilty.push_back(site_a.allocate(64));
      } else {
        innocent.push_back(site_b.allocate(64));
      }
    }
    for (int i = 0; i < blocks; ++i) dense.push_back(site_c.allocate(160));
    FreeAll(innocent);
    Hz3().purge();
  }
  ~Pinned() {
    FreeAll(guilty);
    FreeAll(dense);
  }
};

TEST_F(HeapProfileTest, TheSiteThatPinsSpansComesFirstInTheFragmentation) {
  for (const size_t interval : {kEveryBlock, size_t{4096}}) {
    Start(interval);
    constexpr int kBlocks = 100'000;
    Pinned pinned;
    pinned.Allocate(kBlocks);
    const PprofProfile profile = Written(3);
    EXPECT_EQ(profile.default_figure, "stranded_space");
    const int64_t guilty = Value(profile, "stranded_space", site_a);
    const int64_t total = Total(profile, "stranded_space");
    EXPECT_GT(guilty, total * 9 / 10) << "the guilty site strands nearly all";
    EXPECT_LT(Value(profile, "inuse_space", site_a), Value(profile, "inuse_space", site_c) / 10);
    EXPECT_EQ(Value(profile, "stranded_space", site_b), 0);
    // 31 of 32 objects of each span are free.
    const double expected = 64.0 * kBlocks * 31 / 32;
    const double sigma = expected * std::sqrt(interval == 1 ? 0 : 4096.0 / (64 * kBlocks / 32));
    EXPECT_NEAR(static_cast<double>(guilty), expected, kSigmas * sigma + expected / 20);
  }
}

TEST_F(HeapProfileTest, AFullSpanStrandsNothing) {
  Start(kEveryBlock);
  std::vector<char*> blocks(10'000);
  for (char*& block : blocks) block = site_a.allocate(64);
  // But for the last span, which has room.
  EXPECT_LE(Value(Written(), "stranded_space", site_a), 64 * 256);
  FreeAll(blocks);
}

// -- Other readers --------------------------------------------------------------------------------

// The profile of blocks of one site, in a file.
std::string WriteFileOfOneSite(const TempDir& folder) {
  std::vector<char*> blocks(100);
  for (char*& block : blocks) block = site_a.allocate(1000);
  const std::string path = folder.Write("heap.pb.gz", "");
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  EXPECT_EQ(Hz3().heap_profile_write(fd, 0), 0);
  close(fd);
  FreeAll(blocks);
  return path;
}

// (go's pprof finds names in debug information only, and this program has none.)
TEST_F(HeapProfileTest, PprofReadsIt) {
  if (!FindProgram("go")) GTEST_SKIP() << "SKIP: go, which has pprof, is not installed";
  Start(kEveryBlock);
  const TempDir folder;
  RunOptions options;
  options.environment = {{"HOME", folder.path()}, {"PPROF_TMPDIR", folder.path()}};
  const std::string file = WriteFileOfOneSite(folder);
  const RunResult top = RunProgram({"go", "tool", "pprof", "-top", file}, options);
  ASSERT_TRUE(top.ok()) << top;
  EXPECT_NE(top.out.find("Type: inuse_space"), std::string::npos) << top;
  options.environment.emplace_back("PPROF_BINARY_PATH", folder.path());
  const RunResult raw = RunProgram({"go", "tool", "pprof", "-raw", file}, options);
  ASSERT_TRUE(raw.ok()) << raw;
  for (const char* part : {"PeriodType: space bytes", "Period: 1\n", "stranded_space/bytes",
                           "inuse_space/bytes[dflt]", "heap_profile_test"}) {
    EXPECT_NE(raw.out.find(part), std::string::npos) << part << " in " << raw;
  }
}

TEST_F(HeapProfileTest, ItIsAWellFormedMessageOfTheFormatsFields) {
  if (!FindProgram("protoc")) GTEST_SKIP() << "SKIP: protoc is not installed";
  Start(kEveryBlock);
  const TempDir folder;
  // Of github.com/google/pprof/proto/profile.proto: the fields that are used, by number and type.
  folder.Write("profile.proto", R"(
    syntax = "proto3";
    message ValueType { int64 type = 1; int64 unit = 2; }
    message Sample { repeated uint64 location_id = 1; repeated int64 value = 2; }
    message Mapping {
      uint64 id = 1; uint64 memory_start = 2; uint64 memory_limit = 3; uint64 file_offset = 4;
      int64 filename = 5; int64 build_id = 6;
    }
    message Line { uint64 function_id = 1; int64 line = 2; }
    message Location { uint64 id = 1; uint64 mapping_id = 2; uint64 address = 3; repeated Line line = 4; }
    message Function { uint64 id = 1; int64 name = 2; int64 system_name = 3; }
    message Profile {
      repeated ValueType sample_type = 1; repeated Sample sample = 2; repeated Mapping mapping = 3;
      repeated Location location = 4; repeated Function function = 5;
      repeated string string_table = 6; int64 drop_frames = 7; int64 time_nanos = 9;
      int64 duration_nanos = 10; ValueType period_type = 11; int64 period = 12;
      repeated int64 comment = 13; int64 default_sample_type = 14;
    })");
  const RunResult result = RunProgram({"sh", "-c",
                                       "gzip -dc " + WriteFileOfOneSite(folder) + " | protoc -I " +
                                           folder.path() + " --decode=Profile profile.proto"});
  ASSERT_TRUE(result.ok()) << result;
  EXPECT_NE(result.out.find("string_table: \"stranded_space\""), std::string::npos);
  // A field that the message above does not have, or of another type, is printed by its number.
  EXPECT_FALSE(std::regex_search(result.out, std::regex("(^|\n) *[0-9]+[:{ ]"))) << result;
}

// -- By the environment
// ----------------------------------------------------------------------------

// What the tests below start this program for.
TEST(DISABLED_Program, LeaksTenBlocksOfAKibibyte) {
  static char* volatile kept;
  for (int i = 0; i < 10; ++i) kept = site_a.allocate(1024);
  static_cast<void>(kept);
}

TEST(DISABLED_Fresh, RefusesToWriteWhatWasNotStarted) {
  EXPECT_EQ(Hz3().heap_profile_write(-1, 0), -1);
  EXPECT_EQ(errno, EINVAL);
}

RunResult RunSelf(std::pair<std::string, std::string> variable,
                  const std::string& filter = "DISABLED_Program.*") {
  RunOptions options;
  options.environment = {std::move(variable)};
  return RunProgram({std::filesystem::read_symlink("/proc/self/exe"),
                     "--gtest_also_run_disabled_tests", "--gtest_filter=" + filter},
                    options);
}

TEST_F(HeapProfileTest, ThereIsNothingToWriteBeforeTheFirstStart) {
  const RunResult result = RunSelf({"HZ3_NONE", ""}, "DISABLED_Fresh.*");
  EXPECT_TRUE(result.ok()) << result;
}

TEST_F(HeapProfileTest, AProgramIsProfiledFromItsStartToItsExitWhenTheEnvironmentSaysSo) {
  const TempDir folder;
  const RunResult result =
      RunSelf({"HZ3_HEAP_PROFILE", folder.path() + "/heap.%p,interval=1,seed=3"});
  ASSERT_TRUE(result.ok()) << result;
  const auto profiles = RunProgram({"ls", folder.path()});
  ASSERT_TRUE(profiles.out.starts_with("heap.")) << profiles;
  const std::string path = folder.path() + "/" + profiles.out.substr(0, profiles.out.find('\n'));
  const PprofProfile profile = ParsedFile(open(path.c_str(), O_RDONLY));
  EXPECT_EQ(profile.period, 1);
  EXPECT_GT(Total(profile, "alloc_objects"), 100);
  bool found = false;
  const auto objects = static_cast<size_t>(profile.FigureIndex("inuse_objects"));
  const auto space = static_cast<size_t>(profile.FigureIndex("inuse_space"));
  for (const tool::PprofSample& sample : profile.samples) {
    found |= sample.values[objects] == 10 && sample.values[space] == 10 * 1024;
  }
  EXPECT_TRUE(found);
}

TEST_F(HeapProfileTest, ALeakReportNamesTheBlocksThatAreLeft) {
  const RunResult result = RunSelf({"HZ3_LEAK_REPORT", "1"});
  ASSERT_TRUE(result.ok()) << result;
  EXPECT_NE(result.err.find("blocks were not freed\n"), std::string::npos) << result;
  EXPECT_NE(result.err.find("\n  10240 bytes in 10 blocks, allocated by\n    0x"),
            std::string::npos)
      << result;
  EXPECT_NE(result.err.find("/heap_profile_test"), std::string::npos) << result;
}

TEST_F(HeapProfileTest, ASettingThatMakesNoSenseIsNamedAndIgnored) {
  for (const auto& [name, value] :
       {std::pair{"HZ3_HEAP_PROFILE", "file,interval=few"}, std::pair{"HZ3_LEAK_REPORT", "yes"}}) {
    const RunResult result = RunSelf({name, value});
    EXPECT_TRUE(result.ok()) << result;
    EXPECT_EQ(result.err, std::string("hz3: ignored ") + name +
                              ": its value is not as docs/profiles.md says\n");
  }
}

}  // namespace
}  // namespace hz3::testlib
