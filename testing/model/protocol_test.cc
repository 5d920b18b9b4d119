// Checks the models of hz3's protocols beside this file with Spin: the right ones have no error in
// any interleaving, and each broken variant (a BUG_ name that the model's head lists) has one, so
// that the model is known to see what it is there to see.
//
// A failing model shows the last steps that led to the error. To see all of them:
//   spin -a x.pml && gcc -O2 -DSAFETY -o pan pan.c && ./pan && spin -t -p -g -l x.pml
// (for a model with an ltl block without -DSAFETY, and ./pan -a -f).

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <ostream>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/lib/subprocess.h"
#include "testing/lib/temp_dir.h"

namespace hz3::testlib {
namespace {

using ::testing::UnorderedElementsAreArray;

// Bounds of a search: one that runs into them is incomplete, which is a failure.
constexpr const char* kMemoryMib = "900";
constexpr const char* kDepth = "100000";
constexpr auto kTimeout = std::chrono::minutes(4);
// A right model that explores less than this checks next to nothing.
constexpr std::uint64_t kLeastStates = 10000;
// Of a trail that leads to an error.
constexpr std::size_t kShownBytes = 6000;

struct Model {
  const char* name;
  const char* configuration;  // a definition, or empty
  std::vector<const char*> broken;
};

const Model kModels[] = {
    {"lease", "", {"NO_WAKE", "TAKES_AS_HELD", "SLEEPS_UNSEEN", "TORN_TRY"}},
    {"mail_list", "", {"MARK_BEFORE_PUT", "TAKE_BEFORE_CLEAR", "NEXT_AFTER_CLEAR", "PLAIN_PUSH"}},
    {"hand_over",
     "",
     {"OPEN_BEFORE_OWNER", "RETURN_IN_WALK", "NO_FORWARD", "LOOK_BEFORE_CLEAR",
      "UNCOUNTED_FORWARD"}},
    {"span_hint", "", {"ONE_BITMAP", "HINT_BEFORE_MAIL", "TRUSTS_HINT"}},
    {"broadcast",
     "",
     {"NO_FENCE", "LIMITS_BEFORE_EPOCH", "PLAIN_SHRINK", "NO_WAKE", "WAITING_AFTER_LOOK",
      "SEEN_AFTER_LOOK", "ANSWER_BEFORE_FLUSH", "SCARCE_AFTER_EPOCH"}},
    {"broadcast", "BLOCKED_THREAD", {"WAITS_FOR_ALL"}},
    {"rob",
     "",
     {"NO_BARRIER", "BUSY_BEFORE_BARRIER", "TAKES_LAST", "NO_END_BELOW", "BUSY_UNCHECKED",
      "UNSETTLED", "END_KEEPS_HANDLE"}},
    {"ladder",
     "",
     {"MEMORY_BEFORE_OWN_BINS", "MEMORY_OUTLIVES_SCARCITY", "SETS_SCARCE_AGAIN",
      "WATCH_WITHOUT_GATE", "SCARCE_AFTER_COUNT", "COUNT_AFTER_SWEEP", "UNCOUNTED_POST",
      "NOTE_BEFORE_POST", "REMEMBERS_WITHOUT_SCARCITY", "UNBOUNDED_WAIT"}},
    {"ladder", "THIRD_THREAD", {}},
    {"thread_exit",
     "",
     {"NOTE_BEFORE_UNLINK", "NO_NOTE", "FREE_BEFORE_UNLINK", "UNLINK_WITHOUT_LEASE", "KEEPS_PAGES",
      "STALE_LINKS"}},
    {"fork",
     "",
     {"GATE_LAST", "STASH_NOT_RESET", "EMPTIES_BUSY", "END_NOT_BUSY", "BUSY_TOO_LATE",
      "MAIL_NOT_RELINKED", "LIST_UNLOCKED"}},
};

// One search: a model in a configuration, right or broken.
struct Variant {
  std::string model;
  std::string configuration;
  std::string bug;  // empty: the right one

