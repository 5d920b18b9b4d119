// Runs real programs twice, on the libc's malloc and under LD_PRELOAD, and expects the same output.

#ifndef TESTING_PRELOAD_SESSION_H_
#define TESTING_PRELOAD_SESSION_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "testing/lib/subprocess.h"
#include "testing/lib/temp_dir.h"

namespace hz3::testlib {

// The shared library that this test was given as its argument, as an absolute path.
std::string LibraryUnderTest();

// One pass of a workload in a directory of its own. Not thread safe.
class Session {
 public:
  // An empty `library` preloads nothing.
  explicit Session(std::string library);

  const std::string& directory() const { return directory_.path(); }
  std::string Write(const std::string& name, std::string_view content) const {
    return directory_.Write(name, content);
  }

  // For all later commands.
  void SetEnvironment(const std::string& name, const std::string& value);

  // Runs a command, expects exit code 0, and notes its standard output in the transcript.
  RunResult Run(const std::vector<std::string>& command, const std::string& input = {});

  // The same for a command whose output differs from run to run (rates, times): only its end is
  // noted.
  RunResult RunUncompared(const std::vector<std::string>& command, const std::string& input = {});

  // A server for the time of the session.
  std::unique_ptr<BackgroundProcess> Start(const std::vector<std::string>& command) const;

  // What was run and what it said, with the directory's name made equal in all sessions.
  std::string Transcript() const;

 private:
  RunResult Execute(const std::vector<std::string>& command, const std::string& input);
  void Note(const std::vector<std::string>& command, const RunResult& result, bool with_output);

  TempDir directory_;
  std::string library_;
  RunOptions options_;
  std::string transcript_;
};

using Workload = std::function<void(Session&)>;

// Runs the workload without and with the library under test and compares the transcripts.
void ExpectSameWithPreload(const Workload& workload);

// Expects that `command`, run under the library, gets malloc from it in the program and in all its
// libraries.
void ExpectMallocComesFromLibrary(const std::vector<std::string>& command);

// Skips the test, with the reason, unless all programs are installed.
#define HZ3_NEEDS_PROGRAMS(...)                                   \
  for (const char* program : {__VA_ARGS__}) {                     \
    if (!::hz3::testlib::FindProgram(program).has_value())        \
      GTEST_SKIP() << "SKIP: " << program << " is not installed"; \
  }

}  // namespace hz3::testlib

#endif  // TESTING_PRELOAD_SESSION_H_
