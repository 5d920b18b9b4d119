// Workshop: a folder that looks to commands like a clone of this repository in which everything is
// built. Pages are tried in it.
//
// Each page has a clone of its own, whose blocks run one after the other, so that a later one finds
// the files of an earlier one. PATH begins with the bin of an installed hz3, $PREFIX/bin, where
// `your-program` is too.
#ifndef TESTING_DOCS_WORKSHOP_H_
#define TESTING_DOCS_WORKSHOP_H_

#include <chrono>
#include <string>
#include <vector>

#include "testing/docs/bazel_command.h"
#include "testing/docs/page.h"
#include "testing/docs/tree.h"
#include "testing/lib/subprocess.h"
#include "testing/lib/temp_dir.h"

namespace hz3::docs {

// What became of the commands of a page; each like "page.md:3: command".
struct PageReport {
  std::vector<std::string> executed;
  std::vector<std::string> checked;  // what they name is there: builds, tests, those in the text
  std::vector<std::string> not_run;  // with the reason; of these ./bazelw's are checked, too
  std::vector<std::string> failures;
};

class Workshop {
 public:
  // `root` is the workspace in the runfiles, absolute.
  explicit Workshop(const std::string& root,
                    std::chrono::milliseconds time_limit = std::chrono::seconds(60));

  PageReport Try(const Page& page) const;

 private:
  void MakeClone(const std::string& folder) const;
  void Install(const std::string& prefix) const;
  testlib::RunResult RunScript(const CommandBlock& block, const std::string& folder) const;
  void TryBlock(const Page& page, const CommandBlock& block, const std::string& folder,
                PageReport* report) const;
  void CheckOnly(const std::string& place, const std::string& command, PageReport* report) const;
  std::string MistakeIn(const std::string& command) const;
  std::string MistakeInArguments(const std::string& label,
                                 const std::vector<std::string>& arguments) const;

  const std::string root_;
  const std::chrono::milliseconds time_limit_;
  const Tree tree_;
  const testlib::TempDir folder_;
};

}  // namespace hz3::docs

#endif  // TESTING_DOCS_WORKSHOP_H_
