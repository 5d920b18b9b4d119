// Any bytes as a recording or as tables of the gate: they are refused with one line, or become a
// page that their texts cannot break out of.

#include <cstdint>
#include <string>

#include "testing/fuzz/fuzz_input.h"
#include "tools/hz3/gate_json.h"
#include "tools/hz3/page.h"
#include "tools/hz3/recording.h"

namespace hz3::tool {
namespace {

using fuzz::Require;

size_t CountOf(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

void CheckPage(const PageData& data) {
  static const size_t kScripts = CountOf(PageHtml({}), "</script");
  Require(CountOf(PageHtml(data), "</script") == kScripts, "data ends no script");
}

void CheckRefusal(const absl::Status& status) {
  Require(!status.message().empty(), "what is refused has its reason");
  Require(status.message().find('\n') == std::string::npos, "the reason is one line");
}

void Read(const std::string& text) {
  PageData data;
  for (const bool partial : {false, true}) {
    const absl::StatusOr<Json> recording = ParseRecording("fuzz", text, partial);
    if (recording.ok()) {
      data.recordings.push_back(*recording);
    } else {
      CheckRefusal(recording.status());
    }
  }
  const absl::StatusOr<Json> gate = ParseGate("fuzz", text);
  if (gate.ok()) {
    data.gates.push_back(*gate);
  } else {
    CheckRefusal(gate.status());
  }
  CheckPage(data);
}

}  // namespace
}  // namespace hz3::tool

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hz3::tool::Read(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
