#include "bench/lib/temp_dir.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace hz3::bench {

TempDir::TempDir() {
  const char* parent = std::getenv("TMPDIR");
  std::string name = parent == nullptr || *parent == '\0' ? "/tmp" : parent;
  name += "/hz3_bench_XXXXXX";
  if (mkdtemp(name.data()) != nullptr) path_ = name;
}

TempDir::~TempDir() {
  // What cannot be removed stays: there is nobody to tell.
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace hz3::bench
