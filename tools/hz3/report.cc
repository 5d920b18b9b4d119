#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "tools/hz3/commands.h"
#include "tools/hz3/gate_json.h"
#include "tools/hz3/page.h"
#include "tools/hz3/pprof_reader.h"
#include "tools/hz3/profile_json.h"
#include "tools/hz3/recording.h"

namespace hz3::tool {
namespace {

constexpr char kName[] = "report";

absl::StatusOr<std::string> ReadTextFile(const std::string& path) {
  std::error_code error;
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) return absl::NotFoundError("cannot read " + path);
  if (std::filesystem::is_directory(path, error)) {
    return absl::InvalidArgumentError(path + " is a folder");
  }
  return std::string{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

absl::Status AddFile(const std::string& path, bool must_be_gate, PageData* data) {
  const auto text = ReadTextFile(path);
  if (!text.ok()) return text.status();
  if (!must_be_gate && LooksLikeRecording(*text)) {
    auto recording = ParseRecording(path, *text, absl::GetFlag(FLAGS_partial));
    if (!recording.ok()) return recording.status();
    data->recordings.push_back(*std::move(recording));
    return absl::OkStatus();
  }
  if (!must_be_gate && LooksLikeGzip(*text)) {
    auto profile = ParseProfile(path, *text);
    if (!profile.ok()) return profile.status();
    data->profiles.push_back(*std::move(profile));
    return absl::OkStatus();
  }
  auto gate = ParseGate(path, *text);
  if (!gate.ok()) return gate.status();
  data->gates.push_back(*std::move(gate));
  return absl::OkStatus();
}

}  // namespace

int ReportCommand(const CommandLine& line, std::string_view) {
  PageData data;
  data.title = "hz3 report";
  if (line.words.empty() && line.gates.empty()) {
    return Fail(kName, absl::InvalidArgumentError("there is no file to report on"));
  }
  for (const std::string& path : line.gates) {
    if (absl::Status s = AddFile(path, true, &data); !s.ok()) return Fail(kName, s);
  }
  for (const std::string& path : line.words) {
    if (absl::Status s = AddFile(path, false, &data); !s.ok()) return Fail(kName, s);
  }
  const std::string output = absl::GetFlag(FLAGS_output);
  const std::string path = output.empty() ? "hz3.html" : output;
  if (absl::Status s = WriteTextFile(path, PageHtml(data)); !s.ok()) return Fail(kName, s);
  std::printf("hz3 report: wrote %s\n", path.c_str());
  return 0;
}

}  // namespace hz3::tool
