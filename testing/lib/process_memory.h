// What the kernel says about the memory of this process. Allocates nothing; thread safe.

#ifndef TESTING_LIB_PROCESS_MEMORY_H_
#define TESTING_LIB_PROCESS_MEMORY_H_

#include <cstddef>

namespace hz3::testlib {

inline constexpr std::size_t kKiB = 1024;
inline constexpr std::size_t kMiB = 1024 * kKiB;

// Resident bytes of this process; aborts when /proc cannot be read.
std::size_t ResidentBytes();

}  // namespace hz3::testlib

#endif  // TESTING_LIB_PROCESS_MEMORY_H_
