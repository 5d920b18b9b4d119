#include "bench/gate/report.h"

#include "gtest/gtest.h"

namespace hz3::gate {
namespace {

bool Holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::vector<Finding> Three() {
  return {{"pair", "scale", "instructions", Outcome::kPass, 15.0, 15.0, 15.15, "gcc-12/callgrind"},
          {"fill", "fast", "live_pct", Outcome::kFail, 90.5, 98.0, 98.0, "-", "said \"no\""},
          {"start", "scale", "loaded_bytes", Outcome::kSkipped, {}, {}, {}, "-", "no objdump"}};
}

TEST(Report, TableHasOneLineForEachFinding) {
  const std::string text = TableText(Three());
  EXPECT_TRUE(Holds(text, "15.00")) << text;
  EXPECT_TRUE(Holds(text, "90.5 %")) << text;
  EXPECT_TRUE(Holds(text, "FAIL")) << text;
  EXPECT_TRUE(Holds(text, "no objdump")) << text;
}

TEST(Report, SummaryFailsWhenOneFigureFails) {
  EXPECT_EQ(SummaryText(Three(), 12.3), "gate: FAIL, 1 figures passed, 1 failed, 1 skipped, 12 s");
  EXPECT_EQ(SummaryText({Three()[0]}, 1), "gate: pass, 1 figures passed, 0 failed, 1 s");
}

TEST(Report, FiguresAreShownInTheirUnits) {
  EXPECT_EQ(FigureText("cached_bytes", 2048), "2.0 KiB");
  EXPECT_EQ(FigureText("cpu_to_libc", 0.71234), "0.712");
  EXPECT_EQ(FigureText("start_instructions", 123456.0), "123456");
  EXPECT_EQ(FigureText("alloc_failed", 0), "0");
}

TEST(Report, JsonHasEveryFieldAndNullForWhatIsNotThere) {
  const std::string json = Json(Three(), "a machine", 3);
  for (const std::string part :
       {"\"gate\": \"fail\"", "\"passed\": 1", "\"machine\": \"a machine\"", "\"value\": 90.5",
        "\"value\": null", "\"note\": \"said \\\"no\\\"\"",
        "\"made_with\": \"gcc-12/callgrind\""}) {
    EXPECT_TRUE(Holds(json, part)) << part << "\n" << json;
  }
}

}  // namespace
}  // namespace hz3::gate
