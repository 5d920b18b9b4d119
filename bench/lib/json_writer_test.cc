#include "bench/lib/json_writer.h"

#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

TEST(JsonWriter, WritesNestedObjectsAndArrays) {
  JsonWriter json;
  json.BeginObject();
  json.Key("name");
  json.String("x");
  json.Key("rows");
  json.BeginArray();
  json.Int(-1);
  json.BeginObject();
  json.Key("yes");
  json.Bool(true);
  json.EndObject();
  json.EndArray();
  json.EndObject();
  EXPECT_EQ(json.Text(),
            "{\n"
            "  \"name\": \"x\",\n"
            "  \"rows\": [\n"
            "    -1,\n"
            "    {\n"
            "      \"yes\": true\n"
            "    }\n"
            "  ]\n"
            "}\n");
}

TEST(JsonWriter, WritesEmptyScopesWithoutLineBreaks) {
  JsonWriter json;
  json.BeginObject();
  json.Key("a");
  json.BeginArray();
  json.EndArray();
  json.Key("b");
  json.BeginObject();
  json.EndObject();
  json.EndObject();
  EXPECT_EQ(json.Text(), "{\n  \"a\": [],\n  \"b\": {}\n}\n");
}

TEST(JsonWriter, KeepsLargeNumbersExactAndHasNoWordForInfinity) {
  JsonWriter json;
  json.BeginArray();
  json.Uint(std::numeric_limits<uint64_t>::max());
  json.Double(0.25);
  json.Double(std::numeric_limits<double>::infinity());
  json.EndArray();
  EXPECT_EQ(json.Text(), "[\n  18446744073709551615,\n  0.25,\n  null\n]\n");
}

TEST(JsonQuote, EscapesQuotesBackslashesAndControls) {
  EXPECT_EQ(JsonQuote("a\"b\\c\n"), "\"a\\\"b\\\\c\\u000a\"");
}

TEST(WriteFile, SaysWhetherTheFileWasWritten) {
  EXPECT_TRUE(WriteFile(testing::TempDir() + "/json_writer_test.txt", "text"));
  EXPECT_FALSE(WriteFile("/no/such/directory/file", "text"));
}

}  // namespace
}  // namespace hz3::bench
