// A heap in a known state, made of hz3's own boxes: every kind of page is in it, and nobody changes
// it. This process's hz3_heap_layout describes it instead of the heap behind malloc (which here is
// the C library's).
#ifndef TOOLS_HZ3_TESTING_KNOWN_HEAP_H_
#define TOOLS_HZ3_TESTING_KNOWN_HEAP_H_

#include <cstdint>

#include "hz3/heap_layout.h"

namespace hz3::tool {

// What is in it. The sizes of classes are those of hz3/objects/size_classes.h.
struct KnownHeap {
  static constexpr unsigned kSmallSize = 64;
  static constexpr unsigned kSmallLive = 20;  // objects in use in one span; the rest is free
  static constexpr unsigned kMediumPages = 2;
  static constexpr unsigned kMediumRuns = 3;
  static constexpr unsigned kLargePages = 40;
  static constexpr unsigned kDirtyPages = 30;  // free, in one piece
  static constexpr unsigned kMailPages = 12;   // a run that waits in its segment's mailbox
  static constexpr unsigned kMailObjects = 5;  // all that is in use of another span waits there
  static constexpr unsigned kMailSize = 128;
  static constexpr uint64_t kHugeBytes = (3u << 20) + 1;
};

// Makes the heap, once a process, and returns what describes it.
const HeapLayout& MakeKnownHeap();
// Points this process's own hz3_heap_layout at it too, for others to find.
void ExportKnownHeap();

}  // namespace hz3::tool

#endif  // TOOLS_HZ3_TESTING_KNOWN_HEAP_H_