  std::vector<std::string> Definitions() const {
    std::vector<std::string> definitions;
    if (!configuration.empty()) definitions.push_back("-D" + configuration);
    if (!bug.empty()) definitions.push_back("-DBUG_" + bug);
    return definitions;
  }
};

std::ostream& operator<<(std::ostream& stream, const Variant& variant) {
  stream << variant.model << ".pml";
  for (const std::string& definition : variant.Definitions()) stream << " " << definition;
  return stream;
}

std::vector<Variant> AllVariants() {
  std::vector<Variant> variants;
  for (const Model& model : kModels) {
    variants.push_back({model.name, model.configuration, ""});
    for (const char* bug : model.broken) {
      variants.push_back({model.name, model.configuration, bug});
    }
  }
  return variants;
}

std::string NameOf(const ::testing::TestParamInfo<Variant>& info) {
  std::string name = info.param.model;
  for (const std::string& part : {info.param.configuration, info.param.bug}) {
    if (!part.empty()) name += "_" + part;
  }
  return name;
}

// Where Bazel lays the models out for this test: below the directory that it runs in.
std::string PathOf(const std::string& model) { return "testing/model/" + model + ".pml"; }

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Why no model can be checked here; empty when it can.
std::string WhatIsMissing() {
  for (const char* program : {"spin", "gcc"}) {
    if (!FindProgram(program).has_value()) return std::string(program) + " is not installed";
  }
  const RunResult version = RunProgram({"spin", "-V"});
  if (!version.out.starts_with("Spin Version")) return "the spin on PATH is no model checker";
  return "";
}

struct Search {
  bool complete = false;
  std::uint64_t errors = 0;
  std::uint64_t states = 0;
  std::string output;
};

std::optional<std::uint64_t> NumberBy(const std::string& text, const char* pattern) {
  std::smatch match;
  if (!std::regex_search(text, match, std::regex(pattern))) return std::nullopt;
  return std::stoull(match[1]);
}

// The verdict in the words of pan, the program that Spin makes of a model.
Search ParseSearch(const RunResult& pan) {
  Search search;
  search.output = pan.out + pan.err;
  const auto errors = NumberBy(search.output, "errors: ([0-9]+)");
  const auto states = NumberBy(search.output, "([0-9]+) states, stored");
  search.errors = errors.value_or(0);
  search.states = states.value_or(0);
  const auto says = [&](std::string_view words) {
    return search.output.find(words) != std::string::npos;
  };
  search.complete = pan.ok() && errors.has_value() && states.has_value() &&
                    !says("Search not completed") && !says("max search depth too small") &&
                    !says("out of memory") && !says("truncated");
  return search;
}

class Checker {
 public:
  explicit Checker(const Variant& variant) : variant_(variant) {
    const std::string text = Contents(PathOf(variant.model));
    directory_.Write(File(), text);
    options_.directory = directory_.path();
    options_.timeout = kTimeout;
    is_liveness_ = text.find("\nltl ") != std::string::npos;
    has_escapes_ = text.find("} unless {") != std::string::npos;
  }

  // False when the model cannot be made into a program; says why.
  bool Build() {
    return Succeeds(WithDefinitions({"spin", "-a", File()})) && Succeeds(CompilerCommand());
  }

  Search Run() {
    std::vector<std::string> command = {"./pan", std::string("-m") + kDepth};
    // Acceptance cycles, under weak fairness: every process that can go on for ever does.
    if (is_liveness_) command.insert(command.end(), {"-a", "-f"});
    return ParseSearch(RunProgram(command, options_));
  }

  std::string LastSteps() {
    const RunResult trail =
        RunProgram(WithDefinitions({"spin", "-t", "-p", "-g", "-l", File()}), options_);
    return trail.out.substr(trail.out.size() - std::min(trail.out.size(), kShownBytes));
  }

 private:
  std::string File() const { return variant_.model + ".pml"; }

  std::vector<std::string> WithDefinitions(std::vector<std::string> command) const {
    const std::vector<std::string> definitions = variant_.Definitions();
    command.insert(command.begin() + 1, definitions.begin(), definitions.end());
    return command;
  }

