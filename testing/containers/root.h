// An almost empty root directory, as of a "distroless" image: a program, the libraries that it
// needs, and nothing else; no /proc, no /sys, no shell.
#ifndef TESTING_CONTAINERS_ROOT_H_
#define TESTING_CONTAINERS_ROOT_H_

#include <string>
#include <vector>

#include "testing/lib/subprocess.h"
#include "testing/lib/temp_dir.h"

namespace hz3::testlib {

// The exit code of a child that may not make a container here.
inline constexpr int kNoContainers = 77;

class Root {
 public:
  // Copies `program` there as /program, with its shared libraries, as ldd(1) names them, and each
  // of `preloads` as /<its name>.
  Root(const std::string& program, const std::vector<std::string>& preloads);

  // Runs /program there as process 1 of namespaces of its own. Its exit code is kNoContainers, with
  // the reason as its output, where that is not allowed.
  RunResult Run(const std::vector<std::string>& arguments,
                const std::vector<std::string>& environment) const;

 private:
  void Copy(const std::string& from, const std::string& to) const;

  TempDir directory_;
};

}  // namespace hz3::testlib

#endif  // TESTING_CONTAINERS_ROOT_H_
