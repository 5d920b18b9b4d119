#include "bench/lib/runfiles.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

namespace hz3::bench {
namespace {

namespace fs = std::filesystem;

std::string EnvOrEmpty(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Where runfile trees may be, the most explicit place first.
std::vector<std::string> Trees(std::string_view argv0) {
  std::vector<std::string> trees;
  for (const char* name : {"RUNFILES_DIR", "TEST_SRCDIR"}) {
    if (std::string value = EnvOrEmpty(name); !value.empty()) trees.push_back(std::move(value));
  }
  trees.push_back(std::string(argv0) + ".runfiles");
  return trees;
}

// Whether a folder of a runfile tree is this repository as a module: "hakozuna~0.1.0" of Bazel 7,
// "hakozuna+" of Bazel 8, or with another version behind.
bool IsModule(std::string_view folder) {
  return folder.starts_with("hakozuna~") || folder.starts_with("hakozuna+");
}

// What this repository may be called in a runfile tree: its own name, what bzlmod makes of it in
// another project, and what bzlmod calls every main repository.
std::vector<std::string> Repositories(const std::string& tree) {
  std::vector<std::string> names = {"hakozuna"};
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(tree, error)) {
    const std::string name = entry.path().filename().string();
    if (IsModule(name)) names.push_back(name);
  }
  names.push_back("_main");
  return names;
}

}  // namespace

std::string FindRunfile(std::string_view argv0, std::string_view path) {
  std::vector<fs::path> candidates;
  for (const std::string& tree : Trees(argv0)) {
    for (const std::string& repository : Repositories(tree)) {
      candidates.push_back(fs::path(tree) / repository / path);
    }
  }
  candidates.push_back(fs::path(path));
  for (const fs::path& candidate : candidates) {
    std::error_code error;
    if (fs::exists(candidate, error)) return fs::absolute(candidate).string();
  }
  return "";
}

}  // namespace hz3::bench
