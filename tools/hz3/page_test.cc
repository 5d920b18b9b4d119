#include "tools/hz3/page.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hz3::tool {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

size_t Count(const std::string& text, const std::string& word) {
  size_t n = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
  return n;
}

TEST(PageHtml, NothingInTheDataLeavesItsScriptElement) {
  const std::string plain = PageHtml({"title", {}, {}});
  const std::string evil =
      PageHtml({"a </title><script>", {{{"program", "</script><!--<script>"}}}, {}});
  EXPECT_EQ(Count(evil, "</script>"), Count(plain, "</script>"));
  EXPECT_EQ(Count(evil, "<script>"), Count(plain, "<script>"));
  EXPECT_EQ(Count(evil, "<!--"), Count(plain, "<!--"));
}

TEST(PageHtml, NamesThatAreNoUtf8AreTakenAsFarAsTheyGo) {
  EXPECT_THAT(PageHtml({"t",
                        {{{"program",
                           "a\xff"
                           "b"}}},
                        {}}),
              HasSubstr("\"program\":\"a"));
}

TEST(PageHtml, HoldsItsLibraryWithItsLicence) {
  const std::string page = PageHtml({"t", {}, {}});
  EXPECT_THAT(page, HasSubstr("Chart.js 3.9.1"));
  EXPECT_THAT(page, HasSubstr("Permission is hereby granted"));
  EXPECT_THAT(page, Not(HasSubstr("<script src")));
  EXPECT_THAT(page, Not(HasSubstr("<link rel=\"stylesheet\"")));
}

TEST(WriteTextFile, SaysWhyItCannot) {
  EXPECT_THAT(WriteTextFile("/nowhere/x", "").message(), HasSubstr("cannot write /nowhere/x"));
}

}  // namespace
}  // namespace hz3::tool
