// The pages of hz3 in a real browser: what a person would see, and nothing on the console.

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/hz3/gate_json.h"
#include "tools/hz3/page.h"
#include "tools/hz3/profile_json.h"
#include "tools/hz3/recording.h"
#include "tools/hz3/testing/browser.h"
#include "tools/hz3/testing/sample_views.h"

namespace hz3::tool {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Folder(const char* variable) {
  const char* folder = std::getenv(variable);
  return folder == nullptr ? ::testing::TempDir() : folder;
}

// A row whose name is longer than a phone is wide, and one for each kind of thing that may be in a
// gate's file, twice, so that there is a history.
constexpr char kGate[] = R"({"machine": {"cpu": "EPYC", "cores": 2}, "commit": "$commit",
  "date": "$date", "rows": [
  {"name": "malloc and free, 64 B", "kind": "instructions", "verdict": "pass",
   "unit": "instructions", "value": 30, "baseline": 30, "ratio": 1, "low": 30, "high": 30},
  {"name": "a row with a name that goes on and on and on, as those of the matrix do, scale CPU"},
  {"name": "repro, CPU", "kind": "cpu", "verdict": "fail", "unit": "ns/op", "value": $cpu,
   "baseline": 46, "ratio": 1.026, "low": 44.8, "high": 49.9},
  {"name": "</script><script>document.title = 'broken out'</script>"}]})";

Json Gate(const std::string& commit, const std::string& date, const std::string& cpu) {
  std::string text = kGate;
  for (const auto& [name, value] : {std::pair("$commit", commit), {"$date", date}, {"$cpu", cpu}}) {
    const std::string word = name;
    text.replace(text.find(word), word.size(), value);
  }
  return *ParseGate("gate.json", text);
}

class PageBrowserTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::string chromium = FindChromium();
    if (chromium.empty()) return;
    const std::string profile = absl::StrCat(::testing::TempDir(), "/chromium-", getpid());
    std::filesystem::create_directories(profile);
    browser_ = new Browser(chromium, profile);
  }
  static void TearDownTestSuite() {
    delete browser_;
    browser_ = nullptr;
  }
  void SetUp() override {
    if (browser_ == nullptr) GTEST_SKIP() << "SKIP: there is no Chromium on this machine";
    ASSERT_TRUE(browser_->started()) << browser_->failure();
  }

  // Opens a page of `data`.
  void Open(const PageData& data, const Browser::Look& look) {
    const std::string path = absl::StrCat(::testing::TempDir(), "/page-", getpid(), ".html");
    ASSERT_TRUE(WriteTextFile(path, PageHtml(data)).ok());
    ASSERT_TRUE(browser_->Open(path, look)) << browser_->failure();
  }
  void ExpectQuiet() {
    EXPECT_THAT(browser_->errors(), IsEmpty());
    EXPECT_THAT(browser_->requests(), IsEmpty()) << "the page must work offline";
  }
  static Json Value(const std::string& expression) { return browser_->Evaluate(expression); }
  static std::string Text(const std::string& id) {
    return Value("document.getElementById('" + id + "').textContent").dump();
  }
  // A number that differs when the map's picture does.
  static Json MapPicture() { return Value("document.getElementById('map').toDataURL()"); }
  static void MoveSlider(int sample) {
    Value(absl::StrCat("{const slider = document.getElementById('slider'); slider.value = ", sample,
                       "; slider.dispatchEvent(new Event('input', {bubbles: true}));}"));
  }
  // (A phone makes the window as wide as what does not fit.)
  static void ExpectNoSidewaysScrolling(const Browser::Look& look) {
    EXPECT_LE(Value("document.documentElement.scrollWidth"), look.width);
    EXPECT_LE(Value("window.innerWidth"), look.width);
  }

  static PageData WholeReport() {
    return {
        "hz3 report",
        {SampleRecording(40)},
        {Gate("1a2b3c4d5e6f", "2026-01-30", "47.2"), Gate("2b3c4d5e6f7a", "2026-02-02", "45.1")}};
  }

  static Browser* browser_;
};

Browser* PageBrowserTest::browser_ = nullptr;

