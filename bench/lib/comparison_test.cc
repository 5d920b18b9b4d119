#include "bench/lib/comparison.h"

#include <string>
#include <vector>

#include "bench/lib/allocators.h"
#include "bench/lib/json_writer.h"
#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

const ProgressSink kSilent = [](const ProgressStep&) {};

// A bench that prints a report of one field, then does what `then` says.
std::vector<std::string> FakeBench(const std::string& then) {
  return {"/bin/sh", "-c", "echo speed: ops=12 malloc=libc.so.6; " + then};
}

Contestant Glibc(int runs) { return {{"glibc", "", false}, runs}; }
// A library that the loader cannot preload, so that glibc runs in its place.
Contestant Unloadable(int runs) { return {{"unloadable", "/no/such/library.so", false}, runs}; }
Contestant Ours(int runs) { return {{"hz3", "", true}, runs}; }

TEST(Compare, RunsTheAllocatorsInTurn) {
  std::vector<std::string> order;
  const ProgressSink progress = [&](const ProgressStep& step) {
    if (step.result.empty()) order.push_back(step.allocator);
  };
  const auto rows = Compare({Ours(3), Glibc(1)}, FakeBench("true"), {}, progress);
  EXPECT_EQ(order, (std::vector<std::string>{"hz3", "glibc", "hz3", "hz3"}));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].Of("ops").count, 3u);
  EXPECT_EQ(rows[0].Of("ops").median, 12);
  EXPECT_EQ(rows[1].runs.size(), 1u);
  EXPECT_EQ(rows[1].Of("absent").count, 0u);
}

TEST(Compare, ARunUnderAnotherAllocatorCountsAsFailed) {
  const auto rows = Compare({Unloadable(1)}, FakeBench("true"), {}, kSilent);
  EXPECT_TRUE(rows[0].runs.empty());
  ASSERT_EQ(rows[0].failures.size(), 1u);
  EXPECT_TRUE(rows[0].failures[0].starts_with("not preloaded")) << rows[0].failures[0];
}

TEST(Compare, KeepsWhatAFailedRunSaid) {
  const auto rows = Compare({Glibc(2)}, FakeBench("echo broken >&2; exit 3"), {}, kSilent);
  EXPECT_TRUE(rows[0].runs.empty());
  EXPECT_EQ(rows[0].failures, (std::vector<std::string>{"exit 3: broken", "exit 3: broken"}));
}

TEST(Compare, KillsARunThatTakesTooLong) {
  const auto rows = Compare({Glibc(1)}, FakeBench("sleep 100"), {.run_timeout_s = 0.2}, kSilent);
  EXPECT_EQ(rows[0].failures, std::vector<std::string>{"timeout"});
}

TEST(Compare, SkipsOnlyPeersWhenTheBudgetIsSpent) {
  const auto rows =
      Compare({Ours(2), Glibc(2)}, FakeBench("sleep 0.1"), {.budget_s = 0.05}, kSilent);
  EXPECT_EQ(rows[0].runs.size(), 2u);
  EXPECT_EQ(rows[1].failures, (std::vector<std::string>{"over budget", "over budget"}));
}

TEST(WriteRows, KeepsEveryFieldOfEveryRun) {
  JsonWriter json;
  WriteRows(Compare({Glibc(1)}, FakeBench("true"), {}, kSilent), &json);
  EXPECT_EQ(json.Text(),
            "[\n"
            "  {\n"
            "    \"allocator\": \"glibc\",\n"
            "    \"runs\": [\n"
            "      {\n"
            "        \"malloc\": \"libc.so.6\",\n"
            "        \"ops\": 12\n"
            "      }\n"
            "    ],\n"
            "    \"failures\": []\n"
            "  }\n"
            "]\n");
}

}  // namespace
}  // namespace hz3::bench
