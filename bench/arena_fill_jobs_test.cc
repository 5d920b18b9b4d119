// The logic of the runs, with a runner that only pretends; bench/arena_fill_test.cc has real ones.
#include "bench/arena_fill_jobs.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

FillOutcome Result(const std::string& text) { return {ReportFields(text), ""}; }
FillOutcome Failure(const std::string& why) { return {ReportFields(""), why}; }

const FillProgress kQuiet = [](const FillJob&, const std::string&) {};

FillJob LiveJob(uint64_t live_mib) {
  FillJob job;
  job.workload = "w";
  job.scale_mib = live_mib;
  job.target_pct = 100;
  return job;
}

// Enough from `needed_mib` on; remembers what it was asked.
class Arena {
 public:
  explicit Arena(uint64_t needed_mib) : needed_mib_(needed_mib) {}

  FillRunner Runner() {
    return [this](const FillJob& job) {
      asked_.push_back(job.arena_mib);
      const bool enough = job.arena_mib >= needed_mib_;
      return Result(std::string("x: alloc_failed=") + (enough ? "0" : "3") +
                    " peak_live_bytes=" + std::to_string(job.seed * 1000));
    };
  }
  const std::vector<uint64_t>& asked() const { return asked_; }

 private:
  const uint64_t needed_mib_;
  std::vector<uint64_t> asked_;
};

TEST(FindSmallestArena, FindsTheSmallestForEverySize) {
  for (uint64_t needed = 66; needed <= 256; needed += 2) {
    Arena arena(needed);
    const SmallestArena found = FindSmallestArena(LiveJob(128), 2, 256, arena.Runner(), kQuiet);
    EXPECT_EQ(found.arena_mib, needed);
    // Two runs of what is enough, one of what is not.
    EXPECT_LE(arena.asked().size(), 2u * 9);
  }
}

TEST(FindSmallestArena, RoundsUpToTheStep) {
  Arena arena(129);
  EXPECT_EQ(FindSmallestArena(LiveJob(128), 1, 256, arena.Runner(), kQuiet).arena_mib, 130u);
}

TEST(FindSmallestArena, KeepsTheMostThatWasLiveInTheArenaItFound) {
  Arena arena(140);
  // Seeds 1, 2 and 3.
  EXPECT_EQ(FindSmallestArena(LiveJob(128), 3, 256, arena.Runner(), kQuiet).peak_live_bytes, 3000);
}

TEST(FindSmallestArena, SaysThatNoneWasEnough) {
  Arena arena(1000);
  const SmallestArena found = FindSmallestArena(LiveJob(128), 3, 256, arena.Runner(), kQuiet);
  EXPECT_EQ(found.arena_mib, 0u);
  EXPECT_EQ(arena.asked().size(), 1u);  // the largest, once
}

TEST(FindSmallestArena, OneRunThatFailsAmongManyIsAFailure) {
  const FillRunner runner = [](const FillJob& job) {
    const bool fails = job.arena_mib < 200 && job.seed == 3;
    return Result(fails ? "x: alloc_failed=1" : "x: alloc_failed=0");
  };
  EXPECT_EQ(FindSmallestArena(LiveJob(128), 3, 256, runner, kQuiet).arena_mib, 200u);
  EXPECT_LT(FindSmallestArena(LiveJob(128), 2, 256, runner, kQuiet).arena_mib, 100u);
}

TEST(FindSmallestArena, ARunThatCannotBeMadeCountsAsTooSmall) {
  const FillRunner runner = [](const FillJob& job) {
    return job.arena_mib < 150 ? Failure("timeout") : Result("x: alloc_failed=0");
  };
  const SmallestArena found = FindSmallestArena(LiveJob(128), 1, 256, runner, kQuiet);
  EXPECT_EQ(found.arena_mib, 150u);
  EXPECT_EQ(found.failure, "timeout");
  // A report without the count is no proof that nothing failed.
  const FillRunner silent = [](const FillJob&) { return Result("x: ops=1"); };
  EXPECT_EQ(FindSmallestArena(LiveJob(128), 1, 256, silent, kQuiet).arena_mib, 0u);
}

TEST(RunAll, InterleavesTheJobsAndGivesEachRunItsSeed) {
  FillJob a;
  a.workload = "a";
  a.seed = 5;
  FillJob b = a;
  b.workload = "b";
  std::vector<std::pair<std::string, uint64_t>> order;
  const FillRunner runner = [&order](const FillJob& job) {
    order.emplace_back(job.workload, job.seed);
    return job.workload == "b" && job.seed == 6 ? Failure("signal 9")
                                                : Result("x: n=" + std::to_string(job.seed));
  };
  const std::vector<FillRow> rows = RunAll({a, b}, 2, runner, kQuiet);
  const std::vector<std::pair<std::string, uint64_t>> wanted = {
      {"a", 5}, {"b", 5}, {"a", 6}, {"b", 6}};
  EXPECT_EQ(order, wanted);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].Of("n").max, 6);
  EXPECT_EQ(rows[0].Of("n", 10).min, 50);
  EXPECT_EQ(rows[1].runs.size(), 1u);
  EXPECT_EQ(rows[1].failures, std::vector<std::string>{"signal 9"});
  EXPECT_EQ(rows[0].Of("nothing").count, 0u);
}

TEST(ProcessRunner, SaysWhyAProgramHasNoResult) {
  ProcessRunner missing("/nonexistent/program", {.timeout_s = 10});
  FillJob job;
  job.workload = "w";
  job.allocator.is_ours = true;
  EXPECT_NE(missing(job).failure, "");
  ProcessRunner fails("/bin/false", {.timeout_s = 10});
  EXPECT_EQ(fails(job).failure, "exit 1");
  // A peer in an arena needs a look at the bare process first.
  job.allocator.is_ours = false;
  job.arena_mib = 64;
  EXPECT_EQ(fails(job).failure, "the bare process does not run");
}

}  // namespace
}  // namespace hz3::bench