TEST_F(PageBrowserTest, TheReportShowsItsChartsAndSaysNothingOnTheConsole) {
  Open(WholeReport(), {});
  for (const char* chart : {"occupancy", "pressure", "classes", "history"}) {
    EXPECT_GT(Value(absl::StrCat("Chart.getChart('", chart, "').data.datasets.length")), 0)
        << chart;
    EXPECT_GT(Value(absl::StrCat("document.getElementById('", chart, "').clientHeight")), 100)
        << chart;
  }
  EXPECT_EQ(Value("Chart.getChart('occupancy').data.datasets[0].data.length"), 40);
  EXPECT_EQ(Value("document.querySelectorAll('#gate-table tbody tr').length"), 4);
  EXPECT_EQ(Value("document.querySelectorAll('#map-legend li').length"), 6);
  EXPECT_GE(Value("document.querySelectorAll('.card').length"), 5);
  EXPECT_THAT(Text("title"), HasSubstr("sample program"));
  EXPECT_EQ(Value("document.title"), "hz3 report") << "what a file says stays text";
  ExpectQuiet();
}

TEST_F(PageBrowserTest, TheSliderShowsTheHeapOfAnotherTime) {
  Open(WholeReport(), {});
  MoveSlider(0);
  const Json first = MapPicture();
  const std::string classes = Value("JSON.stringify(Chart.getChart('classes').data)").dump();
  const std::string time = Text("time");
  MoveSlider(25);
  EXPECT_NE(MapPicture(), first);
  EXPECT_NE(Value("JSON.stringify(Chart.getChart('classes').data)").dump(), classes);
  EXPECT_NE(Text("time"), time);
  MoveSlider(0);
  EXPECT_EQ(MapPicture(), first) << "the way back leads to the same heap";
  ExpectQuiet();
}

TEST_F(PageBrowserTest, PointingAtAPageSaysWhatItIs) {
  Open(WholeReport(), {});
  Value(
      "{const map = document.getElementById('map'); const box = map.getBoundingClientRect();"
      "map.dispatchEvent(new PointerEvent('pointermove', {clientX: box.left + 2,"
      " clientY: box.top + 2}));}");
  EXPECT_THAT(Text("tip"), HasSubstr("span of 64 B objects"));
  EXPECT_EQ(Value("document.getElementById('tip').hidden"), false);
  ExpectQuiet();
}

TEST_F(PageBrowserTest, EveryKindOfPageHasAColourOfItsOwn) {
  Open({"map", {SampleRecording(1)}, {}}, {});
  const Json colours = Value(
      "(() => {const map = document.getElementById('map');"
      "const pixels = map.getContext('2d').getImageData(0, 0, map.width, map.height).data;"
      "const seen = new Set();"
      "for (let i = 0; i < pixels.length; i += 4) if (pixels[i + 3] === 255)"
      " seen.add(pixels.slice(i, i + 3).join());"
      "return seen.size;})()");
  EXPECT_GE(colours, 7) << "six kinds, and spans of different fullness";
  EXPECT_EQ(Value("document.getElementById('instant').hidden"), true)
      << "one sample needs no slider";
  ExpectQuiet();
}

TEST_F(PageBrowserTest, ARowOfTheTableShowsItsHistory) {
  Open(WholeReport(), {});
  Value("document.querySelectorAll('#gate-table tbody tr')[2].click()");
  EXPECT_EQ(Value("Chart.getChart('history').data.datasets[0].data.join()"), "47.2,45.1");
  EXPECT_EQ(Value("document.getElementById('gate-row').value"), "repro, CPU");
  Value(
      "{const filter = document.getElementById('gate-filter'); filter.value = 'repro';"
      "filter.dispatchEvent(new Event('input'));}");
  EXPECT_EQ(Value("document.querySelectorAll('#gate-table tbody tr:not([hidden])').length"), 1);
  ExpectQuiet();
}

TEST_F(PageBrowserTest, AFigureWithALimitShowsItAsALine) {
  Open({"gate",
        {},
        {*ParseGate("g.json", R"({"findings": [{"row": "a", "lane": "fast", "figure": "faults",
            "outcome": "pass", "value": 2, "baseline": 2, "limit": 3}]})")}},
       {});
  EXPECT_EQ(Value("Chart.getChart('history').data.datasets[2].label"), "limit");
  EXPECT_THAT(Text("gate-table"), HasSubstr("at most 3 faults"));
  ExpectQuiet();
}

TEST_F(PageBrowserTest, ARecordingWithoutSamplesSaysSo) {
  Open({"empty", {SampleRecording(0)}, {}}, {});
  EXPECT_EQ(Value("document.getElementById('empty').hidden"), false);
  EXPECT_EQ(Value("document.getElementById('recording').hidden"), true);
  ExpectQuiet();
}

