// Page: the commands that a page in Markdown shows to its readers, and how it marks those that a
// test cannot run.
//
// Commands stand in fenced blocks: `sh` and `bash` are scripts; in `console` the lines that begin
// with "$ " are, the others are output; `c` is a C source that has to compile. Two comments may
// stand before a block:
//   <!-- not run: reason -->   shown, but not run
//   <!-- needs: program ... -->   run only where these programs are installed
// A value; ReadPage does no input or output.
#ifndef TESTING_DOCS_PAGE_H_
#define TESTING_DOCS_PAGE_H_

#include <string>
#include <string_view>
#include <vector>

namespace hz3::docs {

struct CommandBlock {
  int line = 0;                       // of the page, where the text begins
  std::string language;               // sh, bash, console or c
  std::string script;                 // what to run: the text without output
  std::vector<std::string> commands;  // of the script, one each, however many lines it takes
  std::string not_run;                // why; empty: it is run
  std::vector<std::string> needs;
};

// A command in the text: `./bazelw ...`, `bazel ...`, `hz3 ...`, or an option of a build,
// `--config=...`, as a command that has it.
struct InlineCommand {
  int line = 0;
  std::string command;
};

struct Page {
  std::string name;
  std::vector<CommandBlock> blocks;
  std::vector<InlineCommand> inline_commands;
  std::vector<std::string> mistakes;  // of the page itself, like "page.md:3: ..."
};

Page ReadPage(const std::string& name, std::string_view text);

}  // namespace hz3::docs

#endif  // TESTING_DOCS_PAGE_H_
