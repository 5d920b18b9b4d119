#include "bench/matrix/report.h"

#include "bench/matrix/fake_row.h"
#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

bool Holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

RowResults Sample() {
  RowResult made_up =
      FakeRow("made_up", {FakeCell("hz3-scale", Near(8)), FakeCell("glibc", Near(10))});
  RowResult real =
      FakeRow("real_one", {FakeCell("hz3-scale", Near(15)), FakeCell("glibc", Near(10))});
  real.info.group = Group::kReal;
  RowResult absent = {.info = {.name = "absent", .group = Group::kReal},
                      .skipped = "node is not installed"};
  return {made_up, real, absent};
}

ReportOptions Options(int runs) { return {.machine = "A machine", .runs = runs, .markdown = true}; }

TEST(ReportText, SaysOnWhatAndHowWellItWasMeasured) {
  const std::string text = ReportText(Sample(), Options(5));
  EXPECT_EQ(text.find("A machine\nruns of each cell: 5"), 0u) << text;
  EXPECT_TRUE(Holds(text, "hz3-scale, glibc")) << text;
  EXPECT_TRUE(Holds(text, "CPU noise: ")) << text;
  EXPECT_TRUE(Holds(text, "visible for certain are differences above 2.0 %")) << text;
}

TEST(ReportText, ShowsCellsVerdictsAndSums) {
  const std::string text = ReportText(Sample(), Options(5));
  EXPECT_TRUE(Holds(text, "| made_up | 8.0 (8.0..8.0) | 10.0 (10.0..10.0) |")) << text;
  EXPECT_TRUE(Holds(text, "| made_up | hz3-scale | 0.800 | glibc | 0.008 | ahead |")) << text;
  EXPECT_TRUE(Holds(text, "| hz3-scale | real | CPU | 1.500 | 1 | 0 | 0 | 1 | 0 | 1.500 |"))
      << text;
  EXPECT_TRUE(Holds(text, "hz3-scale CPU behind in: real_one 1.50\n")) << text;
  EXPECT_TRUE(Holds(text, "skipped: absent: node is not installed\n")) << text;
}

TEST(ReportText, GivesNoVerdictsForFewRuns) {
  RowResults rows = Sample();
  for (RowResult& row : rows) {
    for (Cell& cell : row.cells) cell.samples.resize(3);
  }
  const std::string text = ReportText(rows, Options(3));
  EXPECT_TRUE(Holds(text, "Too few runs for verdicts: 3 where 5 are needed")) << text;
  EXPECT_TRUE(Holds(text, "| too few runs |")) << text;
  EXPECT_FALSE(Holds(text, "visible for certain")) << text;
  EXPECT_FALSE(Holds(text, "behind in:")) << text;
}

TEST(ReportText, ShowsFailures) {
  RowResults rows = Sample();
  rows[0].cells[0].failures = {"signal 11 (Segmentation fault)"};
  const std::string text = ReportText(rows, Options(5));
  EXPECT_TRUE(Holds(text, "1 FAILED")) << text;
  EXPECT_TRUE(Holds(text, "hz3-scale CPU FAILED in: made_up\n")) << text;
  EXPECT_TRUE(Holds(text, "failed: made_up, hz3-scale: 1 runs: signal 11")) << text;
}

TEST(ReportText, DoesWithoutOurAllocators) {
  const RowResults rows = {FakeRow("row", {FakeCell("glibc", Near(1))})};
  const std::string text = ReportText(rows, Options(5));
  EXPECT_TRUE(Holds(text, "| row | 1.0 (1.0..1.0) |")) << text;
  EXPECT_FALSE(Holds(text, "best peer")) << text;
}

TEST(WriteReport, HoldsEveryRunAndEveryVerdict) {
  JsonWriter json;
  WriteReport(Sample(), Options(5), &json);
  const std::string text = json.Text();
  for (const char* part :
       {"\"machine\": \"A machine\"", "\"runs\": 5", "\"median_range\": ", "\"row\": \"made_up\"",
        "\"cpu_ns_per_op\": 8.032", "\"cpu_s\": 15", "\"verdict\": \"ahead\"",
        "\"verdict\": \"behind\"", "\"skipped\": \"node is not installed\""}) {
    EXPECT_TRUE(Holds(text, part)) << part << text;
  }
}

}  // namespace
}  // namespace hz3::bench
