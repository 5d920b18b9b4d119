#include "hz3/exit_profile.h"

#include <fcntl.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "hz3/base/random.h"
#include "hz3/base/report.h"
#include "hz3/exit_stats.h"
#include "hz3/heap.h"
#include "hz3/malloc_extension.h"
#include "hz3/observe/leak_report.h"

namespace hz3 {
namespace {

// What to do at exit.
ProfileSetting setting;
bool write_profile = false;
bool report_leaks = false;
// Programs close stderr before they end, to see whether all was written: the report has one of its
// own, where no program looks for a free number.
int report_fd = STDERR_FILENO;
constexpr int kLowestReportFd = 500;

// A number that ends with `*text`, or at a comma, which is skipped.
bool ParseNumber(const char** text, uint64_t* value) {
  const char* p = *text;
  *value = 0;
  for (; *p >= '0' && *p <= '9'; ++p) {
    if (*value > UINT64_MAX / 16) return false;
    *value = *value * 10 + static_cast<uint64_t>(*p - '0');
  }
  if (p == *text || (*p != '\0' && *p != ',')) return false;
  if (*p == ',' && p[1] == '\0') return false;
  *text = *p == ',' ? p + 1 : p;
  return true;
}

bool ParseOption(const char** text, const char* name, uint64_t* value) {
  const size_t n = strlen(name);
  if (strncmp(*text, name, n) != 0) return false;
  *text += n;
  return ParseNumber(text, value) && *value > 0;
}

bool ParseOptions(const char* text, ProfileSetting* parsed) {
  while (*text != '\0') {
    uint64_t interval = parsed->interval;
    if (!ParseOption(&text, "interval=", &interval) &&
        !ParseOption(&text, "seed=", &parsed->seed)) {
      return false;
    }
    parsed->interval = interval;
  }
  return true;
}

void Start() {
  const size_t interval =
      setting.interval != 0 ? setting.interval : HZ3_HEAP_PROFILE_DEFAULT_INTERVAL;
  if (heap.StartProfile(interval, setting.seed != 0 ? setting.seed : ProcessSecret())) return;
  constexpr char kText[] = "hz3: no memory for a heap profile\n";
  WriteToStderr(kText, sizeof(kText) - 1);
  write_profile = report_leaks = false;
}

void Refuse(const char* name) {
  WriteToStderr("hz3: ignored ", 13);
  WriteToStderr(name, strlen(name));
  constexpr char kText[] = ": its value is not as docs/profiles.md says\n";
  WriteToStderr(kText, sizeof(kText) - 1);
}

// Both may be set: the profile is as fine as the finer of them.
__attribute__((constructor)) void ReadProfileSettings() {
  if (getauxval(AT_SECURE) != 0) return;
  const char* profile = getenv("HZ3_HEAP_PROFILE");
  const char* leaks = getenv("HZ3_LEAK_REPORT");
  if (profile != nullptr) {
    write_profile = ParseHeapProfileSetting(profile, &setting);
    if (!write_profile) Refuse("HZ3_HEAP_PROFILE");
  }
  static ProfileSetting of_leaks;
  if (leaks != nullptr) {
    report_leaks = ParseLeakReportSetting(leaks, &of_leaks);
    if (!report_leaks) Refuse("HZ3_LEAK_REPORT");
  }
  if (report_leaks) {
    const size_t other = write_profile ? setting.interval : 0;
    setting.interval = other == 0 ? of_leaks.interval : std::min(other, of_leaks.interval);
    if (!write_profile || setting.seed == 0) setting.seed = of_leaks.seed;
  }
  if (report_leaks) {
    const int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, kLowestReportFd);
    if (fd >= 0) report_fd = fd;
  }
  if (write_profile || report_leaks) Start();
}

void WriteProfile() {
  char path[ProfileSetting::kMaxPath];
  if (!ExpandExitStatsPath(setting.path, static_cast<unsigned>(getpid()), path, sizeof(path))) {
    return;
  }
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0 || hz3_heap_profile_write(fd, HZ3_HEAP_PROFILE_LIVE) != 0) {
    constexpr char kText[] = "hz3: cannot write the heap profile\n";
    WriteToStderr(kText, sizeof(kText) - 1);
  }
  if (fd >= 0) close(fd);
}

__attribute__((destructor)) void WriteAtExit() {
  if (report_leaks) PrintLeakReport(heap.profile(), report_fd);
  if (write_profile) WriteProfile();
}

}  // namespace

bool ParseHeapProfileSetting(const char* text, ProfileSetting* parsed) {
  const char* comma = strchr(text, ',');
  const size_t n = comma != nullptr ? static_cast<size_t>(comma - text) : strlen(text);
  if (n == 0 || n >= sizeof(parsed->path)) return false;
  memcpy(parsed->path, text, n);
  parsed->path[n] = '\0';
  parsed->interval = 0;
  parsed->seed = 0;
  return comma == nullptr || (comma[1] != '\0' && ParseOptions(comma + 1, parsed));
}

bool ParseLeakReportSetting(const char* text, ProfileSetting* parsed) {
  parsed->path[0] = '\0';
  parsed->seed = 0;
  uint64_t interval;
  if (!ParseNumber(&text, &interval) || interval == 0) return false;
  parsed->interval = interval;
  return ParseOptions(text, parsed);
}

}  // namespace hz3
