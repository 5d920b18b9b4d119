#include "testing/lib/process_memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace hz3::testlib {

std::size_t ResidentBytes() {
  char text[128] = {};
  const int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  const ssize_t length = read(file, text, sizeof(text) - 1);
  close(file);
  unsigned long total = 0;
  unsigned long resident = 0;
  if (length <= 0 || std::sscanf(text, "%lu %lu", &total, &resident) != 2) std::abort();
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace hz3::testlib
