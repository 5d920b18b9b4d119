#include "hz3/base/thread_state.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "hz3/base/refusals.h"
#include "hz3/base/text.h"

namespace hz3 {
namespace {

constexpr size_t kPathBytes = 48;
// "id (name) S": an id of at most 10 digits and a name of at most 64 bytes, proc(5).
constexpr size_t kStatBytes = 96;

}  // namespace

int32_t ThisThreadId() { return static_cast<int32_t>(syscall(SYS_gettid)); }

ThreadState ParseThreadStat(const char* text) {
  const char* name_end = strrchr(text, ')');
  if (name_end == nullptr || name_end[1] != ' ') return ThreadState::kUnknown;
  switch (name_end[2]) {
    case 'R':
      return ThreadState::kRuns;
    case 'S':
    case 'D':
    case 'T':
    case 't':
      return ThreadState::kSleeps;
    default:
      return ThreadState::kUnknown;
  }
}

ThreadState StateOf(int32_t thread_id) {
  if (thread_id <= 0) return ThreadState::kUnknown;
  const int saved = errno;
  char path[kPathBytes];
  Text(path, sizeof(path)) << "/proc/self/task/" << static_cast<uint64_t>(thread_id) << "/stat";
  ThreadState state = ThreadState::kUnknown;
  // Not open(2) and its like of the C library: those are points where a thread may be cancelled.
  const long file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    char text[kStatBytes + 1];
    const long length = syscall(SYS_read, file, text, kStatBytes);
    syscall(SYS_close, file);
    if (length > 0) {
      text[length] = '\0';
      state = ParseThreadStat(text);
    }
  } else {
    CountRefusal(refusals.proc);
  }
  errno = saved;
  return state;
}

}  // namespace hz3
