// Page: the one HTML page of `hz3 map --html` and `hz3 report`, complete in itself: style, scripts,
// the charting library and the data are all in it.
#ifndef TOOLS_HZ3_PAGE_H_
#define TOOLS_HZ3_PAGE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "nlohmann/json.hpp"

namespace hz3::tool {

struct PageData {
  std::string title;
  std::vector<nlohmann::json> recordings;  // of ParseRecording, or of one sample
  std::vector<nlohmann::json> gates;       // of ParseGate, oldest first
  std::vector<nlohmann::json> profiles = {};  // of ParseProfile
};

std::string PageHtml(const PageData& data);

// Writes the text to the file, or says why not.
absl::Status WriteTextFile(const std::string& path, const std::string& text);

}  // namespace hz3::tool

#endif  // TOOLS_HZ3_PAGE_H_
