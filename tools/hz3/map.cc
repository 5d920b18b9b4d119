#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/lib/stats.h"
#include "tools/hz3/commands.h"
#include "tools/hz3/heap_view.h"
#include "tools/hz3/page.h"
#include "tools/hz3/process_info.h"
#include "tools/hz3/recording.h"
#include "tools/hz3/text_map.h"

namespace hz3::tool {
namespace {

constexpr char kName[] = "map";

std::string Heading(pid_t pid, const HeapView& view) {
  return absl::StrFormat("%s (process %d), hz3 lane %s: %s live in %u segments, %s committed\n\n",
                         ProgramOf(pid), pid, view.lane,
                         bench::HumanBytes(static_cast<double>(view.occupancy.live())),
                         view.tiles.size(), bench::HumanBytes(static_cast<double>(view.committed)));
}

absl::Status WritePage(pid_t pid, const HeapView& view, const std::string& path) {
  Json recording = RecordingHeader({ProgramOf(pid), pid, UtcNow(), 0});
  recording.update(HeapHeader(view));
  recording["samples"] = Json::array({Sampler().Sample(view, ReadResidency(pid), 0)});
  recording["partial"] = false;
  const std::string title = absl::StrCat("Heap of ", ProgramOf(pid), " (", pid, ")");
  return WriteTextFile(path, PageHtml({title, {recording}, {}}));
}

int Draw(pid_t pid, const HeapView& view) {
  const auto color = UseColor();
  if (!color.ok()) return Fail(kName, color.status());
  const int tiles = absl::GetFlag(FLAGS_tiles);
  if (tiles < 0) return Fail(kName, absl::InvalidArgumentError("--tiles must not be negative"));
  std::fputs(Heading(pid, view).c_str(), stdout);
  const TextMapOptions options = {*color, TerminalColumns(), static_cast<size_t>(tiles)};
  std::fputs(TextMap(view, options).c_str(), stdout);
  std::fputs(("\n" + OccupancyText(view.occupancy, options.columns)).c_str(), stdout);
  return 0;
}

}  // namespace

int MapCommand(const CommandLine& line, std::string_view) {
  const auto pid = PidOf(line, kName);
  if (!pid.ok()) return Fail(kName, pid.status());
  const RemoteMemory memory(*pid);
  const auto located = LocateHeap(memory);
  if (!located.ok()) return Fail(kName, located.status());
  const auto view = ReadHeap(memory, *located);
  if (!view.ok()) return Fail(kName, view.status());
  const std::string path = absl::GetFlag(FLAGS_html);
  if (path.empty()) return Draw(*pid, *view);
  if (absl::Status s = WritePage(*pid, *view, path); !s.ok()) return Fail(kName, s);
  std::printf("hz3 map: wrote %s\n", path.c_str());
  return 0;
}

}  // namespace hz3::tool
