#include "hz3/harden/stack_trace.h"

#include <fcntl.h>
#include <unistd.h>
#include <unwind.h>

#include <cerrno>
#include <cstring>

#include "hz3/base/report.h"

namespace hz3 {
namespace {

#if defined(__GLIBC__)
struct Walk {
  StackTrace* trace;
  unsigned skip;
};

_Unwind_Reason_Code Visit(_Unwind_Context* context, void* arg) {
  Walk& walk = *static_cast<Walk*>(arg);
  if (walk.skip > 0) {
    --walk.skip;
    return _URC_NO_REASON;
  }
  StackTrace& trace = *walk.trace;
  if (trace.count == StackTrace::kMaxFrames) return _URC_END_OF_STACK;
  const uintptr_t frame = _Unwind_GetIP(context);
  if (frame != 0) trace.frames[trace.count++] = frame;
  return _URC_NO_REASON;
}
#endif

// A file read line by line into a small buffer; longer lines are cut.
class Lines {
 public:
  explicit Lines(const char* path) : fd_(open(path, O_RDONLY | O_CLOEXEC)) {}
  ~Lines() {
    if (fd_ >= 0) close(fd_);
  }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  bool Next(char* line, size_t size) {
    size_t length = 0;
    char c;
    while (Get(&c) && c != '\n') {
      if (length + 1 < size) line[length++] = c;
    }
    line[length] = '\0';
    return length > 0;
  }

 private:
  bool Get(char* c) {
    if (at_ == filled_) {
      const ssize_t n = fd_ < 0 ? -1 : read(fd_, buffer_, sizeof(buffer_));
      if (n <= 0) return false;
      filled_ = static_cast<size_t>(n);
      at_ = 0;
    }
    *c = buffer_[at_++];
    return true;
  }

  const int fd_;
  char buffer_[512];
  size_t at_ = 0, filled_ = 0;
};

uintptr_t ParseHex(const char** p) {
  uintptr_t value = 0;
  for (;; ++*p) {
    const char c = **p;
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return value;
    value = value * 16 + static_cast<uintptr_t>(digit);
  }
}

// One frame with its file and the offset in it, from a line of /proc/self/maps (proc(5)):
//   begin-end perms offset device inode path
bool PrintFrameOf(const char* line, uintptr_t frame) {
  const char* p = line;
  const uintptr_t begin = ParseHex(&p);
  if (*p != '-') return false;
  ++p;
  const uintptr_t end = ParseHex(&p);
  if (frame < begin || frame >= end) return false;
  p += 6;  // " r-xp "
  const uintptr_t offset = ParseHex(&p);
  const char* path = strchr(line, '/');
  if (path == nullptr) return false;
  char hex[20];
  WriteToStderr(" ", 1);
  WriteToStderr(path, strlen(path));
  WriteToStderr("+", 1);
  WriteToStderr(hex, FormatHex(frame - begin + offset, hex));
  return true;
}

}  // namespace

#if defined(__GLIBC__)
void StackTrace::Collect(unsigned skip) {
  count = 0;
  Walk walk{this, skip + 1};
  _Unwind_Backtrace(Visit, &walk);
}
#else
// libgcc's unwinder wants what only glibc has (_dl_find_object): the caller is all there is.
void StackTrace::Collect(unsigned) {
  count = 1;
  frames[0] = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
}
#endif

size_t FormatHex(uintptr_t value, char* text) {
  size_t n = 0;
  text[n++] = '0';
  text[n++] = 'x';
  int shift = 60;
  while (shift > 0 && (value >> shift) == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) text[n++] = "0123456789abcdef"[(value >> shift) & 15];
  return n;
}

void StackTrace::Print() const {
  const int saved = errno;
  for (unsigned i = 0; i < count; ++i) {
    char hex[20];
    WriteToStderr("    ", 4);
    WriteToStderr(hex, FormatHex(frames[i], hex));
    Lines maps("/proc/self/maps");
    char line[512];
    while (maps.Next(line, sizeof(line)) && !PrintFrameOf(line, frames[i])) {
    }
    WriteToStderr("\n", 1);
  }
  errno = saved;
}

}  // namespace hz3
