#include "tools/hz3/gate_json.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hz3::tool {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

Json Parsed(const std::string& text) {
  const auto gate = ParseGate("some/gate.json", text);
  EXPECT_TRUE(gate.ok()) << gate.status();
  return gate.ok() ? *gate : Json();
}

TEST(ParseGate, TakesTheRowsOfTheGateAndLeavesOutWhatItDoesNotKnow) {
  const Json gate = Parsed(
      R"({"machine": {"cores": 2, "cpu": "EPYC"}, "commit": "abc", "date": "2026-01-31", "more": 1,
          "rows": [{"name": "a", "kind": "cpu", "verdict": "pass", "unit": "ns", "value": 1.5,
                    "baseline": 2, "ratio": 0.75, "low": 1, "high": 2, "extra": []}]})");
  EXPECT_EQ(gate["file"], "gate.json");
  EXPECT_EQ(gate["machine"], "cores 2, cpu EPYC");
  EXPECT_EQ(gate["commit"], "abc");
  EXPECT_EQ(gate["rows"], Json::parse(R"([{"name": "a", "kind": "cpu", "verdict": "pass",
      "unit": "ns", "value": 1.5, "baseline": 2, "ratio": 0.75, "low": 1, "high": 2}])"));
}

TEST(ParseGate, WhatIsMissingOrOfAnotherKindIsNull) {
  const Json gate = Parsed(R"({"rows": [{"name": "a", "value": "fast"}, 7, null]})");
  EXPECT_TRUE(gate["commit"].is_null());
  EXPECT_TRUE(gate["machine"].is_null());
  ASSERT_EQ(gate["rows"].size(), 1u);
  for (const char* name : {"kind", "verdict", "value", "baseline", "low"}) {
    EXPECT_TRUE(gate["rows"][0][name].is_null()) << name;
  }
}

TEST(ParseGate, TakesTheVerdictsOfBenchPeersWithMediansOfTheirRuns) {
  const Json gate = Parsed(R"({"machine": "EPYC, 2 cores", "runs": 3, "rows": [
      {"row": "remote", "group": "synthetic", "allocators": [
         {"allocator": "hz3-scale", "runs": [{"cpu_ns_per_op": 30, "rss_bytes": 5},
             {"cpu_ns_per_op": 10, "rss_bytes": 6}, {"cpu_ns_per_op": 20, "rss_bytes": 7}]},
         {"allocator": "mimalloc", "runs": [{"cpu_ns_per_op": 40}, {"cpu_ns_per_op": 60}]}],
       "verdicts": [
         {"lane": "hz3-scale", "metric": "CPU", "verdict": "ahead", "best_peer": "mimalloc",
          "ratio": 0.4},
         {"lane": "hz3-scale", "metric": "RSS", "verdict": "even", "best_peer": "mimalloc"}]}]})");
  ASSERT_EQ(gate["rows"].size(), 2u);
  EXPECT_EQ(gate["rows"][0], Json::parse(R"({"name": "remote hz3-scale CPU", "kind": "synthetic",
      "verdict": "ahead", "unit": "ns/op", "value": 20.0, "baseline": 50.0, "ratio": 0.4,
      "low": 10.0, "high": 30.0})"));
  EXPECT_EQ(gate["rows"][1]["value"], 6.0);
  EXPECT_EQ(gate["rows"][1]["unit"], "bytes");
  EXPECT_TRUE(gate["rows"][1]["baseline"].is_null());
}

TEST(ParseGate, TakesTheFindingsOfBenchGate) {
  const Json gate = Parsed(R"({"gate": "fail", "machine": "EPYC", "findings": [
      {"row": "malloc_64", "lane": "scale", "figure": "instructions", "outcome": "FAIL", "value": 33,
       "baseline": 30, "limit": 31, "made_with": "gcc12", "note": "more", "seconds": 1},
      {"row": "library", "lane": "", "figure": "text_bytes", "outcome": "skipped", "value": null,
       "baseline": 80000, "limit": null}]})");
  EXPECT_EQ(gate["rows"][0], Json::parse(R"({"name": "malloc_64 scale instructions",
      "kind": "instructions", "verdict": "FAIL", "unit": "instructions", "value": 33,
      "baseline": 30, "ratio": 1.1, "low": null, "high": 31})"));
  EXPECT_EQ(gate["rows"][1]["name"], "library text_bytes");
  EXPECT_EQ(gate["rows"][1]["unit"], "bytes");
  EXPECT_TRUE(gate["rows"][1]["ratio"].is_null());
}

TEST(ParseGate, RefusesOtherFilesInOneLine) {
  for (const char* text : {"", "{", "[]", "7", "{}", R"({"rows": 3})"}) {
    const auto gate = ParseGate("some/gate.json", text);
    ASSERT_FALSE(gate.ok()) << text;
    EXPECT_THAT(gate.status().message(), HasSubstr("some/gate.json"));
  }
}

}  // namespace
}  // namespace hz3::tool
