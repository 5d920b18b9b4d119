// PprofReader: reads profiles in pprof's format, the message Profile of
// github.com/google/pprof/proto/profile.proto, as far as heap profiles use it. Takes what hz3
// writes: the message itself, or gzipped without compression. Anything else is refused with a
// reason, and no input does harm.
#ifndef TOOLS_HZ3_PPROF_READER_H_
#define TOOLS_HZ3_PPROF_READER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace hz3::tool {

struct PprofMapping {
  uint64_t begin = 0, end = 0, offset = 0;
  std::string file;
  std::string build_id;
};

struct PprofLocation {
  uint64_t address = 0;
  uint64_t mapping = 0;  // 0: none
  std::string function;  // empty where the profile has no name
};

struct PprofSample {
  std::vector<uint64_t> locations;  // innermost first
  std::vector<int64_t> values;      // one a figure
};

struct PprofProfile {
  struct Figure {
    std::string name;
    std::string unit;
  };
  std::vector<Figure> figures;
  std::string default_figure;
  int64_t period = 0;
  std::string drop_frames;
  std::vector<std::string> comments;
  std::map<uint64_t, PprofMapping> mappings;    // by id
  std::map<uint64_t, PprofLocation> locations;  // by id
  std::vector<PprofSample> samples;

  // The figure's place among a sample's values, or -1.
  int FigureIndex(std::string_view name) const;
};

// Whether the file's first bytes are gzip's.
bool LooksLikeGzip(std::string_view file);
absl::StatusOr<PprofProfile> ParsePprof(std::string_view file);

}  // namespace hz3::tool

#endif  // TOOLS_HZ3_PPROF_READER_H_
