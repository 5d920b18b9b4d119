#include "tools/hz3/recording.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/hz3/testing/sample_views.h"

namespace hz3::tool {
namespace {

using ::testing::HasSubstr;

constexpr unsigned kSamples = 5;

std::vector<std::string> Lines() {
  std::vector<std::string> lines = {RecordingHeader({"prog", 12, "now", 100}).dump(),
                                    HeapHeader(SampleView(0)).dump()};
  Sampler sampler;
  for (unsigned step = 0; step < kSamples; ++step) {
    lines.push_back(sampler.Sample(SampleView(step), {1, 2}, step * 0.1).dump());
  }
  lines.push_back(RecordingEnd(kSamples, "exit 0").dump());
  return lines;
}

std::string Text(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

std::string WhyRefused(const std::string& text, bool partial = false) {
  const auto recording = ParseRecording("file", text, partial);
  return recording.ok() ? "" : std::string(recording.status().message());
}

TEST(Recording, ComesBackAsItWasWritten) {
  const auto recording = ParseRecording("file", Text(Lines()), false);
  ASSERT_TRUE(recording.ok()) << recording.status();
  EXPECT_EQ((*recording)["program"], "prog");
  EXPECT_EQ((*recording)["lane"], "scale");
  EXPECT_EQ((*recording)["ending"], "exit 0");
  EXPECT_EQ((*recording)["partial"], false);
  ASSERT_EQ((*recording)["samples"].size(), kSamples);
  for (unsigned step = 0; step < kSamples; ++step) {
    EXPECT_EQ((*recording)["samples"][step]["occupancy"]["live_small"],
              SampleView(step).occupancy.live_small);
  }
}

TEST(Recording, ASampleHoldsOnlyTilesThatHaveChanged) {
  Sampler sampler;
  const HeapView view = SampleView(0);
  EXPECT_EQ(sampler.Sample(view, {}, 0)["tiles"].size(), view.tiles.size());
  EXPECT_EQ(sampler.Sample(view, {}, 1)["tiles"].size(), 0u);
  HeapView less = view;
  less.tiles.erase(less.tiles.begin());
  const Json sample = sampler.Sample(less, {}, 2);
  EXPECT_EQ(sample["tiles"].size(), 0u);
  EXPECT_EQ(sample["gone"], Json::array({view.tiles[0].slot}));
}

TEST(Recording, ThePeakNeverFallsFromOneSampleToTheNext) {
  Sampler sampler;
  HeapView view = SampleView(0);
  const uint64_t peak = view.peak_used;
  EXPECT_EQ(sampler.Sample(view, {}, 0)["peak_used"], peak);
  view.peak_used = peak / 2;
  EXPECT_EQ(sampler.Sample(view, {}, 1)["peak_used"], peak);
}

TEST(Recording, OneWithoutSamplesIsARecordingToo) {
  const std::string text =
      Text({RecordingHeader({"prog", 12, "now", 100}).dump(), RecordingEnd(0, "exit 1").dump()});
  EXPECT_EQ(WhyRefused(text), "");
}

TEST(Recording, OneThatWasCutOffIsRefusedAndTakenAsFarAsItGoesOnDemand) {
  std::vector<std::string> lines = Lines();
  lines.pop_back();
  EXPECT_THAT(WhyRefused(Text(lines)), HasSubstr("cut off"));
  std::string text = Text(lines);
  text.resize(text.size() - 50);
  EXPECT_NE(WhyRefused(text), "");
  const auto recording = ParseRecording("file", text, true);
  ASSERT_TRUE(recording.ok()) << recording.status();
  EXPECT_EQ((*recording)["samples"].size(), kSamples - 1);
  EXPECT_EQ((*recording)["partial"], true);
}

TEST(Recording, EveryPlaceAtWhichAFileIsCutIsNoticed) {
  const std::string whole = Text(Lines());
  for (size_t size = 0; size + 1 < whole.size(); size += 97) {
    EXPECT_NE(WhyRefused(whole.substr(0, size)), "") << size;
  }
}

TEST(Recording, SaysWhichLineIsBroken) {
  EXPECT_THAT(WhyRefused(""), HasSubstr("empty"));
  EXPECT_THAT(WhyRefused("no json\n"), HasSubstr("line 1"));
  EXPECT_THAT(WhyRefused("{\"a\": 1}\n"), HasSubstr("no recording of hz3"));
  EXPECT_THAT(WhyRefused("{\"hz3_recording\": 99}\n"), HasSubstr("another version"));
  std::vector<std::string> lines = Lines();
  lines[3] = "{}";
  EXPECT_THAT(WhyRefused(Text(lines)), HasSubstr("line 4: this is no sample"));
  lines = Lines();
  lines.erase(lines.begin() + 3);
  EXPECT_THAT(WhyRefused(Text(lines)), HasSubstr("samples are missing"));
  lines = Lines();
  lines.push_back(lines[3]);
  EXPECT_THAT(WhyRefused(Text(lines)), HasSubstr("after its end"));
}

// Each member of a sample, taken away or made into something else.
TEST(Recording, ASampleWithAnythingMissingOrOfAnotherKindIsRefused) {
  const std::vector<std::string> lines = Lines();
  const Json sample = Json::parse(lines[2]);
  for (const auto& [name, value] : sample.items()) {
    for (const Json& other : {Json("text"), Json::array({Json::array()}), Json()}) {
      Json changed = sample;
      changed[name] = other;
      std::vector<std::string> broken = lines;
      broken[2] = changed.dump();
      EXPECT_NE(WhyRefused(Text(broken)), "") << name << " = " << other;
    }
  }
}

TEST(Recording, ATileWhosePagesAreNotThoseOfASegmentIsRefused) {
  std::vector<std::string> lines = Lines();
  Json sample = Json::parse(lines[2]);
  sample["tiles"][0][2][0] = 500;
  lines[2] = sample.dump();
  EXPECT_THAT(WhyRefused(Text(lines)), HasSubstr("line 3"));
}

TEST(LooksLikeRecording, GoesByTheFirstLine) {
  EXPECT_TRUE(LooksLikeRecording(Text(Lines())));
  EXPECT_FALSE(LooksLikeRecording("{\"rows\": []}"));
  EXPECT_FALSE(LooksLikeRecording(""));
}

}  // namespace
}  // namespace hz3::tool
