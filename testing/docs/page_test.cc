#include "testing/docs/page.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hz3::docs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ReadPage, TakesTheFencedBlocksOfAShell) {
  const Page page = ReadPage("p.md", "text\n```sh\na 1\n# why\n\nb\n```\n```yaml\nc: d\n```\n");
  ASSERT_EQ(page.blocks.size(), 1u);
  EXPECT_EQ(page.blocks[0].line, 3);
  EXPECT_EQ(page.blocks[0].language, "sh");
  EXPECT_EQ(page.blocks[0].script, "a 1\n# why\n\nb\n");
  EXPECT_THAT(page.blocks[0].commands, ElementsAre("a 1", "b"));
  EXPECT_THAT(page.mistakes, IsEmpty());
}

TEST(ReadPage, TakesBlocksInListsWithoutTheirIndentation) {
  const Page page = ReadPage("p.md", "1. x\n\n   ```sh\n   a\n     b\n   ```\n");
  ASSERT_EQ(page.blocks.size(), 1u);
  EXPECT_EQ(page.blocks[0].script, "a\n  b\n");
}

TEST(ReadPage, TakesOnlyTheLinesWithAPromptFromAConsole) {
  const Page page = ReadPage("p.md", "```console\n$ a\noutput\n$ b\n```\n");
  ASSERT_EQ(page.blocks.size(), 1u);
  EXPECT_EQ(page.blocks[0].script, "a\nb\n");
}

TEST(ReadPage, CountsContinuedLinesAndHereDocumentsAsOneCommand) {
  const Page page = ReadPage("p.md", "```sh\na \\\n  b\ncat > f <<'EOF'\nx\ny\nEOF\nc\n```\n");
  ASSERT_EQ(page.blocks.size(), 1u);
  EXPECT_THAT(page.blocks[0].commands, ElementsAre("a  b", "cat > f <<'EOF'", "c"));
}

TEST(ReadPage, KeepsASourceAsItIs) {
  const Page page = ReadPage("p.md", "```c\nint x;\n```\n");
  ASSERT_EQ(page.blocks.size(), 1u);
  EXPECT_EQ(page.blocks[0].script, "int x;\n");
  EXPECT_THAT(page.blocks[0].commands, IsEmpty());
}

TEST(ReadPage, MarkersHoldForTheNextBlockOnly) {
  const Page page = ReadPage("p.md",
                             "<!-- not run: takes hours -->\n<!-- needs: a b -->\n\n"
                             "```sh\nx\n```\n```sh\ny\n```\n");
  ASSERT_EQ(page.blocks.size(), 2u);
  EXPECT_EQ(page.blocks[0].not_run, "takes hours");
  EXPECT_THAT(page.blocks[0].needs, ElementsAre("a", "b"));
  EXPECT_EQ(page.blocks[1].not_run, "");
  EXPECT_THAT(page.blocks[1].needs, IsEmpty());
  EXPECT_THAT(page.mistakes, IsEmpty());
}

TEST(ReadPage, RefusesAMarkerWithoutAReason) {
  for (const char* marker : {"<!-- not run -->", "<!-- not run: -->", "<!-- not run: x"}) {
    const Page page = ReadPage("p.md", std::string(marker) + "\n```sh\nx\n```\n");
    EXPECT_THAT(page.mistakes, ElementsAre(HasSubstr("p.md:1: a marker without a text")));
  }
}

TEST(ReadPage, RefusesAMarkerWithoutABlock) {
  EXPECT_THAT(ReadPage("p.md", "<!-- not run: x -->\ntext\n").mistakes,
              ElementsAre(HasSubstr("a marker without a block")));
  EXPECT_THAT(ReadPage("p.md", "<!-- needs: x -->\n").mistakes,
              ElementsAre(HasSubstr("a marker without a block")));
}

TEST(ReadPage, RefusesCommandsThatHideFromTheTest) {
  for (const char* line :
       {"./bazelw test //...", "$ ls", "hz3 top 1", "LD_PRELOAD=x.so ls", "HZ3_LIMIT=1 ls"}) {
    const std::string command = line;
    EXPECT_THAT(ReadPage("p.md", "    " + command + "\n").mistakes,
                ElementsAre(HasSubstr("a command in an indented block")));
    EXPECT_THAT(ReadPage("p.md", "```\n" + command + "\n```\n").mistakes,
                ElementsAre(HasSubstr("a command in a block of ''")));
  }
  EXPECT_THAT(ReadPage("p.md", "    cc_binary(\n\n```text\nhz3.jsonl\n```\n").mistakes, IsEmpty());
  EXPECT_THAT(ReadPage("p.md", "```yaml\nbazel test //...\n```\n").mistakes, IsEmpty());
}

TEST(ReadPage, RefusesABlockThatDoesNotEnd) {
  EXPECT_THAT(ReadPage("p.md", "```sh\nx\n").mistakes, ElementsAre(HasSubstr("does not end")));
}

TEST(ReadPage, FindsCommandsInTheText) {
  const Page page =
      ReadPage("p.md", "as `./bazelw test //a` and\n| `./bazelw run //b -- x\\|y` |\n");
  ASSERT_EQ(page.inline_commands.size(), 2u);
  EXPECT_EQ(page.inline_commands[0].command, "./bazelw test //a");
  EXPECT_EQ(page.inline_commands[1].command, "./bazelw run //b -- x|y");
  EXPECT_EQ(page.inline_commands[1].line, 2);
}

TEST(ReadPage, TakesOptionsInTheTextForBuildsThatHaveThem) {
  const Page page = ReadPage("p.md",
                             "`--config=x` or `--//a:b=c`, as `--@hakozuna//a:b=c` elsewhere, "
                             "`hz3 run [--stats]`, `hz3.md`\n");
  ASSERT_EQ(page.inline_commands.size(), 4u);
  EXPECT_EQ(page.inline_commands[0].command, "./bazelw build --config=x //hz3:all");
  EXPECT_EQ(page.inline_commands[1].command, "./bazelw build --//a:b=c //hz3:all");
  EXPECT_EQ(page.inline_commands[2].command, page.inline_commands[1].command);
  EXPECT_EQ(page.inline_commands[3].command, "hz3 run --stats");
}

}  // namespace
}  // namespace hz3::docs
