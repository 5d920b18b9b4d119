#include "bench/matrix/runner.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

const std::vector<Allocator> kAllocators = {{"a", "", true}, {"b", "", false}, {"c", "", false}};

MatrixRow Recording(const std::string& name, std::string* order) {
  return {.info = {.name = name},
          .prepare = [] { return std::string(); },
          .run =
              [order](const Allocator& allocator) {
                *order += allocator.name;
                return Sample{.cpu = 1};
              }};
}

void Quiet(const ProgressStep&) {}

TEST(RunMatrix, EachRoundRunsAllAllocatorsInAnOrderOfItsOwn) {
  std::string order;
  const auto results = RunMatrix({{Recording("row", &order)}, kAllocators, 20, 1, nullptr}, Quiet);
  std::set<std::string> orders;
  for (size_t round = 0; round < 20; ++round) {
    const std::string one = order.substr(round * 3, 3);
    orders.insert(one);
    EXPECT_EQ(std::set<char>(one.begin(), one.end()).size(), 3u) << one;
  }
  EXPECT_GT(orders.size(), 3u);
  for (const Cell& cell : results[0].cells) EXPECT_EQ(cell.samples.size(), 20u);
}

TEST(RunMatrix, KeepsFailuresApart) {
  MatrixRow row = Recording("row", nullptr);
  row.run = [](const Allocator& allocator) {
    return Sample{.cpu = 1, .failure = allocator.name == "b" ? "timeout" : ""};
  };
  const auto results = RunMatrix({{row}, kAllocators, 2, 1, nullptr}, Quiet);
  EXPECT_EQ(results[0].cells[0].samples.size(), 2u);
  EXPECT_TRUE(results[0].cells[1].samples.empty());
  EXPECT_EQ(results[0].cells[1].failures, (std::vector<std::string>{"timeout", "timeout"}));
}

TEST(RunMatrix, SkipsARowThatCannotBePrepared) {
  std::string order;
  MatrixRow absent = Recording("absent", &order);
  absent.prepare = [] { return std::string("not installed"); };
  std::string last;
  const auto results = RunMatrix({{absent, Recording("row", &order)}, kAllocators, 1, 1, nullptr},
                                 [&](const ProgressStep& step) {
                                   last = std::to_string(step.step) + "/" +
                                          std::to_string(step.steps) + " " + step.allocator;
                                 });
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].skipped, "not installed");
  EXPECT_TRUE(results[0].cells.empty());
  EXPECT_EQ(order.size(), 3u);
  EXPECT_EQ(last.find("6/6 row 2 of 2 row, "), 0u) << last;
}

TEST(RunMatrix, ReturnsOnlyCompleteRowsWhenCancelled) {
  std::atomic<bool> cancel = false;
  std::string order;
  MatrixRow last = Recording("last", &order);
  last.run = [&](const Allocator&) {
    cancel = true;
    return Sample{};
  };
  const auto results = RunMatrix(
      {{Recording("first", &order), last, Recording("never", &order)}, kAllocators, 1, 1, &cancel},
      Quiet);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].info.name, "first");
  EXPECT_EQ(order.size(), 3u);
}

}  // namespace
}  // namespace hz3::bench
