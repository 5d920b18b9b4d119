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

}  // namespace

std::string FindRunfile(std::string_view argv0, std::string_view path) {
  std::vector<fs::path> candidates;
  for (const std::string& tree : Trees(argv0)) {
    // The workspace's own name, and the one that bzlmod gives to every main repository.
    for (const char* repository : {"hakozuna", "_main"}) {
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

void GoWhereUserIs() {
  constexpr char kVariable[] = "BUILD_WORKING_DIRECTORY";
  const std::string folder = EnvOrEmpty(kVariable);
  // Not for the programs that this one starts: they are elsewhere, perhaps.
  unsetenv(kVariable);
  std::error_code ignored;
  if (!folder.empty()) fs::current_path(folder, ignored);
}

}  // namespace hz3::bench
