// A directory that exists as long as this object. Thread safe: each object has its own.

#ifndef TESTING_LIB_TEMP_DIR_H_
#define TESTING_LIB_TEMP_DIR_H_

#include <string>
#include <string_view>

namespace hz3::testlib {

class TempDir {
 public:
  // Below $TEST_TMPDIR, else /tmp; aborts when it cannot be made. Short, so that a unix socket's
  // path fits.
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }

  // Writes a file (its folder must exist); returns its absolute path.
  std::string Write(const std::string& name, std::string_view content) const;

 private:
  std::string path_;
};

}  // namespace hz3::testlib

#endif  // TESTING_LIB_TEMP_DIR_H_
