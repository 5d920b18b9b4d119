// What containers take away: the other processes, the files, /proc and /sys, system calls. hz3
// works there, and its statistics name the help of the kernel that it is refused.
//
// Arguments: the workload linked with hz3, linked statically with it, linked with the C library's
// malloc; then the libraries to preload to the last one.

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <map>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "hz3/config/config.h"
#include "testing/containers/root.h"
#include "testing/containers/seccomp.h"
#include "testing/lib/subprocess.h"
#include "testing/lib/test_main.h"

namespace hz3::testlib {
namespace {

constexpr const char* kArena = "64";
constexpr size_t kMiB = size_t{1} << 20;

// A way to have the workload run on hz3.
struct Variant {
  std::string program;
  std::string preload;  // "": none
};

std::vector<Variant> Variants() {
  const std::vector<std::string>& arguments = TestArguments();
  std::vector<Variant> variants;
  if (arguments.size() < 4) return variants;
  variants.push_back({arguments[0], ""});
  variants.push_back({arguments[1], ""});
  for (size_t i = 3; i < arguments.size(); ++i) variants.push_back({arguments[2], arguments[i]});
  return variants;
}

std::ostream& operator<<(std::ostream& stream, const Variant& variant) {
  return stream << variant.program << (variant.preload.empty() ? "" : " under ") << variant.preload;
}

// malloc_stats: "  name number unit  # meaning" a line.
using Figures = std::map<std::string, size_t>;
Figures ParseFigures(const std::string& text) {
  Figures figures;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    size_t value;
    if (line.starts_with("  ") && words >> name >> value) figures[name] = value;
  }
  return figures;
}

class Containers : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_FALSE(Variants().empty()) << "name the programs and libraries"; }
};

// -- process 1 in an empty root
// ---------------------------------------------------------------------

RunResult RunInRoot(const Variant& variant, const std::vector<std::string>& arguments) {
  std::vector<std::string> environment = {std::string("HZ3_ARENA_MIB=") + kArena,
                                          "HZ3_LIMIT=cgroup"};
  std::vector<std::string> preloads;
  if (!variant.preload.empty()) {
    preloads.push_back(variant.preload);
    environment.push_back("LD_PRELOAD=/" +
                          std::filesystem::path(variant.preload).filename().string());
  }
  return Root(variant.program, preloads).Run(arguments, environment);
}

TEST_F(Containers, AsProcess1InAnEmptyRootEverythingWorks) {
  for (const Variant& variant : Variants()) {
    const RunResult result = RunInRoot(variant, {});
    if (result.exit_code == kNoContainers) GTEST_SKIP() << "SKIP: no container: " << result.out;
    EXPECT_TRUE(result.ok()) << variant << "\n" << result;
    EXPECT_GT(ParseFigures(result.err)["refused_proc"], 0u)
        << variant << ": no /proc, and the statistics do not say so\n"
        << result.err;
  }
}

// Signals whose action is the default do nothing to process 1, SIGABRT among them.
TEST_F(Containers, AsProcess1ADoubleFreeStillEndsTheProcess) {
  for (const Variant& variant : Variants()) {
    const RunResult result = RunInRoot(variant, {"misuse"});
    if (result.exit_code == kNoContainers) GTEST_SKIP() << "SKIP: no container: " << result.out;
    EXPECT_GT(result.exit_code, 128) << variant << "\n" << result;
    EXPECT_NE(result.err.find("hz3: double free"), std::string::npos) << variant << "\n" << result;
  }
}

// -- filters
// ----------------------------------------------------------------------------------------

struct Filter {
  const char* name;
  std::vector<RefusedCall> calls;  // the errno is set later
  const char* figure;              // that must tell; "": hz3 does not use the call
  bool keeps_memory = false;       // free memory cannot be given back, nor be used elsewhere then
};

RefusedCall Advice(unsigned advice) { return {SYS_madvise, 0, RefusedCall::Argument{2, advice}}; }

std::vector<Filter> Filters() {
  return {
      {"membarrier", {{SYS_membarrier, 0}}, "refused_membarrier"},
      {"rseq", {{SYS_rseq, 0}}, ""},
      {"madvise", {{SYS_madvise, 0}}, "refused_madvise"},
      {"MADV_DONTNEED", {Advice(MADV_DONTNEED)}, "refused_madvise"},
      {"other advice",
       {Advice(MADV_FREE), Advice(MADV_HUGEPAGE), Advice(MADV_NOHUGEPAGE), Advice(22), Advice(23)},
       ""},
      {"mincore", {{SYS_mincore, 0}}, "refused_mincore"},
      {"mremap", {{SYS_mremap, 0}}, "refused_mremap"},
      {"madvise and mremap", {{SYS_madvise, 0}, {SYS_mremap, 0}}, "refused_madvise", true},
      {"sched_getaffinity", {{SYS_sched_getaffinity, 0}}, "refused_sched_getaffinity"},
      {"getrandom", {{SYS_getrandom, 0}}, "refused_getrandom"},
      {"prctl", {{SYS_prctl, 0}}, ""},

      {"all of them",
       {{SYS_membarrier, 0},
        {SYS_rseq, 0},
        {SYS_madvise, 0},
        {SYS_mincore, 0},
        {SYS_mremap, 0},
        {SYS_sched_getaffinity, 0},
        {SYS_getrandom, 0},
        {SYS_prctl, 0}},
       "refused_madvise",
       true},
  };
}

