// What this process has used, and what the machine has left. Thread-safe; uses no heap.
#ifndef BENCH_LIB_PROCESS_USAGE_H_
#define BENCH_LIB_PROCESS_USAGE_H_

#include <cstdint>

namespace hz3::bench {

struct CpuTime {
  double user_s = 0;
  double sys_s = 0;
  double Total() const { return user_s + sys_s; }
};

// CPU time of all threads of this process since its start.
CpuTime ProcessCpuTime();

// The highest resident size of this process so far (VmHWM); 0 when /proc does not tell.
uint64_t PeakRssBytes();

// Bytes that processes can still write to before the machine, or the memory limit of this
// container, is exhausted; 0 when /proc does not tell.
uint64_t AvailableMemoryBytes();

// The resident size of process `pid` now; 0 when it is gone.
uint64_t ResidentBytes(int pid);

}  // namespace hz3::bench

#endif  // BENCH_LIB_PROCESS_USAGE_H_
