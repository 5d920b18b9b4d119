// TopFrame: one screen of `hz3 top`.
#ifndef TOOLS_HZ3_TOP_FRAME_H_
#define TOOLS_HZ3_TOP_FRAME_H_

#include <chrono>
#include <string>

#include "tools/hz3/heap_view.h"

namespace hz3::tool {

struct TopInstant {
  HeapView view;
  Residency residency;
  std::chrono::steady_clock::time_point time;
};

// `before` gives the rates; nullptr for the first frame, which has none.
std::string TopFrame(pid_t pid, const TopInstant& now, const TopInstant* before, size_t columns);

}  // namespace hz3::tool

#endif  // TOOLS_HZ3_TOP_FRAME_H_
