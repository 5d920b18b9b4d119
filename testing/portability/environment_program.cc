// Says what the heap made of its environment: the arena, the limits, threads. The test runs a copy
// of it with raised privileges.

#include <sys/auxv.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>

#include "hz3/malloc_extension.h"

int main() {
  free(malloc(1));
  std::printf("secure=%lu arena=%zu limit=%zu soft=%zu\n", getauxval(AT_SECURE),
              hz3_arena_bytes() >> 20, hz3_limit(), hz3_soft_limit());
  std::printf("threads=%td\n", std::distance(std::filesystem::directory_iterator("/proc/self/task"),
                                             std::filesystem::directory_iterator()));
  return 0;
}