TEST_F(PageBrowserTest, BenchmarksAloneMakeAPageToo) {
  PageData data = WholeReport();
  data.recordings.clear();
  Open(data, {});
  EXPECT_EQ(Value("document.getElementById('benchmarks').hidden"), false);
  EXPECT_EQ(Value("document.getElementById('recording').hidden"), true);
  ExpectQuiet();
}

TEST_F(PageBrowserTest, ThousandsOfSegmentsAreDrawnInNoTime) {
  Open({"large", {LargeRecording(4000)}, {}}, {});
  const Json milliseconds = Value(
      "(() => {const start = performance.now(); const slider = document.getElementById('slider');"
      "slider.value = '0'; slider.dispatchEvent(new Event('input'));"
      "return performance.now() - start;})()");
  // A bound that only a picture made page by page on the canvas would miss.
  EXPECT_LT(milliseconds, 5000);
  EXPECT_LT(Value("document.getElementById('map').height"), 16384);
  ExpectQuiet();
}

struct NamedLook {
  const char* name;
  Browser::Look look;
};

class PageLookTest : public PageBrowserTest, public ::testing::WithParamInterface<NamedLook> {};

TEST_P(PageLookTest, FitsItsScreenAndIsKeptAsAPicture) {
  Open(WholeReport(), GetParam().look);
  ExpectNoSidewaysScrolling(GetParam().look);
  EXPECT_EQ(Value("matchMedia('(prefers-color-scheme: dark)').matches"), GetParam().look.is_dark);
  const std::string path =
      absl::StrCat(Folder("TEST_UNDECLARED_OUTPUTS_DIR"), "/report_", GetParam().name, ".png");
  ASSERT_TRUE(browser_->Screenshot(path));
  EXPECT_GT(std::filesystem::file_size(path), 10'000u);
  ExpectQuiet();
}

INSTANTIATE_TEST_SUITE_P(Looks, PageLookTest,
                         ::testing::Values(NamedLook{"light", {}},
                                           NamedLook{"dark", {1200, 900, false, true}},
                                           NamedLook{"phone", {390, 844, true, false}},
                                           NamedLook{"phone_dark", {390, 844, true, true}}),
                         [](const auto& param) { return std::string(param.param.name); });

TEST_F(PageBrowserTest, CallSitesAreOrderedAndFilteredAsAsked) {
  PprofProfile profile;
  profile.figures = {{"inuse_space", "bytes"}, {"stranded_space", "bytes"}};
  profile.period = 4096;
  std::map<uint64_t, std::string> symbols;
  for (uint64_t id = 1; id <= 3; ++id) {
    profile.locations[id] = {};
    const auto value = static_cast<int64_t>(id << 20);
    profile.samples.push_back({{id}, {value, (int64_t{4} << 20) - value}});
  }
  symbols = {{1, "first"}, {2, "<b>second</b>"}, {3, "third"}};
  const Browser::Look phone = {400, 800};
  Open({"hz3 report", {}, {}, {ProfileTable("dir/heap.pb.gz", profile, symbols)}}, phone);
  const auto rows = [](const std::string& more) {
    return Value("[...document.querySelectorAll('#profile-table tbody tr')]" + more);
  };
  const std::string stacks = ".map((row) => row.querySelector('summary').textContent).join()";
  EXPECT_EQ(rows(stacks), "third,<b>second</b>,first");
  EXPECT_EQ(rows("[0].cells[0].textContent"), "3 MiB");
  Value(
      "{const order = document.getElementById('profile-order'); order.value = 'stranded_space';"
      " order.dispatchEvent(new Event('change', {bubbles: true}));}");
  EXPECT_EQ(rows(stacks), "first,<b>second</b>,third");
  Value(
      "{const filter = document.getElementById('profile-filter'); filter.value = 'THI';"
      " filter.dispatchEvent(new Event('input', {bubbles: true}));}");
  EXPECT_EQ(rows(".filter((row) => !row.hidden)" + stacks), "third");
  EXPECT_THAT(Text("profile-about"), HasSubstr("heap.pb.gz"));
  ExpectNoSidewaysScrolling(phone);
  ExpectQuiet();
}

}  // namespace
}  // namespace hz3::tool
