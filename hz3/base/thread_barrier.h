// ThreadBarrier: a memory barrier on all threads of the process at once, so that the other side of
// a protocol gets by with plain stores and loads: membarrier(2), MEMBARRIER_CMD_PRIVATE_EXPEDITED.
//
// Event path: some microseconds, and the first call registers the process with the kernel.
#ifndef HZ3_BASE_THREAD_BARRIER_H_
#define HZ3_BASE_THREAD_BARRIER_H_

namespace hz3 {

// Every other thread has, at some instant during the call, had its earlier stores visible and its
// later loads not yet begun. False when the kernel has no such call or a filter refuses it:
// nothing is known then. errno is kept.
bool BarrierOnAllThreads();

}  // namespace hz3

#endif  // HZ3_BASE_THREAD_BARRIER_H_
