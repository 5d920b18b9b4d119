#include "testing/lib/allocator_under_test.h"

#include <dlfcn.h>

namespace hz3::testlib {
namespace {

// Linked in, the weak symbol is bound; preloaded, only the dynamic linker knows it.
template <typename Function>
Function* Resolve(Function* linked, const char* name) {
  if (linked != nullptr) return linked;
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

using NameFunction = const char*();

const char* CallIfPresent(NameFunction* function) {
  return function == nullptr ? nullptr : function();
}

}  // namespace

const char* Hz3Version() {
  return CallIfPresent(Resolve<NameFunction>(hz3_version, "hz3_version"));
}

const char* Hz3Lane() { return CallIfPresent(Resolve<NameFunction>(hz3_lane, "hz3_lane")); }

FreeSizedFunction FreeSized() {
  return Resolve<void(void*, std::size_t)>(free_sized, "free_sized");
}

FreeAlignedSizedFunction FreeAlignedSized() {
  return Resolve<void(void*, std::size_t, std::size_t)>(free_aligned_sized, "free_aligned_sized");
}

}  // namespace hz3::testlib
