// LeakReport: the sampled blocks that are live, as text for people: by call stack, those that hold
// most bytes first, with symbols as far as the dynamic linker knows them and the place in the file
// otherwise. Whether a block can still be reached is not looked at.
//
// Event path; takes the dynamic linker's lock; does not allocate.
#ifndef HZ3_OBSERVE_LEAK_REPORT_H_
#define HZ3_OBSERVE_LEAK_REPORT_H_

#include "hz3/observe/heap_profile.h"

namespace hz3 {

// At most this many stacks are printed.
inline constexpr unsigned kMaxLeaks = 50;

void PrintLeakReport(HeapProfile& profile, int fd);

}  // namespace hz3

#endif  // HZ3_OBSERVE_LEAK_REPORT_H_
