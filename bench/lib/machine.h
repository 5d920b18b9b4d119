// What a measurement was made on, and with which allocator.
#ifndef BENCH_LIB_MACHINE_H_
#define BENCH_LIB_MACHINE_H_

#include <cstdint>
#include <string>

namespace hz3::bench {

struct Machine {
  std::string cpu_model;  // "unknown CPU" where /proc does not tell
  int cores = 0;          // that this process may run on
  uint64_t memory_bytes = 0;
  std::string kernel;
};

Machine ThisMachine();

// One line, like "AMD EPYC 7B13, 2 cores, 24 GiB, Linux 6.1.0".
std::string ToString(const Machine& machine);

// The file name of the library whose malloc this process uses, like "libc.so.6".
std::string MallocProvider();

}  // namespace hz3::bench

#endif  // BENCH_LIB_MACHINE_H_
