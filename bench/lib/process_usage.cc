#include "bench/lib/process_usage.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace hz3::bench {
namespace {

using FileText = std::array<char, 8192>;

// The start of a file as a terminated string; empty when it cannot be read.
FileText ReadStart(const char* path) {
  FileText text = {};
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  size_t used = 0;
  while (used < text.size() - 1) {
    const ssize_t got = read(fd, text.data() + used, text.size() - 1 - used);
    if (got <= 0) break;
    used += static_cast<size_t>(got);
  }
  close(fd);
  return text;
}

// The number behind `key` in a file of lines `key   N kB`, in bytes; 0 when it is not there.
uint64_t KilobytesAfter(const char* path, const char* key) {
  const FileText text = ReadStart(path);
  const char* found = std::strstr(text.data(), key);
  if (found == nullptr) return 0;
  return std::strtoull(found + std::strlen(key), nullptr, 10) * 1024;
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

// What the memory limit of the container leaves; UINT64_MAX when there is none.
uint64_t ContainerRoomBytes() {
  const FileText limit = ReadStart("/sys/fs/cgroup/memory.max");
  char* end = nullptr;
  const uint64_t bytes = std::strtoull(limit.data(), &end, 10);
  if (end == limit.data()) return UINT64_MAX;  // no file, or "max"
  const uint64_t used =
      std::strtoull(ReadStart("/sys/fs/cgroup/memory.current").data(), nullptr, 10);
  return bytes > used ? bytes - used : 0;
}

}  // namespace

CpuTime ProcessCpuTime() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return {Seconds(usage.ru_utime), Seconds(usage.ru_stime)};
}

uint64_t PeakRssBytes() { return KilobytesAfter("/proc/self/status", "VmHWM:"); }

uint64_t AvailableMemoryBytes() {
  return std::min(KilobytesAfter("/proc/meminfo", "MemAvailable:"), ContainerRoomBytes());
}

uint64_t ResidentBytes(int pid) {
  char path[64];
  std::snprintf(path, sizeof(path), "/proc/%d/status", pid);
  return KilobytesAfter(path, "VmRSS:");
}

}  // namespace hz3::bench
