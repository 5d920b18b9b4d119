#include "hz3/exit_stats.h"

#include <fcntl.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "hz3/base/text.h"
#include "hz3/malloc_extension.h"

namespace hz3 {
namespace {

// Room for all figures and all classes with numbers of any length.
constexpr size_t kJsonBytes = size_t{32} << 10;

// Static: a thread that ends the process may have a small stack. Not touched unless asked for.
char pattern[kMaxExitStatsPath];
char json[kJsonBytes];

void WriteWhole(int fd, const char* text, size_t size) {
  while (size > 0) {
    const ssize_t written = write(fd, text, size);
    if (written < 0 && errno != EINTR) return;
    if (written <= 0) continue;
    text += written;
    size -= static_cast<size_t>(written);
  }
}

__attribute__((constructor)) void ReadExitStatsSetting() {
  if (getauxval(AT_SECURE) != 0) return;
  const char* value = getenv("HZ3_STATS_AT_EXIT");
  if (value == nullptr || strlen(value) >= sizeof(pattern)) return;
  memcpy(pattern, value, strlen(value) + 1);
}

__attribute__((destructor)) void WriteExitStats() {
  char path[kMaxExitStatsPath];
  if (pattern[0] == '\0') return;
  if (!ExpandExitStatsPath(pattern, static_cast<unsigned>(getpid()), path, sizeof(path))) return;
  const size_t size = hz3_stats_json(json, sizeof(json));
  if (size >= sizeof(json)) return;
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return;
  WriteWhole(fd, json, size);
  close(fd);
}

}  // namespace

bool ExpandExitStatsPath(const char* from, unsigned pid, char* out, size_t size) {
  Text text(out, size);
  for (const char* p = from; *p != '\0'; ++p) {
    if (p[0] == '%' && p[1] == 'p') {
      text << pid;
      ++p;
    } else {
      const char letter[2] = {*p, '\0'};
      text << letter;
    }
  }
  return text.wanted() == text.written();
}

}  // namespace hz3
