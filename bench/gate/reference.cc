#include "bench/gate/reference.h"

#include <cstdio>
#include <filesystem>
#include <system_error>

#include "bench/lib/subprocess.h"

namespace hz3::gate {
namespace {

using bench::RunCommand;
using bench::RunResult;

constexpr double kBuildTimeoutS = 1800;

std::string LibraryName(const std::string& lane) { return "libhakozuna_hz3_" + lane + ".so"; }

bool IsFile(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error);
}

bool IsDirectory(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

Reference Failed(std::string error) { return {{}, std::move(error)}; }

Reference FromFile(const std::string& path, const std::vector<std::string>& lanes) {
  const std::string absolute = std::filesystem::absolute(path).string();
  Reference reference;
  for (const std::string& lane : lanes) {
    const bool of_another = absolute.ends_with(LibraryName(lane == "fast" ? "scale" : "fast"));
    if (!of_another) reference.libraries[lane] = absolute;
  }
  if (reference.libraries.empty()) return Failed(path + " is of a lane that is not measured");
  return reference;
}

Reference FromDirectory(const std::string& path, const std::vector<std::string>& lanes) {
  Reference reference;
  for (const std::string& lane : lanes) {
    const std::string library = std::filesystem::absolute(path + "/" + LibraryName(lane)).string();
    if (!IsFile(library)) return Failed("there is no " + library);
    reference.libraries[lane] = library;
  }
  return reference;
}

// The last line that a program printed on stderr says best why it failed.
std::string LastLine(const std::string& text) {
  const size_t end = text.find_last_not_of('\n');
  if (end == std::string::npos) return "";
  const size_t begin = text.rfind('\n', end);
  return text.substr(begin == std::string::npos ? 0 : begin + 1,
                     end - (begin == std::string::npos ? 0 : begin + 1) + 1);
}

// A worktree of the revision, and its build; both gone when this object is.
class Checkout {
 public:
  Checkout(std::string workspace, std::string path)
      : workspace_(std::move(workspace)), path_(std::move(path)) {}

  ~Checkout() {
    if (built_) Bazelw({"clean", "--expunge"});
    if (added_) Git({"worktree", "remove", "--force", path_});
  }
  Checkout(const Checkout&) = delete;
  Checkout& operator=(const Checkout&) = delete;

  // One line that says what went wrong, or nothing.
  std::string Add(const std::string& revision) {
    const RunResult commit = Git({"rev-parse", "--verify", "--quiet", revision + "^{commit}"});
    if (!commit.Succeeded()) {
      return "'" + revision + "' is no file, no directory and no revision of " + workspace_;
    }
    const RunResult add = Git({"worktree", "add", "--detach", path_, revision});
    added_ = add.Succeeded();
    return added_ ? "" : "git worktree add: " + LastLine(add.err);
  }

  std::string Build(const std::vector<std::string>& lanes) {
    std::vector<std::string> args = {"build"};
    for (const std::string& lane : lanes) args.push_back("//hz3:" + LibraryName(lane));
    built_ = true;
    const RunResult build = Bazelw(args);
    return build.Succeeded() ? "" : "it does not build: " + LastLine(build.err);
  }

  std::string Built(const std::string& lane) const {
    return path_ + "/bazel-bin/hz3/" + LibraryName(lane);
  }

 private:
  RunResult Git(std::vector<std::string> args) const {
    args.insert(args.begin(), {"git", "-C", workspace_});
    return RunCommand({.argv = args, .timeout_s = kBuildTimeoutS});
  }

  RunResult Bazelw(std::vector<std::string> args) const {
    args.insert(args.begin(), "./bazelw");
    return RunCommand({.argv = args, .timeout_s = kBuildTimeoutS, .directory = path_});
  }

  const std::string workspace_;
  const std::string path_;
  bool added_ = false;
  bool built_ = false;
};

Reference FromRevision(const std::string& revision, const std::vector<std::string>& lanes,
                       const std::string& workspace, const std::string& directory) {
  Checkout checkout(workspace, directory + "/tree");
  if (const std::string error = checkout.Add(revision); !error.empty()) return Failed(error);
  std::fprintf(stderr, "gate: building %s to measure against\n", revision.c_str());
  if (const std::string error = checkout.Build(lanes); !error.empty()) {
    return Failed("revision " + revision + ": " + error);
  }
  Reference reference;
  for (const std::string& lane : lanes) {
    const std::string copy = directory + "/" + LibraryName(lane);
    std::error_code error;
    if (!std::filesystem::copy_file(checkout.Built(lane), copy, error)) {
      return Failed("cannot copy " + checkout.Built(lane) + ": " + error.message());
    }
    reference.libraries[lane] = copy;
  }
  return reference;
}

}  // namespace

Reference ResolveReference(const std::string& against, const std::vector<std::string>& lanes,
                           const std::string& workspace, const std::string& directory) {
  if (IsFile(against)) return FromFile(against, lanes);
  if (IsDirectory(against)) return FromDirectory(against, lanes);
  if (workspace.empty()) {
    return Failed("'" + against +
                  "' is no file and no directory, and a revision of hakozuna needs "
                  "a gate that runs in a checkout of hakozuna");
  }
  if (directory.empty()) return Failed("cannot make a temporary directory");
  return FromRevision(against, lanes, workspace, directory);
}

}  // namespace hz3::gate
