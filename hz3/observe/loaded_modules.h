// LoadedModules: the executable parts of the program and its libraries as they lie in memory, with
// the build ids by which debuggers find their symbols.
//
// Takes the dynamic linker's lock: under no lease that an allocation takes. Event path; does not
// allocate; large, so it belongs into memory of its own.
#ifndef HZ3_OBSERVE_LOADED_MODULES_H_
#define HZ3_OBSERVE_LOADED_MODULES_H_

#include <cstddef>
#include <cstdint>

namespace hz3 {

struct LoadedModule {
  static constexpr size_t kMaxPath = 512;
  static constexpr size_t kMaxBuildId = 41;

  uintptr_t begin, end;  // of an executable part, in whole pages
  uint64_t offset;       // of `begin` in the file
  char path[kMaxPath];
  char build_id[kMaxBuildId];  // in hexadecimal, at most 20 bytes; empty where there is none
};

class LoadedModules {
 public:
  static constexpr unsigned kMaxModules = 512;

  // Looks for them.
  void Find();

  unsigned count() const { return count_; }
  const LoadedModule& operator[](unsigned i) const { return modules_[i]; }
  // The number of the module that holds `address`; count() when none does.
  unsigned IndexOf(uintptr_t address) const;
  // The one that this code lies in, when that is a shared library; else count().
  unsigned OwnLibrary() const;

 private:
  friend struct ModuleVisitor;
  unsigned count_;
  LoadedModule modules_[kMaxModules];
};

}  // namespace hz3

#endif  // HZ3_OBSERVE_LOADED_MODULES_H_
