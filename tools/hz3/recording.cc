#include "tools/hz3/recording.h"

#include <algorithm>
#include <initializer_list>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace hz3::tool {
namespace {

constexpr char kMark[] = "hz3_recording";
constexpr size_t kRunFields = 4;
// More than any arena has; a larger number comes from no heap.
constexpr uint64_t kMostSlots = 4u << 20;

Json RunsJson(const Tile& tile) {
  Json runs = Json::array();
  for (const Run& run : tile.runs) {
    runs.push_back(run.pages);
    runs.push_back(static_cast<int>(run.kind));
    runs.push_back(run.tag);
    runs.push_back(run.value);
  }
  return runs;
}

Json OccupancyJson(const Occupancy& o) {
  return {{"live_small", o.live_small},
          {"live_runs", o.live_runs},
          {"live_large", o.live_large},
          {"cached", o.cached},
          {"mail", o.mail},
          {"free_in_spans", o.free_in_spans},
          {"free_dirty", o.free_dirty},
          {"free_clean", o.free_clean}};
}

Json EventsJson(const Events& e) {
  return {{"refills", e.refills},
          {"flushes", e.flushes},
          {"spans_opened", e.spans_opened},
          {"spans_closed", e.spans_closed},
          {"runs_carved", e.runs_carved},
          {"segments_opened", e.segments_opened},
          {"segments_closed", e.segments_closed},
          {"mail_collected", e.mail_collected},
          {"purged_pages", e.purged_pages},
          {"pressure_climbs", e.climbs},
          {"pressure_rescues", e.rescues},
          {"pressure_failures", e.failures},
          {"pressure_broadcasts", e.broadcasts},
          {"pressure_remembered", e.remembered},
          {"pressure_ns", e.pressure_ns},
          {"soft_limit_reliefs", e.reliefs},
          {"os_calls", e.os_calls},
          {"os_ns", e.os_ns}};
}

Json ClassesJson(const HeapView& view) {
  Json classes = Json::array();
  for (size_t tag = 1; tag < view.classes.size(); ++tag) {
    const ClassFigures& c = view.classes[tag];
    if (c.spans > 0) classes.push_back({tag, c.spans, c.free, c.mail, c.cached});
  }
  return classes;
}

// The checks: a page is made from a recording only when its parts are what they should be.

bool HasNumbers(const Json& object, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto member = object.find(name);
    if (member == object.end() || !member->is_number()) return false;
  }
  return true;
}

bool AreNumbers(const Json& array, size_t count) {
  if (!array.is_array() || array.size() != count) return false;
  for (const Json& item : array) {
    if (!item.is_number_unsigned()) return false;
  }
  return true;
}

bool IsRuns(const Json& runs) {
  if (!runs.is_array() || runs.size() % kRunFields != 0 || !AreNumbers(runs, runs.size())) {
    return false;
  }
  uint64_t pages = 0;
  for (size_t i = 0; i < runs.size(); i += kRunFields) {
    const uint64_t n = runs[i].get<uint64_t>();
    if (n > kTilePages || runs[i + 1].get<uint64_t>() >= kPageKinds) return false;
    pages += n;
  }
  return pages == kTilePages;
}

bool IsSlot(const Json& slot) {
  return slot.is_number_unsigned() && slot.get<uint64_t>() < kMostSlots;
}

bool IsTile(const Json& tile) {
  return tile.is_array() && tile.size() == 3 && IsSlot(tile[0]) && tile[1].is_number_unsigned() &&
         IsRuns(tile[2]);
}

template <typename Check>
bool IsArrayOf(const Json& object, const char* name, Check check) {
  const auto array = object.find(name);
  if (array == object.end() || !array->is_array()) return false;
  for (const Json& item : *array) {
    if (!check(item)) return false;
  }
  return true;
}

bool HasObject(const Json& sample, const char* name, std::initializer_list<const char*> numbers) {
  const auto object = sample.find(name);
  return object != sample.end() && object->is_object() && HasNumbers(*object, numbers);
}

bool IsSample(const Json& sample) {
  return HasNumbers(sample, {"t", "rss", "committed", "peak_committed", "peak_used", "limit",
                             "threads", "clean_slots"}) &&
         HasObject(sample, "occupancy",
                   {"live_small", "live_runs", "live_large", "cached", "mail", "free_in_spans",
                    "free_dirty", "free_clean"}) &&
         HasObject(sample, "events",
                   {"refills", "flushes", "pressure_climbs", "pressure_failures",
                    "pressure_broadcasts", "soft_limit_reliefs"}) &&
         IsArrayOf(sample, "classes", [](const Json& c) { return AreNumbers(c, 5); }) &&
         IsArrayOf(sample, "tiles", IsTile) && IsArrayOf(sample, "gone", IsSlot);
}

bool IsHeapHeader(const Json& header) {
  return header.contains("lane") && header["lane"].is_string() && HasNumbers(header, {"shards"}) &&
         IsArrayOf(header, "classes", [](const Json& c) { return AreNumbers(c, 3); });
}

