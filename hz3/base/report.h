// What hz3 says when a program misuses it: one line on stderr, then abort. Formats without
// allocating; usable from any path that is not hot, by any thread, under any lease.
#ifndef HZ3_BASE_REPORT_H_
#define HZ3_BASE_REPORT_H_

#include <cstddef>

namespace hz3 {

enum class Misuse {
  kForeignPointer,   // hz3 never gave it out
  kInteriorPointer,  // inside a block, not its start
  kDoubleFree,       // already free
  kNotABlock,        // inside a block, or a block whose header was overwritten
  kOverflow,         // bytes behind the block were written
  kUnderflow,        // bytes before the block were written
  kUseAfterFree,     // bytes of a freed block were written
  kWrongKind,        // not freed by the counterpart of what allocated it
  kWrongSize,        // sized delete with another size than the block's
  // Accesses that faulted:
  kZeroSizeAccess,   // to a block of 0 bytes
  kAccessAfterFree,  // to a freed block
  kAccessBefore,     // to the guard page before a block
  kAccessBehind,     // to the guard page behind a block
};

// Writes "hz3: <what>: 0x<address>" and aborts.
[[noreturn]] void ReportMisuse(Misuse misuse, const void* address);
// Writes that line and goes on; async-signal-safe.
void Describe(Misuse misuse, const void* address);
// Writes "hz3: <message>" and aborts: the process cannot have a heap.
[[noreturn]] void ReportFatal(const char* message);
// Writes n bytes to stderr, whole where the kernel lets it.
void WriteToStderr(const char* text, size_t n);

}  // namespace hz3

#endif  // HZ3_BASE_REPORT_H_
