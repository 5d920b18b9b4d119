// shared_object: what the dynamic linker sees of an ELF64 shared library of this machine's byte
// order. Reads a file once; a value afterwards.
#ifndef HAKOZUNA_TESTING_STRUCTURE_SHARED_OBJECT_H_
#define HAKOZUNA_TESTING_STRUCTURE_SHARED_OBJECT_H_

#include <cstdint>
#include <set>
#include <string>

namespace hz3 {

struct SharedObject {
  std::string soname;
  std::set<std::string> needed;            // libraries that are loaded with it
  std::set<std::string> exports;           // symbols that others can bind to
  std::set<std::string> strong_undefined;  // symbols without which it cannot be loaded
  uint64_t flags_1 = 0;                    // DF_1_... of <elf.h>
  bool has_symbol_versions = false;        // of its own, not those that it asks of others
  bool has_text_relocations = false;       // the loader would write into code
  bool has_executable_stack = false;       // programs would get one with it
};

// Throws std::runtime_error with one line when `path` is no such file.
SharedObject ReadSharedObject(const std::string& path);

}  // namespace hz3

#endif  // HAKOZUNA_TESTING_STRUCTURE_SHARED_OBJECT_H_
