// That the gate finds what it is for: each library here has one known regression, and the row that
// is to find it must be the one that fails.
#include <string>
#include <vector>

#include "bench/lib/runfiles.h"
#include "bench/lib/sanitizers.h"
#include "bench/lib/subprocess.h"
#include "gtest/gtest.h"

namespace hz3::gate {
namespace {

std::string argv0;

// What needs a baseline is judged only where there is one for this compiler and counter.
constexpr char kNoBaseline[] = "no baseline for ";
constexpr char kNoCounter[] = "there is neither callgrind nor a working perf";

bench::RunResult Gate(const std::string& library, const std::string& rows) {
  std::vector<std::string> argv = {bench::FindRunfile(argv0, "bench/gate/gate"), "--rows=" + rows,
                                   "--lanes=scale"};
  if (!library.empty()) {
    argv.push_back("--library=" + bench::FindRunfile(argv0, "bench/gate/" + library));
  }
  return bench::RunCommand({.argv = argv, .env = {{"XML_OUTPUT_FILE", ""}}, .timeout_s = 200});
}

bool Holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// The lines of the table that say FAIL.
std::string FailedLines(const std::string& table) {
  std::string failed;
  size_t begin = 0;
  for (size_t end; (end = table.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const std::string line = table.substr(begin, end - begin);
    if (Holds(line, "  FAIL")) failed += line + "\n";
  }
  return failed;
}

class Fault : public ::testing::Test {
 protected:
  void SetUp() override {
    if (bench::kSanitizerOwnsMalloc) {
      GTEST_SKIP() << "SKIP: hz3 cannot be preloaded beside a sanitizer";
    }
  }

  // The gate passes this tree on these rows, and fails the library on this figure.
  void ExpectFound(const std::string& library, const std::string& rows, const std::string& figure) {
    const bench::RunResult sound = Gate("", rows);
    if (Holds(sound.out, kNoBaseline) || Holds(sound.out, kNoCounter)) {
      GTEST_SKIP() << "SKIP: this machine cannot judge it: " << sound.out;
    }
    EXPECT_EQ(sound.EndText(), "exit 0") << sound.out << sound.err;
    const bench::RunResult faulty = Gate(library, rows);
    EXPECT_EQ(faulty.EndText(), "exit 1") << faulty.out << faulty.err;
    EXPECT_TRUE(Holds(FailedLines(faulty.out), figure)) << faulty.out << faulty.err;
    std::printf("%s\n", FailedLines(faulty.out).c_str());
  }
};

TEST_F(Fault, OneInstructionMoreOnTheHotPathIsFoundInTheListing) {
  ExpectFound("libfault_hot_path.so", "hot_path", "differs");
}

TEST_F(Fault, OneInstructionMoreOnTheHotPathIsFoundByCounting) {
  ExpectFound("libfault_hot_path.so", "instructions_pair", "instructions");
}

TEST_F(Fault, ARefillThatTakesATwentiethLongerIsFoundByCounting) {
  ExpectFound("libfault_slow_refill.so", "instructions_refill", "instructions");
}

TEST_F(Fault, ALostRunOfPagesIsFoundByWhatDoesNotComeBack) {
  ExpectFound("libfault_lost_run.so", "footprint", "lost_bytes");
}

TEST_F(Fault, ALeakedSlotIsFoundByWhatDoesNotComeBack) {
  ExpectFound("libfault_leaked_slot.so", "footprint", "lost_slots");
}

TEST_F(Fault, ACacheThatIsATenthFatterIsFoundByItsBytes) {
  ExpectFound("libfault_fat_cache.so", "footprint", "cached_");
}

}  // namespace
}  // namespace hz3::gate

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  hz3::gate::argv0 = argv[0];
  return RUN_ALL_TESTS();
}
