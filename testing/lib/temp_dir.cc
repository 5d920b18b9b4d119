#include "testing/lib/temp_dir.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace hz3::testlib {
namespace {

// The path of a unix socket has at most 107 bytes: a longer $TEST_TMPDIR is of no use.
constexpr std::size_t kLongestParent = 60;

std::string Parent() {
  const char* given = std::getenv("TEST_TMPDIR");
  if (given == nullptr || std::string_view(given).size() > kLongestParent) return "/tmp";
  return given;
}

}  // namespace

TempDir::TempDir() : path_(Parent() + "/hz3_test.XXXXXX") {
  if (mkdtemp(path_.data()) == nullptr) {
    std::perror(path_.c_str());
    std::abort();
  }
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::Write(const std::string& name, std::string_view content) const {
  const std::string file = path_ + "/" + name;
  std::ofstream stream(file, std::ios::binary);
  stream.write(content.data(), static_cast<std::streamsize>(content.size()));
  return file;
}

}  // namespace hz3::testlib
