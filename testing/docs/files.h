// Reads whole files.
#ifndef TESTING_DOCS_FILES_H_
#define TESTING_DOCS_FILES_H_

#include <fstream>
#include <iterator>
#include <string>

namespace hz3::docs {

// Empty when there is no such file.
inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace hz3::docs

#endif  // TESTING_DOCS_FILES_H_
