// Consumer: a project that depends on this source tree, as Bazel sees it: a copy of workspace/ and
// a Bazel of its own, with its own output tree and server and two jobs.
//
// The constructor copies, the destructor ends the server and removes everything. Not thread-safe.
#ifndef TESTING_CONSUMER_CONSUMER_H_
#define TESTING_CONSUMER_CONSUMER_H_

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "testing/lib/subprocess.h"
#include "testing/lib/temp_dir.h"

namespace hz3::testlib {

struct ConsumerKind {
  const char* name;
  // What HZ3_MODERN_BAZEL names, else the bazel on PATH if that knows of bzlmod.
  bool modern_bazel;
  // Whether the project's dependencies come from MODULE.bazel, not from WORKSPACE.
  bool bzlmod;
};
std::ostream& operator<<(std::ostream& stream, const ConsumerKind& kind);

// The top of the source tree that this test was built from; empty when it is not on this machine.
std::string SourceTree();

// What tells one Bazel from another here. Not its version: Debian's says none.
struct BazelFeatures {
  bool works = false;
  bool bzlmod = false;          // since 6; switched on since 7
  bool workspace_flag = false;  // WORKSPACE can be switched on and off, as it has to be since 8
};

// By the options that `bazel help build --short` lists.
BazelFeatures ParseFeatures(std::string_view help);

class Consumer {
 public:
  explicit Consumer(const ConsumerKind& kind);
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  // What this machine lacks for such a project; then there are no other calls. Else empty.
  const std::string& missing() const { return missing_; }

  // Runs `bazel <args>` in the project.
  RunResult Bazel(const std::vector<std::string>& args) const;
  // Runs what was built as `target`, in the project's top package.
  RunResult Built(const std::string& target) const;

  // Writes a file of the project, and the folders above it.
  void Write(const std::string& file, std::string_view text) const;

  // Adds to WORKSPACE what @hakozuna//bench:gate needs, as docs/gate.md says.
  void DeclareDevDependencies() const;

  // Names of the folders of external repositories that were fetched until now.
  std::vector<std::string> Fetched() const;

 private:
  std::string WhatIsMissing(const ConsumerKind& kind) const;
  void CopyProject() const;
  void WriteRc(const ConsumerKind& kind) const;
  std::vector<std::string> StartupFlags() const;

  std::string Workspace() const { return directory_.path() + "/project"; }
  std::string Rc() const { return directory_.path() + "/bazelrc"; }
  std::string OutputBase() const { return directory_.path() + "/out"; }

  const TempDir directory_;
  const std::string tree_;
  const std::string bazel_;
  const BazelFeatures features_;
  std::string missing_;
};

}  // namespace hz3::testlib

#endif  // TESTING_CONSUMER_CONSUMER_H_
