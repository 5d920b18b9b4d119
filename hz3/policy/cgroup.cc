#include "hz3/policy/cgroup.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "hz3/base/refusals.h"
#include "hz3/base/text.h"

namespace hz3 {
namespace {

// No machine has more memory; version 1 writes 2^63 less a page for "no limit".
constexpr size_t kMostBytes = size_t{1} << 60;

// A part of a line. Empty parts have size 0.
struct Part {
  const char* text;
  size_t size;

  bool Is(const char* word) const { return size == strlen(word) && memcmp(text, word, size) == 0; }
};

// The part of `*rest` before `separator` (or all of it), which is taken off with the separator.
Part Next(const char** rest, char separator) {
  const char* begin = *rest;
  const char* end = begin;
  while (*end != '\0' && *end != separator) ++end;
  *rest = *end == '\0' ? end : end + 1;
  return {begin, static_cast<size_t>(end - begin)};
}

// Whether `word` is in a list that is separated by commas.
bool Lists(Part list, const char* word) {
  size_t begin = 0;
  for (size_t i = 0; i <= list.size; ++i) {
    if (i < list.size && list.text[i] != ',') continue;
    if (Part{list.text + begin, i - begin}.Is(word)) return true;
    begin = i + 1;
  }
  return false;
}

bool IsOctal(char c) { return c >= '0' && c <= '7'; }

// Copies `part` to `out`, with \040 and the like, as mountinfo writes blanks, undone. False when it
// does not fit.
bool Unescape(Part part, char (&out)[kMaxCgroupText]) {
  size_t n = 0;
  for (size_t i = 0; i < part.size; ++i) {
    const char* p = part.text + i;
    if (n + 1 == sizeof(out)) return false;
    if (i + 3 < part.size && *p == '\\' && IsOctal(p[1]) && IsOctal(p[2]) && IsOctal(p[3])) {
      out[n++] = static_cast<char>((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
      i += 3;
    } else {
      out[n++] = *p;
    }
  }
  out[n] = '\0';
  return true;
}

// What of `group` is left below `root`: "" or "/...". nullptr when it is not below.
const char* Below(const char* root, const char* group) {
  if (strcmp(root, "/") == 0) return strcmp(group, "/") == 0 ? "" : group;
  const size_t n = strlen(root);
  if (strncmp(group, root, n) != 0 || (group[n] != '/' && group[n] != '\0')) return nullptr;
  return group + n;
}

// Calls f(line) for each line of the file, without its newline. Whether it could be opened.
template <typename F>
bool ForEachLine(const char* path, F f) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char line[kMaxCgroupText];
  char chunk[512];
  size_t length = 0;
  bool too_long = false;
  for (ssize_t n; (n = read(fd, chunk, sizeof(chunk))) > 0 || (n < 0 && errno == EINTR);) {
    for (ssize_t i = 0; i < n; ++i) {
      if (chunk[i] == '\n') {
        line[length] = '\0';
        if (!too_long) f(line);
        length = 0;
        too_long = false;
      } else if (length + 1 < sizeof(line)) {
        line[length++] = chunk[i];
      } else {
        too_long = true;
      }
    }
  }
  close(fd);
  line[length] = '\0';
  if (length > 0 && !too_long) f(line);
  return true;
}

// The limit that `directory` itself sets.
size_t LimitOf(const char* root, const char* directory, const char* file) {
  char path[kMaxCgroupText];
  Text text(path, sizeof(path));
  text << root << directory << "/" << file;
  if (text.wanted() >= sizeof(path)) return kNoCgroupLimit;
  size_t limit = kNoCgroupLimit;
  ForEachLine(path, [&](const char* line) { limit = ParseCgroupLimit(line); });
  return limit;
}

void ReadProcFile(const char* root, const char* name, MemoryCgroup& cgroup,
                  void (MemoryCgroup::*add)(const char*)) {
  char path[kMaxCgroupText];
  Text text(path, sizeof(path));
  text << root << "/proc/self/" << name;
  if (text.wanted() >= sizeof(path)) return;
  if (!ForEachLine(path, [&](const char* line) { (cgroup.*add)(line); })) {
    CountRefusal(refusals.proc);
  }
}

}  // namespace

size_t ParseCgroupLimit(const char* text) {
  size_t value = 0;
  const char* p = text;
  for (; *p >= '0' && *p <= '9'; ++p) {
    if (value > kMostBytes) return kNoCgroupLimit;
    value = value * 10 + static_cast<size_t>(*p - '0');
  }
  const bool is_number = p != text && (*p == '\0' || *p == '\n');
  return is_number && value < kMostBytes ? value : kNoCgroupLimit;
}

// hierarchy:controllers:group. Version 2 is hierarchy 0 without controllers; where both are mounted
// the memory controller is in one of them only, and a line of version 1 that lists it says so.
void MemoryCgroup::AddMembership(const char* line) {
  const Part hierarchy = Next(&line, ':');
  const Part controllers = Next(&line, ':');
  const bool v1 = Lists(controllers, "memory");
  if (!v1 && (in_v1_ || !hierarchy.Is("0") || controllers.size != 0)) return;
  const size_t length = strlen(line);
  if (line[0] != '/' || length >= sizeof(group_)) return;
  memcpy(group_, line, length + 1);
  has_group_ = true;
  in_v1_ = v1;
}

// id parent device root mount-point options... - type source options
void MemoryCgroup::AddMount(const char* line) {
  if (found_ || !has_group_) return;
  for (int i = 0; i < 3; ++i) Next(&line, ' ');
  const Part root_part = Next(&line, ' ');
  const Part mount_part = Next(&line, ' ');
  while (*line != '\0' && !Next(&line, ' ').Is("-")) {
  }
  const Part type = Next(&line, ' ');
  Next(&line, ' ');
  const Part options = Next(&line, ' ');
  if (in_v1_ ? !(type.Is("cgroup") && Lists(options, "memory")) : !type.Is("cgroup2")) return;

  char root[kMaxCgroupText];
  if (!Unescape(root_part, root) || !Unescape(mount_part, directory_)) return;
  const char* below = Below(root, group_);
  // A path with ".." leads out of what this process can see.
  if (below == nullptr || strstr(below, "/..") != nullptr) return;
  mount_length_ = strlen(directory_);
  const size_t below_length = strlen(below);
  if (mount_length_ + below_length >= sizeof(directory_)) return;
  memcpy(directory_ + mount_length_, below, below_length + 1);
  found_ = true;
}

size_t CgroupMemoryLimit(const char* root) {
  const int saved = errno;
  MemoryCgroup cgroup;
  ReadProcFile(root, "cgroup", cgroup, &MemoryCgroup::AddMembership);
  ReadProcFile(root, "mountinfo", cgroup, &MemoryCgroup::AddMount);
  size_t limit = kNoCgroupLimit;
  if (cgroup.found()) {
    char directory[kMaxCgroupText];
    size_t length = strlen(cgroup.directory());
    memcpy(directory, cgroup.directory(), length + 1);
    while (true) {
      limit = std::min(limit, LimitOf(root, directory, cgroup.limit_file()));
      if (length <= cgroup.mount_length()) break;
      while (directory[length - 1] != '/') --length;
      directory[--length] = '\0';
    }
  }
  errno = saved;
  return limit;
}

}  // namespace hz3
