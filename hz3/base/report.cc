#include "hz3/base/report.h"

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace hz3 {
namespace {

struct Line {
  char text[160];
  size_t size = 0;

  void Append(const char* s) {
    while (*s != '\0' && size < sizeof(text) - 1) text[size++] = *s++;
  }
  void AppendHex(uintptr_t value) {
    Append("0x");
    int shift = 60;
    while (shift > 0 && (value >> shift) == 0) shift -= 4;
    for (; shift >= 0; shift -= 4) {
      const char digit[2] = {"0123456789abcdef"[(value >> shift) & 15], '\0'};
      Append(digit);
    }
  }
};

const char* NameOf(Misuse misuse) {
  switch (misuse) {
    case Misuse::kForeignPointer:
      return "free of a pointer that hz3 never gave out: ";
    case Misuse::kInteriorPointer:
      return "free of an interior pointer (inside a block, not its start): ";
    case Misuse::kDoubleFree:
      return "double free: ";
    case Misuse::kNotABlock:
      return "free of an interior pointer, or of a block whose header was overwritten: ";
    case Misuse::kOverflow:
      return "overflow, the bytes behind a block were written: ";
    case Misuse::kUnderflow:
      return "underflow, the bytes before a block were written: ";
    case Misuse::kUseAfterFree:
      return "use after free, a freed block was written: ";
    case Misuse::kWrongKind:
      return "free, delete or delete[] of a block that malloc, new or new[] did not give out so: ";
    case Misuse::kWrongSize:
      return "sized delete with another size than the block's: ";
    case Misuse::kZeroSizeAccess:
      return "access to a block of 0 bytes: ";
    case Misuse::kAccessAfterFree:
      return "use after free, an access to a freed block: ";
    case Misuse::kAccessBefore:
      return "underflow, an access before a block: ";
    case Misuse::kAccessBehind:
      return "overflow, an access behind a block: ";
  }
  return "misuse: ";
}

void WriteLine(Line& line) {
  line.Append("\n");
  WriteToStderr(line.text, line.size);
}

}  // namespace

void WriteToStderr(const char* text, size_t n) {
  while (n > 0) {
    const ssize_t written = write(STDERR_FILENO, text, n);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text += written;
    n -= static_cast<size_t>(written);
  }
}

void Describe(Misuse misuse, const void* address) {
  Line line;
  line.Append("hz3: ");
  line.Append(NameOf(misuse));
  line.AppendHex(reinterpret_cast<uintptr_t>(address));
  WriteLine(line);
}

void ReportMisuse(Misuse misuse, const void* address) {
  Describe(misuse, address);
  abort();
}

void ReportFatal(const char* message) {
  Line line;
  line.Append("hz3: ");
  line.Append(message);
  WriteLine(line);
  abort();
}

}  // namespace hz3