  std::vector<std::string> CompilerCommand() const {
    std::vector<std::string> command = {"gcc", "-w", "-O1", "-DCOLLAPSE",
                                        std::string("-DMEMLIM=") + kMemoryMib};
    if (!is_liveness_) command.push_back("-DSAFETY");
    // The reduction of equivalent interleavings does not count the condition of an escape.
    if (has_escapes_) command.push_back("-DNOREDUCE");
    command.insert(command.end(), {"-o", "pan", "pan.c"});
    return command;
  }

  bool Succeeds(const std::vector<std::string>& command) {
    const RunResult result = RunProgram(command, options_);
    EXPECT_TRUE(result.ok()) << command.front() << ": " << result;
    return result.ok();
  }

  const Variant variant_;
  TempDir directory_;
  RunOptions options_;
  bool is_liveness_ = false;
  bool has_escapes_ = false;
};

class Protocol : public ::testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    static const std::string missing = WhatIsMissing();
    if (!missing.empty()) GTEST_SKIP() << "SKIP: " << missing;
  }
};

TEST_P(Protocol, IsRightAndItsBrokenVariantsAreSeenToBe) {
  Checker checker(GetParam());
  ASSERT_TRUE(checker.Build());
  const Search search = checker.Run();
  std::cout << GetParam() << ": " << search.states << " states, " << search.errors << " errors\n";
  if (GetParam().bug.empty()) {
    EXPECT_TRUE(search.complete) << search.output;
    EXPECT_EQ(search.errors, 0u) << search.output << checker.LastSteps();
    EXPECT_GE(search.states, kLeastStates);
  } else {
    EXPECT_GE(search.errors, 1u) << "the model does not see what is broken\n" << search.output;
  }
}

INSTANTIATE_TEST_SUITE_P(Spin, Protocol, ::testing::ValuesIn(AllVariants()), NameOf);

// All names of this form in a model's text.
std::set<std::string> BugsIn(const std::string& text) {
  static const std::regex kBug("BUG_([A-Z_]+)");
  std::set<std::string> bugs;
  for (std::sregex_iterator it(text.begin(), text.end(), kBug), end; it != end; ++it) {
    bugs.insert((*it)[1]);
  }
  return bugs;
}

TEST(Models, EveryBrokenVariantIsInTheHeadAndIsTried) {
  std::set<std::string> names;
  for (const Model& model : kModels) names.insert(model.name);
  for (const std::string& name : names) {
    std::set<std::string> tried;
    for (const Variant& variant : AllVariants()) {
      if (variant.model == name && !variant.bug.empty()) tried.insert(variant.bug);
    }
    const std::string text = Contents(PathOf(name));
    const std::size_t head = text.find("\n\n");
    ASSERT_NE(head, std::string::npos) << name;
    EXPECT_THAT(BugsIn(text.substr(0, head)), UnorderedElementsAreArray(tried)) << name;
    EXPECT_THAT(BugsIn(text.substr(head)), UnorderedElementsAreArray(tried)) << name;
  }
}

RunResult Saying(const std::string& output) {
  RunResult result;
  result.exit_code = 0;
  result.out = output;
  return result;
}

TEST(Search, IsCompleteOnlyWhenPanSaysNothingElse) {
  const std::string good =
      "State-vector 52 byte, depth reached 9, errors: 0\n    71 states, stored\n";
  EXPECT_TRUE(ParseSearch(Saying(good)).complete);
  EXPECT_EQ(ParseSearch(Saying(good)).states, 71u);
  EXPECT_FALSE(ParseSearch(Saying("")).complete);
  EXPECT_FALSE(ParseSearch(Saying("Warning: Search not completed\n" + good)).complete);
  EXPECT_FALSE(ParseSearch(Saying("error: max search depth too small\n" + good)).complete);
  EXPECT_FALSE(ParseSearch(Saying("pan: out of memory\n" + good)).complete);
  EXPECT_FALSE(ParseSearch(RunResult()).complete);
}

}  // namespace
}  // namespace hz3::testlib
