#include "bench/lib/report.h"

#include <cstdint>
#include <string>

#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

Report Sample() {
  Report report;
  report.Line("speed");
  report.Add("ops", uint64_t{12});
  report.Add("rate", 1.5);
  report.Line("memory");
  report.Add("live", int64_t{-1});
  report.Add("malloc", std::string("libc.so.6"));
  return report;
}

TEST(Report, PrintsOneLinePerGroup) {
  EXPECT_EQ(Sample().Text(), "speed: ops=12 rate=1.5000\nmemory: live=-1 malloc=libc.so.6\n");
}

TEST(Report, WritesOneFlatJsonObject) {
  EXPECT_EQ(
      Sample().Json(),
      "{\n  \"ops\": 12,\n  \"rate\": 1.5,\n  \"live\": -1,\n  \"malloc\": \"libc.so.6\"\n}\n");
}

TEST(ReportFields, ReadsBackWhatAReportPrints) {
  const ReportFields fields("machine: Some CPU, 2 cores\n" + Sample().Text());
  EXPECT_EQ(fields.Number("ops"), 12.0);
  EXPECT_EQ(fields.Number("rate"), 1.5);
  EXPECT_EQ(fields.Number("live"), -1.0);
  EXPECT_EQ(fields.Text("malloc"), "libc.so.6");
}

TEST(ReportFields, HasNothingForMissingKeysAndNoNumberForWords) {
  const ReportFields fields(Sample().Text());
  EXPECT_EQ(fields.Text("absent"), std::nullopt);
  EXPECT_EQ(fields.Number("absent"), std::nullopt);
  EXPECT_EQ(fields.Number("malloc"), std::nullopt);
  EXPECT_EQ(ReportFields("speed: rate=inf share=-nan").Number("rate"), std::nullopt);
  EXPECT_EQ(ReportFields("speed: rate=inf share=-nan").Number("share"), std::nullopt);
}

TEST(WriteJsonReport, NeedsNoFileAndReportsABadOne) {
  EXPECT_TRUE(WriteJsonReport(Sample(), ""));
  EXPECT_FALSE(WriteJsonReport(Sample(), "/no/such/directory/file"));
}

}  // namespace
}  // namespace hz3::bench
