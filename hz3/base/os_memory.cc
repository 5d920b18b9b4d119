#include "hz3/base/os_memory.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>

#include "hz3/base/refusals.h"
#include "hz3/base/words.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // linux/mman.h, Linux 5.14 and later
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4  // linux/mman.h, Linux 5.7 and later
#endif

namespace hz3 {
namespace {

class ErrnoKeeper {
 public:
  ErrnoKeeper() : saved_(errno) {}
  ~ErrnoKeeper() { errno = saved_; }
  ErrnoKeeper(const ErrnoKeeper&) = delete;
  ErrnoKeeper& operator=(const ErrnoKeeper&) = delete;

 private:
  int saved_;
};

// Around a call that makes the heap grow, shrink or move.
class CountedCall {
 public:
  CountedCall() : watch_(os_counters.ns) {
    os_counters.calls.fetch_add(1, std::memory_order_relaxed);
  }

 private:
  ErrnoKeeper keep_;
  StopWatch watch_;
};

class KernelMemory final : public OsMemory {
 public:
  void* Reserve(size_t bytes, size_t align) override {
    ErrnoKeeper keep;
    const size_t padded = bytes + align - kPageSize;
    if (padded < bytes) return nullptr;
    // MAP_NORESERVE: mprotect(2) to writable then charges nothing under overcommit modes 0 and 1.
    void* raw =
        mmap(nullptr, padded, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED) return nullptr;
    const uintptr_t begin = reinterpret_cast<uintptr_t>(raw);
    const uintptr_t aligned = RoundUp(begin, align);
    Trim(begin, aligned);
    Trim(aligned + bytes, begin + padded);
    return reinterpret_cast<void*>(aligned);
  }
  bool MakeReadable(void* start, size_t bytes) override {
    ErrnoKeeper keep;
    return mprotect(start, bytes, PROT_READ) == 0;
  }
  bool Commit(void* start, size_t bytes) override {
    CountedCall counted;
    return mprotect(start, bytes, PROT_READ | PROT_WRITE) == 0;
  }
  bool Protect(void* start, size_t bytes) override {
    ErrnoKeeper keep;
    return mprotect(start, bytes, PROT_NONE) == 0;
  }
  bool Purge(void* start, size_t bytes) override {
    CountedCall counted;
    if (madvise(start, bytes, MADV_DONTNEED) == 0) return true;
    const bool filtered = IsFiltered(errno);
    CountRefusal(refusals.madvise);
    return filtered && MoveAway(static_cast<char*>(start), bytes);
  }
  std::optional<uint64_t> Populate(void* start, size_t bytes) override {
    const uint64_t before = ThreadCpuNs();
    if (!PopulateRange(start, bytes, EinvalMeans::kNever)) return std::nullopt;
    return ThreadCpuNs() - before;
  }
  // Advice stays with a range, and the kernel's own collapsing would later fill in what was purged:
  // so it is taken back. (MADV_COLLAPSE needs none, but takes twice as long and fails now and then
  // when other threads use the range.)
  std::optional<uint64_t> PopulateHuge(void* start) override {
    if (cannot_populate_.load(std::memory_order_relaxed)) return std::nullopt;
    const uint64_t before = ThreadCpuNs();
    Advise(start, MADV_HUGEPAGE);
    // Others may use the slot by now, and make a page inaccessible.
    const bool populated = PopulateRange(start, kSegmentSize, EinvalMeans::kNotNow);
    Advise(start, MADV_NOHUGEPAGE);
    if (!populated) return std::nullopt;
    return ThreadCpuNs() - before;
  }
  // MREMAP_FIXED unmaps what is at `to` before anything else can fail, so that it is used only
  // where nothing will.
  bool Move(void* from, void* to, size_t bytes) override {
    CountedCall counted;
    if (LiesInOneMapping(from, bytes)) {
      if (MoveMapping(from, to, bytes)) return true;
      CountRefusal(refusals.mremap);
      return false;
    }
    if (bytes <= kSegmentSize) return false;
    // Huge pages and earlier moves leave several mappings behind: slot by slot then, of which few
    // need to be copied.
    for (size_t done = 0; done < bytes; done += kSegmentSize) {
      MoveOrCopy(static_cast<char*>(from) + done, static_cast<char*>(to) + done,
                 std::min(bytes - done, kSegmentSize));
    }
    return true;
  }
  std::optional<size_t> ResidentPages(void* start, size_t bytes) override {
    ErrnoKeeper keep;
    unsigned char present[kPagesPerSegment];
    size_t resident = 0;
    for (size_t done = 0; done < bytes; done += sizeof(present) * kPageSize) {
      const size_t part = std::min(bytes - done, sizeof(present) * kPageSize);
      if (mincore(static_cast<char*>(start) + done, part, present) != 0) {
        CountRefusal(refusals.mincore);
        return std::nullopt;
      }
      for (size_t i = 0; i < part / kPageSize; ++i) resident += present[i] & 1u;
    }
    return resident;
  }
  void Release(void* start, size_t bytes) override {
    ErrnoKeeper keep;
    munmap(start, bytes);
  }