// `what` the program does: but for everything it does so in an arena that is never full.
RunResult RunUnderFilter(const Variant& variant, const std::vector<RefusedCall>& calls,
                         const char* what = "") {
  return RunInChild([&] {
    const std::string why_not = calls.empty() ? "" : RefuseCalls(calls);
    if (!why_not.empty()) {
      std::puts(why_not.c_str());
      std::fflush(stdout);
      _exit(kNoContainers);
    }
    if (what[0] == '\0') setenv("HZ3_ARENA_MIB", kArena, 1);
    if (!variant.preload.empty()) setenv("LD_PRELOAD", variant.preload.c_str(), 1);
    execl(variant.program.c_str(), variant.program.c_str(), what, nullptr);
    std::perror("execl");
    _exit(127);
  });
}

void ExpectFullArenas(Figures& figures, const std::string& what) {
  for (const char* held : {"held_in_blocks_of_200000", "held_in_blocks_of_3000"}) {
    EXPECT_GT(figures[held], 40 * kMiB) << held << ", " << what;
  }
}

void ExpectItWorksUnder(const Filter& filter, int error, const Variant& variant) {
  std::vector<RefusedCall> calls = filter.calls;
  for (RefusedCall& call : calls) call.error = error;
  const RunResult result = RunUnderFilter(variant, calls, filter.keeps_memory ? "roomy" : "");
  const std::string what = std::string(filter.name) + " refused with errno " +
                           std::to_string(error) + ", " + ::testing::PrintToString(variant);
  EXPECT_TRUE(result.ok()) << what << "\n" << result;
  if (!result.ok()) return;
  Figures figures = ParseFigures(result.err);
  if (!filter.keeps_memory) ExpectFullArenas(figures, what);
  if (filter.figure[0] == '\0') return;
  EXPECT_GT(figures[filter.figure], 0u) << what << "\n" << result;
}

bool CanFilter(const Variant& variant) {
  return RunUnderFilter(variant, {{SYS_rseq, EPERM}}).exit_code != kNoContainers;
}

TEST_F(Containers, WithoutAFilterNoHelpIsRefused) {
  for (const Variant& variant : Variants()) {
    const RunResult result = RunUnderFilter(variant, {});
    EXPECT_TRUE(result.ok()) << variant << "\n" << result;
    for (const Filter& filter : Filters()) {
      if (filter.figure[0] == '\0') continue;
      const Figures figures = ParseFigures(result.err);
      ASSERT_TRUE(figures.contains(filter.figure)) << variant << "\n" << result;
      EXPECT_EQ(figures.at(filter.figure), 0u) << filter.figure << ", " << variant;
    }
  }
}

TEST_F(Containers, UnderAnyFilterEverythingWorksAndTheStatisticsSayWhatIsRefused) {
  if (!CanFilter(Variants()[0])) {
    GTEST_SKIP() << "SKIP: seccomp(2) sets no filter here, so no call can be refused";
  }
  for (const Filter& filter : Filters()) {
    for (const Variant& variant : Variants()) ExpectItWorksUnder(filter, EPERM, variant);
    ExpectItWorksUnder(filter, ENOSYS, Variants()[0]);
  }
}

TEST_F(Containers, WithoutHugePagesLargeBlocksAreServedAndTheStatisticsSayWhatIsRefused) {
  if (!CanFilter(Variants()[0])) {
    GTEST_SKIP() << "SKIP: seccomp(2) sets no filter here, so no call can be refused";
  }
  if (kConfig.huge_page_segments == 0) {
    GTEST_SKIP() << "SKIP: built with huge_page_segments=0: hz3 asks for no huge page";
  }
  alignas(4096) static char page[4096];
  constexpr int kPopulateWrite = 23;  // MADV_POPULATE_WRITE, Linux 5.14
  if (madvise(page, sizeof(page), kPopulateWrite) != 0) {
    GTEST_SKIP() << "SKIP: this kernel populates no pages (MADV_POPULATE_WRITE, Linux 5.14), so "
                    "hz3 asks for no huge page";
  }
  for (const Variant& variant : Variants()) {
    const RunResult usual = RunUnderFilter(variant, {}, "large");
    const RunResult filtered =
        RunUnderFilter(variant, {{SYS_madvise, EPERM, Advice(MADV_HUGEPAGE).only}}, "large");
    ASSERT_TRUE(usual.ok() && filtered.ok()) << variant << "\n" << usual << "\n" << filtered;
    EXPECT_EQ(ParseFigures(usual.err).at("refused_madvise"), 0u) << variant;
    EXPECT_GT(ParseFigures(filtered.err).at("refused_madvise"), 0u) << variant;
  }
}

TEST_F(Containers, MemoryGoesBackWithoutMadviseWhileThereIsMremap) {
  if (!CanFilter(Variants()[0])) {
    GTEST_SKIP() << "SKIP: seccomp(2) sets no filter here, so no call can be refused";
  }
  for (const Variant& variant : Variants()) {
    const RunResult usual = RunUnderFilter(variant, {});
    const RunResult filtered = RunUnderFilter(variant, {{SYS_madvise, EPERM}});
    ASSERT_TRUE(usual.ok() && filtered.ok()) << variant << "\n" << usual << "\n" << filtered;
    EXPECT_LT(ParseFigures(filtered.err).at("committed_bytes"),
              ParseFigures(usual.err).at("committed_bytes") + 4 * kMiB)
        << variant;
  }
}

}  // namespace
}  // namespace hz3::testlib
