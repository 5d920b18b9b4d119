#include "tools/hz3/heap_locator.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tools/hz3/elf_symbol.h"

namespace hz3::tool {
namespace {

std::string FileOf(pid_t pid, std::string_view name) {
  return absl::StrCat("/proc/", pid, "/", name);
}

// The mapping of a line of maps, if it is a file's first page:
//   start-end rwxp offset major:minor inode     path
std::optional<MappedObject> ParseMapsLine(std::string_view line) {
  const std::vector<std::string_view> words =
      absl::StrSplit(line, absl::MaxSplits(' ', 5), absl::AllowEmpty());
  if (words.size() < 6 || words[2].find_first_not_of('0') != std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view path = absl::StripLeadingAsciiWhitespace(words[5]);
  uint64_t start;
  if (!path.starts_with('/') ||
      !absl::SimpleHexAtoi(words[0].substr(0, words[0].find('-')), &start)) {
    return std::nullopt;
  }
  return MappedObject{start, std::string(path)};
}

bool IsLikely(const MappedObject& object) {
  return object.path.find("hakozuna") != std::string::npos;
}

// As the process sees the file: it may be in a container.
std::string PathFromOutside(pid_t pid, const std::string& path) {
  return FileOf(pid, "root") + std::string(absl::StripSuffix(path, " (deleted)"));
}

absl::StatusOr<std::string> ReadMaps(pid_t pid) {
  errno = 0;
  std::ifstream file(FileOf(pid, "maps"));
  std::string maps{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.is_open() || file.bad()) return ProcessError(pid, errno);
  // A process that has ended but is not waited for has no memory left.
  if (maps.empty()) {
    return absl::NotFoundError(absl::StrCat("process ", pid, " has ended, or is the kernel's"));
  }
  return maps;
}

}  // namespace

std::vector<MappedObject> ObjectsInMaps(const std::string& maps) {
  std::vector<MappedObject> objects;
  std::set<std::string> seen;
  for (const std::string_view line : absl::StrSplit(maps, '\n')) {
    std::optional<MappedObject> object = ParseMapsLine(line);
    if (object && seen.insert(object->path).second) objects.push_back(*std::move(object));
  }
  std::stable_partition(objects.begin(), objects.end(), IsLikely);
  return objects;
}

absl::Status CheckLayout(const HeapLayout& layout) {
  if (std::memcmp(layout.magic, HeapLayout::kMagic, sizeof(layout.magic)) != 0) {
    return absl::DataLossError("what it calls hz3's heap is none");
  }
  if (layout.version != HeapLayout::kVersion || layout.bytes != sizeof(HeapLayout)) {
    return absl::FailedPreconditionError(absl::StrCat("its hz3 is another version: heap layout ",
                                                      layout.version, ", this tool reads ",
                                                      HeapLayout::kVersion));
  }
  return absl::OkStatus();
}

absl::StatusOr<LocatedHeap> LocateHeap(const RemoteMemory& memory) {
  const pid_t pid = memory.pid();
  const absl::StatusOr<std::string> maps = ReadMaps(pid);
  if (!maps.ok()) return maps.status();
  for (const MappedObject& object : ObjectsInMaps(*maps)) {
    const auto symbol = FindElfSymbol(PathFromOutside(pid, object.path), HZ3_HEAP_LAYOUT_SYMBOL);
    if (!symbol) continue;
    const auto layout = memory.Get<HeapLayout>(object.start - symbol->first_load + symbol->value);
    if (!layout.ok()) return layout.status();
    if (absl::Status status = CheckLayout(*layout); !status.ok()) {
      return absl::Status(status.code(), absl::StrCat("process ", pid, ": ", status.message()));
    }
    return LocatedHeap{*layout, object.path};
  }
  return absl::FailedPreconditionError(
      absl::StrCat("process ", pid, " does not run hz3 (or it is linked in and stripped)"));
}

}  // namespace hz3::tool
