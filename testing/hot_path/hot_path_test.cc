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

#include "gtest/gtest.h"
#include "hz3/config/build_flags.h"
#include "testing/hot_path/golden.h"
#include "testing/hot_path/listing.h"

namespace hz3 {
namespace {

constexpr char kScale[] = "hz3/libhakozuna_hz3_scale.so";
constexpr char kFast[] = "hz3/libhakozuna_hz3_fast.so";
constexpr char kWithoutEvents[] = "testing/hot_path/libwithout_events.so";
// malloc and free together, from entry to return.
constexpr size_t kMostInstructions = 30;

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<std::string> PathOf(const char* library, const char* function) {
  std::string failure;
  const std::string listing = Disassembly(library, function, &failure);
  EXPECT_EQ(failure, "");
  return HitPath(listing);
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
    if (!HasObjdump()) GTEST_SKIP() << "SKIP: there is no objdump";
  }
  std::vector<std::string> PathIn(const char* library) { return PathOf(library, GetParam()); }
};

TEST_P(HotPath, IsWhatTheGoldenFileSays) {
  const std::string name = GoldenFile(Contents(kScale));
  if (name.empty()) GTEST_SKIP() << "SKIP: no golden file for this compiler";
  const std::vector<std::string> golden =
      GoldenLines(Contents("testing/hot_path/golden/" + name), GetParam());
  EXPECT_EQ(GoldenText(PathIn(kScale)), GoldenText(golden))
      << "in golden/" << name << ", section " << GetParam();
}

TEST_P(HotPath, CallsNothingAndIsFreeOfAtomics) {
  const std::vector<std::string> path = PathIn(kScale);
  ASSERT_FALSE(path.empty());
  EXPECT_EQ(std::count_if(path.begin(), path.end(), IsCall), 0) << GoldenText(path);
  EXPECT_EQ(std::count_if(path.begin(), path.end(), IsAtomic), 0) << GoldenText(path);
  EXPECT_EQ(path.back().substr(0, 3), "ret") << GoldenText(path);
}

TEST_P(HotPath, IsTheSameInBothLanesAndWithoutWhatWorksOnEventsOnly) {
  const std::vector<std::string> path = PathIn(kScale);
  ASSERT_FALSE(path.empty());
  EXPECT_EQ(PathIn(kFast), path);
  EXPECT_EQ(PathIn(kWithoutEvents), path);
}

INSTANTIATE_TEST_SUITE_P(Functions, HotPath, ::testing::ValuesIn(kHotFunctions));

using HotPathCount = HotPath;

TEST_P(HotPathCount, OfAPairIsThirtyInstructionsAtMost) {
  const size_t both = PathOf(kScale, "malloc").size() + PathOf(kScale, "free").size();
  EXPECT_LE(both, kMostInstructions);
  EXPECT_GT(both, 10u) << "of both there is something to count";
}

INSTANTIATE_TEST_SUITE_P(Pair, HotPathCount, ::testing::Values("malloc"));

}  // namespace
}  // namespace hz3
