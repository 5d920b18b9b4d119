// Holds what each library catches of the catalogue against the committed outcomes, so that a catch
// that is lost fails, and against the least share of each.
//
// They are written anew by `./bazelw run //testing/hardening:catalogue --` with the arguments
// --only=hz3-scale,hz3-fast,hz3-hardened --write=$PWD/testing/hardening/expected

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "bench/lib/allocators.h"
#include "bench/lib/runfiles.h"
#include "gtest/gtest.h"
#include "hz3/config/build_flags.h"
#include "testing/hardening/outcomes.h"

namespace hz3::testlib {
namespace {

struct Library {
  const char* name;
  double least_pct;
};

std::map<std::string, std::string> Expected(const std::string& library) {
  std::ifstream file("testing/hardening/expected/hz3-" + library + ".txt");
  EXPECT_TRUE(file.is_open()) << library;
  std::map<std::string, std::string> outcomes;
  std::string id, outcome;
  while (file >> id >> outcome) outcomes[id] = outcome;
  return outcomes;
}

class Catalogue : public ::testing::TestWithParam<Library> {
 protected:
  void SetUp() override {
    if (std::string_view(kBuildSanitizer) != "none") {
      GTEST_SKIP() << "SKIP: under " << kBuildSanitizer << " the sanitizer owns malloc";
    }
  }
};

TEST_P(Catalogue, IsCaughtAsCommitted) {
  const std::string name = GetParam().name;
  const std::string program = bench::FindRunfile("", "testing/hardening/case");
  const bench::Allocator library = {
      name, bench::FindRunfile("", "hz3/libhakozuna_hz3_" + name + ".so"), true};
  ASSERT_NE(library.preload, "");
  std::map<std::string, std::string> expected = Expected(name);
  Counts counts;
  for (const CaseRow& row : ListCases(program)) {
    std::string said;
    const Outcome outcome = RunCase(program, row, library, &said);
    counts.Add(outcome);
    EXPECT_EQ(NameOf(outcome), expected[row.Id()]) << row.Id() << ": " << said;
    expected.erase(row.Id());
  }
  EXPECT_TRUE(expected.empty()) << expected.begin()->first << " is expected and not there";
  EXPECT_GE(counts.total(), 110u);
  EXPECT_GE(counts.stopped_pct(), GetParam().least_pct);
}

INSTANTIATE_TEST_SUITE_P(Libraries, Catalogue,
                         ::testing::Values(Library{"scale", 45}, Library{"fast", 45},
                                           Library{"hardened", 90}),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(Outcomes, AreCountedEachAsWhatTheyAre) {
  Counts counts;
  EXPECT_EQ(counts.stopped_pct(), 0);
  for (const Outcome outcome :
       {Outcome::kCaught, Outcome::kNeutralised, Outcome::kMissed, Outcome::kBroken}) {
    counts.Add(outcome);
  }
  EXPECT_EQ(counts.total(), 4u);
  EXPECT_EQ(counts.stopped_pct(), 50);
  EXPECT_EQ(ToText({{"a", "-", "k", "m"}, {"b", "small", "k", "m"}},
                   {Outcome::kMissed, Outcome::kCaught}),
            "a missed\nb/small caught\n");
}

}  // namespace
}  // namespace hz3::testlib
