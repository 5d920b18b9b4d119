// Which malloc is this process running on? The same test binary is linked with hz3, started under
// LD_PRELOAD, or run on glibc as a control; tests ask here instead of assuming.
//
// All functions are thread safe and allocate nothing.

#ifndef TESTING_LIB_ALLOCATOR_UNDER_TEST_H_
#define TESTING_LIB_ALLOCATOR_UNDER_TEST_H_

#include <cstddef>

// Entry points that <malloc.h> and <stdlib.h> of this libc may not declare. Null where nobody
// provides them.
extern "C" {
[[gnu::weak]] void free_sized(void* block, std::size_t size);
[[gnu::weak]] void free_aligned_sized(void* block, std::size_t alignment, std::size_t size);
[[gnu::weak]] const char* hz3_version(void);
[[gnu::weak]] const char* hz3_lane(void);
}

namespace hz3::testlib {

// The version that hz3 names, or nullptr when this process does not run on hz3.
const char* Hz3Version();

// "scale" or "fast", or nullptr when this process does not run on hz3.
const char* Hz3Lane();

inline bool OnHz3() { return Hz3Version() != nullptr; }

using FreeSizedFunction = void (*)(void*, std::size_t);
using FreeAlignedSizedFunction = void (*)(void*, std::size_t, std::size_t);

// C23's sized free functions of the allocator in use; nullptr where it has none.
FreeSizedFunction FreeSized();
FreeAlignedSizedFunction FreeAlignedSized();

// Hides from the compiler where `value` came from, so that it neither removes allocations nor warns
// about the wrong calls that a test makes on purpose.
template <typename T>
[[gnu::always_inline]] inline T Opaque(T value) {
  asm volatile("" : "+r"(value) : : "memory");
  return value;
}

}  // namespace hz3::testlib

#endif  // TESTING_LIB_ALLOCATOR_UNDER_TEST_H_
