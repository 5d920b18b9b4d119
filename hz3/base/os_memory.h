// OsMemory: the only place where hz3 asks the operating system for memory. The page level is given
// one, so that its tests run without an OS and with injected faults.
//
// All ranges are multiples of kPageSize. Thread-safe (the kernel is); slow and event paths only.
// errno is kept by every call: failure is the return value.
#ifndef HZ3_BASE_OS_MEMORY_H_
#define HZ3_BASE_OS_MEMORY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "hz3/base/words.h"

namespace hz3 {

struct MemoryRange {
  void* start = nullptr;
  size_t bytes = 0;
};

class OsMemory {
 public:
  // Reserves `bytes` of address space, aligned to `align` (a power of two, >= kPageSize), that can
  // neither be read nor written and counts for nothing but RLIMIT_AS. nullptr on failure.
  virtual void* Reserve(size_t bytes, size_t align) = 0;
  // Makes a reserved range readable (zeroes), at no cost in memory. False on failure.
  virtual bool MakeReadable(void* start, size_t bytes) = 0;
  // Makes a reserved range readable and writable; its pages read as zero. False on failure, with
  // the range as it was.
  virtual bool Commit(void* start, size_t bytes) = 0;
  // Makes a committed range inaccessible; Commit undoes it, with the contents kept. False on
  // failure (vm.max_map_count, for one), with the range as it was.
  virtual bool Protect(void* start, size_t bytes) = 0;
  // Gives the memory of a committed range back; it stays committed and reads as zero again. False
  // when the kernel refuses; each page's contents are then as they were or zeroes.
  virtual bool Purge(void* start, size_t bytes) = 0;
  // Gives the pages of a committed range memory now, in one call instead of a fault for each; what
  // they hold stays. Returns the CPU time that it took, in nanoseconds; nothing when the kernel
  // refuses (before Linux 5.14 it always does): some may have memory then.
  virtual std::optional<uint64_t> Populate(void* start, size_t bytes) = 0;
  // The same for the 2 MiB at a multiple of 2 MiB, by a huge page where the kernel has one to spare
  // and the administrator lets it (/sys/kernel/mm/transparent_hugepage/enabled). Others may use the
  // range meanwhile.
  virtual std::optional<uint64_t> PopulateHuge(void* start) = 0;
  // Moves the pages of [from, from + bytes) to the committed range `to`; `from` reads as zero and
  // stays committed. False when that is not possible: nothing has changed then.
  virtual bool Move(void* from, void* to, size_t bytes) = 0;
  // How many pages of a committed range are in memory now, without those that are swapped out;
  // nothing when the kernel does not say.
  virtual std::optional<size_t> ResidentPages(void* start, size_t bytes) = 0;
  // Gives a reserved range back.
  virtual void Release(void* start, size_t bytes) = 0;

 protected:
  ~OsMemory() = default;
};

// What this process has asked the kernel for: commits, purges and moves, and the time they took.
// Relaxed: figures.
struct OsCounters {
  std::atomic<uint64_t> calls{0};
  std::atomic<uint64_t> ns{0};
};
extern constinit OsCounters os_counters;

// Adds the time from its making to its end to a figure, by a clock that costs no system call. For
// event paths: it takes some 50 ns itself.
class StopWatch {
 public:
  explicit StopWatch(std::atomic<uint64_t>& ns) : ns_(ns), start_(NowNs()) {}
  ~StopWatch() { ns_.fetch_add(NowNs() - start_, std::memory_order_relaxed); }
  StopWatch(const StopWatch&) = delete;
  StopWatch& operator=(const StopWatch&) = delete;

  // Nanoseconds of CLOCK_MONOTONIC; some 25 ns, and no system call.
  static uint64_t NowNs();

 private:
  std::atomic<uint64_t>& ns_;
  const uint64_t start_;
};
// A committed range of at least `bytes` between two pages that stay inaccessible, for hz3's own
// records: what runs over the end of a neighbouring mapping does not reach them. It is never given
// back. nullptr on failure.
void* CommitBetweenGuards(OsMemory& os, size_t bytes);

// The kernel's (mmap, mprotect, madvise, mremap). One for the process, usable before main.
OsMemory& SystemMemory();

// Bytes of physical memory in the machine; 0 when unknown.
size_t PhysicalMemoryBytes();
// The bytes that RLIMIT_AS still lets the process map, or SIZE_MAX without a limit.
size_t AddressSpaceLeft();
// Processors that this process may run on, at least 1.
unsigned UsableCpus();

}  // namespace hz3

#endif  // HZ3_BASE_OS_MEMORY_H_