 private:
  static bool IsFiltered(int error) { return error == EPERM || error == ENOSYS || error == EACCES; }
  static uint64_t ThreadCpuNs() {
    timespec used{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return static_cast<uint64_t>(used.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(used.tv_nsec);
  }
  // What MADV_POPULATE_WRITE says with EINVAL: that the kernel does not know it, or that a page of
  // the range is inaccessible.
  enum class EinvalMeans { kNever, kNotNow };
  bool PopulateRange(void* start, size_t bytes, EinvalMeans einval) {
    if (cannot_populate_.load(std::memory_order_relaxed)) return false;
    CountedCall counted;
    if (madvise(start, bytes, MADV_POPULATE_WRITE) == 0) return true;
    // An older kernel or a filter will say no again; where only memory is lacking at the moment the
    // errno is another (ENOMEM, EFAULT).
    const bool filtered = IsFiltered(errno);
    if (filtered) CountRefusal(refusals.madvise);
    if (filtered || (errno == EINVAL && einval == EinvalMeans::kNever)) {
      cannot_populate_.store(true, std::memory_order_relaxed);
    }
    return false;
  }
  // By asking for a page more in place, which there is no room for: EFAULT comes before that and
  // changes nothing (mremap(2)).
  static bool LiesInOneMapping(void* start, size_t bytes) {
    if (mremap(start, bytes, bytes + kPageSize, 0) == MAP_FAILED) return errno != EFAULT;
    munmap(static_cast<char*>(start) + bytes, kPageSize);  // behind the end of the arena there was
    return true;
  }
  static bool MoveMapping(void* from, void* to, size_t bytes) {
    constexpr int kFlags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
    return mremap(from, bytes, bytes, kFlags, to) == to;
  }
  void MoveOrCopy(char* from, char* to, size_t bytes) {
    if (LiesInOneMapping(from, bytes) && MoveMapping(from, to, bytes)) return;
    memcpy(to, from, bytes);
    if (!Purge(from, bytes)) memset(from, 0, bytes);
  }
  // Refusals change nothing but what a fault costs.
  static void Advise(void* start, int advice) {
    CountedCall counted;
    if (madvise(start, kSegmentSize, advice) != 0 && IsFiltered(errno)) {
      CountRefusal(refusals.madvise);
    }
  }
  static void Trim(uintptr_t begin, uintptr_t end) {
    if (begin < end) munmap(reinterpret_cast<void*>(begin), end - begin);
  }
  // What madvise would do, where a filter refuses that: the pages move elsewhere, leaving empty
  // ones in one step, and are unmapped there. (A new mapping over the old one could fail halfway.)
  static bool MoveAway(char* start, size_t bytes) {
    void* const elsewhere = mremap(start, bytes, bytes, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
    if (elsewhere != MAP_FAILED) {
      munmap(elsewhere, bytes);
      return true;
    }
    // EFAULT: more than one mapping, as Move leaves them behind.
    if (errno == EFAULT && bytes > kPageSize) {
      const size_t half = RoundUp(bytes / 2, kPageSize);
      return MoveAway(start, half) && MoveAway(start + half, bytes - half);
    }
    CountRefusal(refusals.mremap);
    return false;
  }

  // Relaxed: who reads it too early asks once more.
  std::atomic<bool> cannot_populate_{false};
};

constinit KernelMemory kernel_memory;

// The size of the address space in pages is the first number of /proc/self/statm (proc(5)).
size_t MappedBytes() {
  const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    CountRefusal(refusals.proc);
    return 0;
  }
  char text[64];
  const ssize_t n = read(fd, text, sizeof(text));
  close(fd);
  size_t pages = 0;
  for (ssize_t i = 0; i < n && text[i] >= '0' && text[i] <= '9'; ++i) {
    pages = pages * 10 + static_cast<size_t>(text[i] - '0');
  }
  return pages * kPageSize;
}

}  // namespace

constinit OsCounters os_counters;

uint64_t StopWatch::NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

void* CommitBetweenGuards(OsMemory& os, size_t bytes) {
  bytes = RoundUp(bytes, kPageSize);
  char* const range = static_cast<char*>(os.Reserve(bytes + 2 * kPageSize, kPageSize));
  if (range == nullptr) return nullptr;
  if (os.Commit(range + kPageSize, bytes)) return range + kPageSize;
  os.Release(range, bytes + 2 * kPageSize);
  return nullptr;
}

OsMemory& SystemMemory() { return kernel_memory; }

size_t PhysicalMemoryBytes() {
  ErrnoKeeper keep;
  struct sysinfo info;
  if (sysinfo(&info) != 0) return 0;
  return static_cast<size_t>(info.totalram) * info.mem_unit;
}

size_t AddressSpaceLeft() {
  ErrnoKeeper keep;
  rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  const size_t used = MappedBytes();
  return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

unsigned UsableCpus() {
  ErrnoKeeper keep;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    const int n = CPU_COUNT(&set);
    if (n > 0) return static_cast<unsigned>(n);
  }
  CountRefusal(refusals.sched_getaffinity);
  return 1;
}

}  // namespace hz3