class Loader {
 public:
  explicit Loader(const std::string& name) : name_(name) {}

  absl::StatusOr<Json> Load(const std::string& text, bool partial) {
    const std::vector<std::string_view> lines = absl::StrSplit(text, '\n');
    for (const std::string_view line : lines) {
      ++number_;
      if (line.empty()) continue;
      // What was cut off may end in the middle of its last line.
      const bool may_be_cut = partial && number_ == lines.size() && number_ > 1;
      const Json json = Json::parse(line, nullptr, false);
      if (json.is_discarded() && may_be_cut) break;
      if (ended_) return Broken("something follows after its end");
      if (absl::Status status = Take(json); !status.ok()) return status;
    }
    if (!ended_ && !partial) {
      return absl::DataLossError(absl::StrCat(
          name_, ": the recording was cut off (--partial takes it as far as it goes)"));
    }
    recording_["partial"] = !ended_;
    return recording_;
  }

 private:
  absl::Status Broken(std::string_view why) const {
    return absl::DataLossError(absl::StrCat(name_, ": line ", number_, ": ", why));
  }

  absl::Status Take(const Json& json) {
    if (json.is_discarded() || !json.is_object()) return Broken("this is not JSON of a recording");
    if (recording_.is_null()) return TakeHeader(json);
    if (json.contains("lane")) return TakeHeapHeader(json);
    if (json.contains("end")) return TakeEnd(json);
    if (!IsSample(json) || !has_heap_) return Broken("this is no sample");
    recording_["samples"].push_back(json);
    return absl::OkStatus();
  }

  absl::Status TakeHeader(const Json& json) {
    const auto version = json.find(kMark);
    if (version == json.end()) return Broken("this is no recording of hz3");
    if (*version != kRecordingVersion) {
      return Broken(absl::StrCat("it is of another version (", version->dump(),
                                 "), this tool reads ", kRecordingVersion));
    }
    recording_ = json;
    recording_["samples"] = Json::array();
    return absl::OkStatus();
  }

  absl::Status TakeHeapHeader(const Json& json) {
    if (has_heap_ || !IsHeapHeader(json)) return Broken("this does not describe a heap");
    has_heap_ = true;
    recording_.update(json);
    return absl::OkStatus();
  }

  absl::Status TakeEnd(const Json& json) {
    ended_ = true;
    if (!json.contains("samples") || json["samples"] != recording_["samples"].size()) {
      return Broken("samples are missing");
    }
    recording_["ending"] = json.value("ending", Json());
    return absl::OkStatus();
  }

  const std::string name_;
  size_t number_ = 0;
  bool has_heap_ = false;
  bool ended_ = false;
  Json recording_;
};

}  // namespace

Json RecordingHeader(const RecordingInfo& info) {
  return {{kMark, kRecordingVersion},
          {"program", info.program},
          {"pid", info.pid},
          {"started", info.started},
          {"interval_ms", info.interval_ms}};
}

Json HeapHeader(const HeapView& view) {
  Json classes = Json::array();
  for (const ClassFigures& c : view.classes) classes.push_back({c.size, c.objects, c.pages});
  return {{"lane", view.lane},
          {"shards", view.shards},
          {"base", absl::StrCat("0x", absl::Hex(view.base))},
          {"arena_bytes", view.arena_bytes},
          {"classes", classes}};
}

Json Sampler::Sample(const HeapView& view, const Residency& residency, double seconds) {
  Json tiles = Json::array();
  Json gone = Json::array();
  std::map<uint32_t, Tile> now;
  for (const Tile& tile : view.tiles) {
    const auto before = tiles_.find(tile.slot);
    if (before == tiles_.end() || before->second != tile) {
      tiles.push_back({tile.slot, tile.shard, RunsJson(tile)});
    }
    now.emplace(tile.slot, tile);
  }
  for (const auto& [slot, tile] : tiles_) {
    if (!now.contains(slot)) gone.push_back(slot);
  }
  tiles_ = std::move(now);
  // A look may have seen more than the process itself.
  peak_used_ = std::max(peak_used_, view.peak_used);
  return {{"t", seconds},
          {"rss", residency.now},
          {"committed", view.committed},
          {"peak_committed", view.peak_committed},
          {"peak_used", peak_used_},
          {"limit", view.limit},
          {"threads", view.threads},
          {"clean_slots", view.clean_slots},
          {"occupancy", OccupancyJson(view.occupancy)},
          {"events", EventsJson(view.events)},
          {"classes", ClassesJson(view)},
          {"tiles", tiles},
          {"gone", gone}};
}

Json RecordingEnd(size_t samples, const std::string& ending) {
  return {{"end", true}, {"samples", samples}, {"ending", ending}};
}

absl::StatusOr<Json> ParseRecording(const std::string& name, const std::string& text,
                                    bool partial) {
  if (text.empty()) return absl::DataLossError(name + ": the file is empty");
  return Loader(name).Load(text, partial);
}

bool LooksLikeRecording(const std::string& text) {
  return text.substr(0, text.find('\n')).find(kMark) != std::string::npos;
}

}  // namespace hz3::tool
