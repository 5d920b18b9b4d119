// HeapLocator: finds hz3's heap in a process: the library, or the program that hz3 is linked into,
// and in it the description of the heap that hz3/heap_layout.h defines.
#ifndef TOOLS_HZ3_HEAP_LOCATOR_H_
#define TOOLS_HZ3_HEAP_LOCATOR_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "hz3/heap_layout.h"
#include "tools/hz3/remote_memory.h"

namespace hz3::tool {

// A file that a process has mapped.
struct MappedObject {
  Address start;     // of the file's first page
  std::string path;  // as the process sees it

  friend bool operator==(const MappedObject&, const MappedObject&) = default;
};

// The objects named in the text of /proc/PID/maps, those that are likely to be hz3 first.
std::vector<MappedObject> ObjectsInMaps(const std::string& maps);

struct LocatedHeap {
  HeapLayout layout;
  std::string object;  // the path of what holds it
};

// Fails with one line that says why: no such process, no permission, no hz3 in it, another version.
absl::StatusOr<LocatedHeap> LocateHeap(const RemoteMemory& memory);

// `layout` as read from a process, if an observer of this build understands it.
absl::Status CheckLayout(const HeapLayout& layout);

}  // namespace hz3::tool

#endif  // TOOLS_HZ3_HEAP_LOCATOR_H_
