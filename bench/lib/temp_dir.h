// A directory that exists as long as this object. Not thread-safe.
#ifndef BENCH_LIB_TEMP_DIR_H_
#define BENCH_LIB_TEMP_DIR_H_

#include <string>

namespace hz3::bench {

class TempDir {
 public:
  // Below $TMPDIR, else /tmp.
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  // Empty, with errno set by the constructor, when no directory could be made.
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace hz3::bench

#endif  // BENCH_LIB_TEMP_DIR_H_
