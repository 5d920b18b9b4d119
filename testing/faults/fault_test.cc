// System calls fail under a program that uses every part of hz3: the first one, the second one, and
// so on, one at a time, from there on for ever, and at random. The program (fault_program.cc) says
// whether each allocation worked or failed softly, and whether all is well once nothing fails.
//
// Arguments: the program, perhaps more than one. HZ3_TEST_SEED=N starts the random plans elsewhere.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "testing/lib/subprocess.h"
#include "testing/lib/test_main.h"

namespace hz3::testlib {
namespace {

constexpr uint64_t kDefaultSeed = 1;
// More committed or live memory than without faults, once all is freed, would be a leak.
constexpr int64_t kCommittedSlack = int64_t{4} << 20;
constexpr int64_t kLiveSlack = int64_t{16} << 10;

uint64_t Seed() {
  const char* text = std::getenv("HZ3_TEST_SEED");
  return text == nullptr ? kDefaultSeed : std::strtoull(text, nullptr, 0);
}

constexpr const char* kCalls[] = {"mmap", "mprotect",    "madvise", "mremap",
                                  "key",  "setspecific", "atfork"};

using Figures = std::map<std::string, int64_t>;

// "name=number name=number"
Figures ParseFigures(const std::string& text) {
  Figures figures;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    if (equals != std::string::npos) {
      figures[word.substr(0, equals)] = std::strtoll(word.c_str() + equals + 1, nullptr, 10);
    }
  }
  return figures;
}

class Faults : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_FALSE(TestArguments().empty()) << "name the programs to run"; }

  // The figures of a run, in which nothing may be wrong.
  static Figures Run(const std::string& program, const std::string& plan) {
    const RunResult result = RunProgram({program}, {.environment = {{"HZ3_FAULT_PLAN", plan}},
                                                    .timeout = std::chrono::seconds(30)});
    EXPECT_TRUE(result.ok()) << result << "\nrepeat with: HZ3_FAULT_PLAN='" << plan << "' "
                             << program;
    return ParseFigures(result.out);
  }

  static void ExpectNothingLeaked(const Figures& run, const Figures& normal,
                                  const std::string& plan) {
    if (!run.contains("committed")) return;  // it failed, and that was said
    EXPECT_LE(run.at("committed"), normal.at("committed") + kCommittedSlack) << plan;
    EXPECT_LE(run.at("live"), normal.at("live") + kLiveSlack) << plan;
  }

  // Runs each plan, and expects that faults happened in all of them.
  static void RunAll(const std::string& program, const Figures& normal,
                     const std::vector<std::string>& plans) {
    for (const std::string& plan : plans) {
      const Figures run = Run(program, plan);
      ExpectNothingLeaked(run, normal, plan);
      if (run.contains("failed_calls")) {
        EXPECT_GT(run.at("failed_calls"), 0) << plan;
      }
      if (HasFailure()) return;
    }
  }
};

// Each number below `calls`, all of the first ones and then ever fewer.
std::vector<int64_t> Numbers(int64_t calls) {
  std::vector<int64_t> numbers;
  for (int64_t n = 0; n < calls; n += std::max<int64_t>(1, n / 2)) numbers.push_back(n);
  return numbers;
}

TEST_F(Faults, WithoutThemEverythingWorks) {
  for (const std::string& program : TestArguments()) {
    const Figures normal = Run(program, "");
    EXPECT_EQ(normal.at("failed_calls"), 0);
    EXPECT_EQ(normal.at("failed_allocations"), 0);
    // The plans of the other tests have something to do.
    for (const char* call : kCalls) {
      EXPECT_GT(normal.at(call), 0) << call;
    }
  }
}

// Each kind of call fails at each number, with what `suffix` makes of it.
std::vector<std::string> PlansByNumber(const Figures& normal, const std::string& suffix) {
  std::vector<std::string> plans;
  for (const char* call : kCalls) {
    for (const int64_t n : Numbers(normal.at(call))) {
      plans.push_back(std::string(call) + "@" + std::to_string(n) + suffix);
    }
  }
  return plans;
}

TEST_F(Faults, AnySingleCallMayFail) {
  for (const std::string& program : TestArguments()) {
    const Figures normal = Run(program, "");
    RunAll(program, normal, PlansByNumber(normal, ""));
  }
}

TEST_F(Faults, CallsMayFailFromAnyOneOn) {
  for (const std::string& program : TestArguments()) {
    const Figures normal = Run(program, "");
    RunAll(program, normal, PlansByNumber(normal, "+"));
  }
}

TEST_F(Faults, CallsMayFailAtRandom) {
  for (const std::string& program : TestArguments()) {
    const Figures normal = Run(program, "");
    std::vector<std::string> plans;
    for (uint64_t seed = Seed(); seed < Seed() + 6; ++seed) {
      for (const char* percent : {"5", "50", "95"}) {
        plans.push_back(std::string("any%") + percent + ":" + std::to_string(seed));
      }
    }
    RunAll(program, normal, plans);
  }
}

// What overcommit mode 2 does: memory is refused when it is made writable.
TEST_F(Faults, WritableMemoryMayBeRefused) {
  for (const std::string& program : TestArguments()) {
    const Figures normal = Run(program, "");
    RunAll(
        program, normal,
        {"commit<0", "commit<1", "commit<2", "commit<4", "commit<18", "commit<40", "commit<100"});
  }
}

}  // namespace
}  // namespace hz3::testlib
