// Recording: views of a heap over time, as a file of JSON lines. The first line is about the
// recording, each further one a sample with the tiles that have changed, the last one says that the
// file is whole. docs/hz3_command.md describes the fields.
#ifndef TOOLS_HZ3_RECORDING_H_
#define TOOLS_HZ3_RECORDING_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "tools/hz3/heap_view.h"

namespace hz3::tool {

using Json = nlohmann::json;

inline constexpr int kRecordingVersion = 1;

struct RecordingInfo {
  std::string program;
  int pid = 0;
  std::string started;  // date and time, UTC
  int interval_ms = 0;
};

Json RecordingHeader(const RecordingInfo& info);
// About the heap; the same for all samples.
Json HeapHeader(const HeapView& view);

// Makes the samples of one recording, one after the other.
class Sampler {
 public:
  // `seconds` since the beginning.
  Json Sample(const HeapView& view, const Residency& residency, double seconds);

 private:
  std::map<uint32_t, Tile> tiles_;  // of the sample before
  uint64_t peak_used_ = 0;
};

Json RecordingEnd(size_t samples, const std::string& ending);

// A whole recording as one object: the members of its header, "samples", "ending", "partial".
// Fails with one line, which names the file, when it is no recording, is broken, or was cut off and
// `partial` does not allow that.
absl::StatusOr<Json> ParseRecording(const std::string& name, const std::string& text, bool partial);

// Whether the text begins like a recording.
bool LooksLikeRecording(const std::string& text);

}  // namespace hz3::tool

#endif  // TOOLS_HZ3_RECORDING_H_
