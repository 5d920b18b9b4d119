// Holds malloc, free, operator new and delete, as compiled for release, against the committed
// listings in golden/: what they execute when nothing misses. Needs objdump (binutils).
//
// Where the code changes on purpose: the test prints the new listing; put it into golden/.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "bench/lib/subprocess.h"
#include "gtest/gtest.h"
#include "hz3/config/build_flags.h"
#include "testing/hot_path/listing.h"

namespace hz3 {
namespace {

constexpr char kScale[] = "hz3/libhakozuna_hz3_scale.so";
constexpr char kFast[] = "hz3/libhakozuna_hz3_fast.so";
constexpr char kWithoutEvents[] = "testing/hot_path/libwithout_events.so";
// malloc(size_t), free(void*), operator new(size_t), operator delete(void*, size_t).
constexpr const char* kFunctions[] = {"malloc", "free", "_Znwm", "_ZdlPvm"};
// malloc and free together, from entry to return.
constexpr size_t kMostInstructions = 30;

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string Disassembly(const std::string& library, const std::string& function) {
  const bench::RunResult result = bench::RunCommand(
      {.argv = {"objdump", "-d", "--no-show-raw-insn", "--disassemble=" + function, library}});
  EXPECT_TRUE(result.Succeeded()) << result.EndText() << result.err;
  return result.out;
}

// As in a golden file, so that a difference shows which line it is in.
std::string Text(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += "  " + line + "\n";
  return text;
}

// The file of the compiler that made the library; empty for one that has none.
std::string GoldenFile() {
  const std::string library = Contents(kScale);
  if (library.find("clang version 14.") != std::string::npos) return "clang14.txt";
  if (library.find("clang version") != std::string::npos) return "";
  return library.find("GCC: (Debian 12.") != std::string::npos ? "gcc12.txt" : "";
}

class HotPath : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
#if !defined(__x86_64__)
    GTEST_SKIP() << "SKIP: the listings are of x86-64";
#endif
    if (std::string_view(kBuildSanitizer) != "none") {
      GTEST_SKIP() << "SKIP: under " << kBuildSanitizer << " the sanitizer owns malloc";
    }
    if (bench::RunCommand({.argv = {"objdump", "--version"}}).end !=
        bench::RunResult::End::kExited) {
      GTEST_SKIP() << "SKIP: there is no objdump";
    }
  }
  std::vector<std::string> PathIn(const char* library) {
    return HitPath(Disassembly(library, GetParam()));
  }
};

TEST_P(HotPath, IsWhatTheGoldenFileSays) {
  const std::string name = GoldenFile();
  if (name.empty()) GTEST_SKIP() << "SKIP: no golden file for this compiler";
  const std::vector<std::string> golden =
      GoldenLines(Contents("testing/hot_path/golden/" + name), GetParam());
  EXPECT_EQ(Text(PathIn(kScale)), Text(golden))
      << "in golden/" << name << ", section " << GetParam();
}

TEST_P(HotPath, CallsNothingAndIsFreeOfAtomics) {
  const std::vector<std::string> path = PathIn(kScale);
  ASSERT_FALSE(path.empty());
  EXPECT_EQ(std::count_if(path.begin(), path.end(), IsCall), 0) << Text(path);
  EXPECT_EQ(std::count_if(path.begin(), path.end(), IsAtomic), 0) << Text(path);
  EXPECT_EQ(path.back().substr(0, 3), "ret") << Text(path);
}

TEST_P(HotPath, IsTheSameInBothLanesAndWithoutWhatWorksOnEventsOnly) {
  const std::vector<std::string> path = PathIn(kScale);
  ASSERT_FALSE(path.empty());
  EXPECT_EQ(PathIn(kFast), path);
  EXPECT_EQ(PathIn(kWithoutEvents), path);
}

INSTANTIATE_TEST_SUITE_P(Functions, HotPath, ::testing::ValuesIn(kFunctions));

using HotPathCount = HotPath;

TEST_P(HotPathCount, OfAPairIsThirtyInstructionsAtMost) {
  const size_t both = HitPath(Disassembly(kScale, "malloc")).size() +
                      HitPath(Disassembly(kScale, "free")).size();
  EXPECT_LE(both, kMostInstructions);
  EXPECT_GT(both, 10u) << "of both there is something to count";
}

INSTANTIATE_TEST_SUITE_P(Pair, HotPathCount, ::testing::Values("malloc"));

}  // namespace
}  // namespace hz3
