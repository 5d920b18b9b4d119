#include "tools/hz3/exit_report.h"

#include <signal.h>

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hz3::tool {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

ExitReport Report(const Json& stats) {
  ExitReport report;
  report.program = "prog";
  report.stats = stats;
  report.wall_s = 1.5;
  return report;
}

const Json kStats = Json::parse(R"({"peak_used_bytes": 3145728, "handed_out_bytes": 4096000,
    "cached_bytes": 1024000, "pressure_climbs": 3, "pressure_failures": 2, "os_calls": 7,
    "classes": [{"size": 64, "spans": 1, "objects": 64, "free": 60, "cached": 2},
                {"size": 4096, "spans": 9, "objects": 9, "free": 0, "cached": 0}]})");

TEST(ExitReportText, NamesWhatAPersonWantsToKnow) {
  const std::string text = ExitReportText(Report(kStats));
  EXPECT_THAT(text, HasSubstr("prog: exit 0 after 1.50 s"));
  EXPECT_THAT(text, HasSubstr("peak live                     3.0 MiB"));
  EXPECT_THAT(text, HasSubstr("25.0 % of what threads hold"));
  EXPECT_THAT(text, HasSubstr("3 climbs of the ladder"));
  EXPECT_LT(text.find("36.0 KiB"), text.find("  64 B ")) << "the largest class first\n" << text;
}

TEST(ExitReportText, AProgramThatLeftNothingIsToldSo) {
  ExitReport report = Report(nullptr);
  report.ending.status = SIGSEGV;
  const std::string text = ExitReportText(report);
  EXPECT_THAT(text, HasSubstr("signal 11"));
  EXPECT_THAT(text, HasSubstr("left no figures"));
}

TEST(ExitReportText, FiguresThatAreMissingOrOddDoNoHarm) {
  EXPECT_THAT(ExitReportText(Report(Json::object())), HasSubstr("no pressure"));
  ExitReportText(Report({{"classes", {{{"size", -1}, {"objects", "x"}}}}, {"cached_bytes", 1}}));
}

TEST(ExitReportJson, SaysHowItEnded) {
  ExitReport report = Report(kStats);
  report.others = {kStats};
  Json json = ExitReportJson(report);
  EXPECT_EQ(json["exit_code"], 0);
  EXPECT_TRUE(json["signal"].is_null());
  EXPECT_EQ(json["stats"], kStats);
  EXPECT_EQ(json["other_processes"].size(), 1u);
  report.ending.status = SIGKILL;
  json = ExitReportJson(report);
  EXPECT_TRUE(json["exit_code"].is_null());
  EXPECT_EQ(json["signal"], SIGKILL);
}

TEST(ReadFigures, TellsTheProgramFromWhatItStartedAndSkipsBrokenFiles) {
  const std::string folder = ::testing::TempDir() + "/figures";
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/10") << R"({"a": 1})";
  std::ofstream(folder + "/11") << R"({"a": 2})";
  std::ofstream(folder + "/12") << R"({"a": )";
  ExitReport report;
  ReadFigures(folder, 10, &report);
  EXPECT_EQ(report.stats["a"], 1);
  ASSERT_EQ(report.others.size(), 1u);
  EXPECT_EQ(report.others[0]["a"], 2);
}

}  // namespace
}  // namespace hz3::tool
