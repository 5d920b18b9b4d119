// The address space of this process, for allocators whose memory can only be limited that way.
#ifndef BENCH_WORKLOADS_ADDRESS_SPACE_H_
#define BENCH_WORKLOADS_ADDRESS_SPACE_H_

#include <cstdint>

namespace hz3::bench {

// All that is mapped now, in bytes; 0 when /proc does not tell. Uses no heap.
uint64_t AddressSpaceBytes();

// The limit on it that holds now; UINT64_MAX for none.
uint64_t AddressSpaceLimit();

// Limits it to `bytes`. The limit holds in programs that this one becomes by exec. False, with
// errno set, when the system refuses.
bool LimitAddressSpace(uint64_t bytes);

}  // namespace hz3::bench

#endif  // BENCH_WORKLOADS_ADDRESS_SPACE_H_
