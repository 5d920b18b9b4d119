// StackTrace: the return addresses of the calling thread's stack, innermost first, and how they are
// printed: with the file that each lies in and the offset there, which addr2line(1) understands.
// It unwinds by the tables that compilers emit; frame pointers are not needed.
//
// Collecting does not allocate through hz3 but may take the dynamic linker's lock, so: under no
// lease. Slow path. Printing is async-signal-safe.
#ifndef HZ3_HARDEN_STACK_TRACE_H_
#define HZ3_HARDEN_STACK_TRACE_H_

#include <cstddef>
#include <cstdint>

namespace hz3 {

struct StackTrace {
  static constexpr unsigned kMaxFrames = 16;

  unsigned count = 0;
  uintptr_t frames[kMaxFrames] = {};

  // Leaves out the `skip` innermost callers.
  void Collect(unsigned skip);
  // One line a frame on stderr: "    0x<address> <file>+0x<offset>".
  void Print() const;
};

// Writes `value` as "0x<hex>" to text, which has room for 19 bytes; returns how many it wrote.
size_t FormatHex(uintptr_t value, char* text);

}  // namespace hz3

#endif  // HZ3_HARDEN_STACK_TRACE_H_
