#include "bench/gate/baselines.h"

#include "gtest/gtest.h"

namespace hz3::gate {
namespace {

Baselines Parsed(std::string_view text) {
  std::string error;
  const std::optional<Baselines> parsed = Baselines::Parse(text, &error);
  EXPECT_TRUE(parsed.has_value()) << error;
  return parsed.value_or(Baselines());
}

std::string ErrorOf(std::string_view text) {
  std::string error;
  EXPECT_FALSE(Baselines::Parse(text, &error).has_value()) << text;
  return error;
}

TEST(Baselines, FindsAFigureOnlyForWhatItWasMadeWith) {
  const Baselines baselines = Parsed("pair scale instructions gcc-12 14.5\n");
  EXPECT_EQ(baselines.Find({"pair", "scale", "instructions", "gcc-12"}), 14.5);
  EXPECT_FALSE(baselines.Find({"pair", "scale", "instructions", "gcc-13"}).has_value());
  EXPECT_FALSE(baselines.Find({"pair", "fast", "instructions", "gcc-12"}).has_value());
}

TEST(Baselines, ComeBackAsTheyWereWritten) {
  Baselines baselines = Parsed("# a heading\n# of two lines\n\nb scale x - 2\n");
  baselines.Set({"longer", "fast", "y", "gcc-12"}, 1.0 / 3);
  baselines.Set({"a", "scale", "bytes", "-"}, 123456789);
  const std::string text = baselines.Text();
  EXPECT_EQ(text,
            "# a heading\n# of two lines\n"
            "a       scale  bytes  -       123456789\n"
            "b       scale  x      -       2\n"
            "longer  fast   y      gcc-12  0.3333333\n");
  EXPECT_EQ(Parsed(text).Text(), text);
}

TEST(Baselines, SayWhichLineIsWrong) {
  EXPECT_EQ(ErrorOf("a scale x - 1\nb scale x -\n"),
            "line 2 is not 'row lane figure made_with value'");
  EXPECT_EQ(ErrorOf("a scale x - 1z\n"), "line 1 is not 'row lane figure made_with value'");
  EXPECT_EQ(ErrorOf("a scale x - nan\n"), "line 1 is not 'row lane figure made_with value'");
  EXPECT_EQ(ErrorOf("a scale x - 1\n\na scale x - 2\n"),
            "line 3 names a figure for the second time");
}

TEST(Changes, AreWhatIsNewOrDiffers) {
  const Baselines before = Parsed("a scale x - 100\nb scale x - 5\nc scale x - 0\n");
  const Baselines after = Parsed("a scale x - 103\nb scale x - 5\nc scale x - 1\nd fast y - 7\n");
  EXPECT_EQ(Changes(before, after),
            (std::vector<std::string>{"a scale x: 100 -> 103 (3.00 %)", "c scale x: 0 -> 1",
                                      "d fast y: new, 7"}));
  EXPECT_TRUE(Changes(after, after).empty());
}

}  // namespace
}  // namespace hz3::gate
