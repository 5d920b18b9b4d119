#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bench/lib/temp_dir.h"
#include "tools/hz3/commands.h"
#include "tools/hz3/exit_report.h"
#include "tools/hz3/launch.h"
#include "tools/hz3/page.h"

namespace hz3::tool {
namespace {

constexpr char kName[] = "run";

absl::Status CheckFolder(const bench::TempDir& folder) {
  if (!folder.path().empty()) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("cannot make a temporary directory: ", std::strerror(errno)));
}

// What the program's environment says about profiles; they go to `folder`, one a process.
Variables ProfileVariables(const std::string& folder) {
  Variables variables;
  const int64_t interval = absl::GetFlag(FLAGS_profile_interval);
  if (!absl::GetFlag(FLAGS_heap_profile).empty()) {
    variables.emplace_back("HZ3_HEAP_PROFILE",
                           absl::StrCat(folder, "/%p", interval > 0 ? ",interval=" : "",
                                        interval > 0 ? absl::StrCat(interval) : ""));
  }
  if (absl::GetFlag(FLAGS_leak_report)) {
    variables.emplace_back("HZ3_LEAK_REPORT", absl::StrCat(std::max<int64_t>(interval, 1)));
  }
  return variables;
}

// The profile of the program's own process goes to where it was asked for.
absl::Status KeepProfile(const std::string& folder, pid_t pid) {
  const std::string target = absl::GetFlag(FLAGS_heap_profile);
  if (target.empty()) return absl::OkStatus();
  std::ifstream file(absl::StrCat(folder, "/", pid), std::ios::binary);
  if (!file.is_open()) {
    return absl::NotFoundError("the program left no heap profile: it ended by a signal or _exit");
  }
  return WriteTextFile(
      target, std::string{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
}

// Runs the program to its end; what the folders hold then is from its processes.
absl::StatusOr<ExitReport> RunAndReport(const CommandLine& line, const std::string& library,
                                        int* not_started) {
  const bench::TempDir folder, profiles;
  for (const bench::TempDir* each : {&folder, &profiles}) {
    if (absl::Status s = CheckFolder(*each); !s.ok()) return s;
  }
  Variables variables = PreloadVariables(library);
  variables.emplace_back("HZ3_STATS_AT_EXIT", folder.path() + "/%p");
  for (auto& variable : ProfileVariables(profiles.path())) variables.push_back(variable);
  const auto start = std::chrono::steady_clock::now();
  const Started started = StartProgram(line.program, variables);
  ExitReport report;
  if (started.pid < 0) {
    *not_started = started.exit_code;
    return report;
  }
  {
    const SignalForwarder forwarder(started.pid);
    report.ending = AwaitEnd(started.pid);
  }
  report.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  report.program = absl::StrJoin(line.program, " ");
  ReadFigures(folder.path(), started.pid, &report);
  if (absl::Status s = KeepProfile(profiles.path(), started.pid); !s.ok()) Fail(kName, s);
  return report;
}

}  // namespace

int RunCommand(const CommandLine& line, std::string_view argv0) {
  if (line.program.empty()) return Fail(kName, absl::InvalidArgumentError("there is no program"));
  const auto library = FindLibrary(argv0);
  if (!library.ok()) return Fail(kName, library.status());
  if (absl::GetFlag(FLAGS_profile_interval) < 0) {
    return Fail(kName, absl::InvalidArgumentError("--profile_interval must not be negative"));
  }
  const std::string json_path = absl::GetFlag(FLAGS_json);
  if (!absl::GetFlag(FLAGS_stats) && json_path.empty() &&
      absl::GetFlag(FLAGS_heap_profile).empty()) {
    Variables variables = PreloadVariables(*library);
    for (auto& variable : ProfileVariables("")) variables.push_back(variable);
    return BecomeProgram(line.program, variables);
  }
  int not_started = 0;
  const auto report = RunAndReport(line, *library, &not_started);
  if (!report.ok()) return Fail(kName, report.status());
  if (not_started != 0) return not_started;
  if (absl::GetFlag(FLAGS_stats)) std::fputs(ExitReportText(*report).c_str(), stderr);
  if (!json_path.empty()) {
    const std::string json =
        ExitReportJson(*report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
    // The program's own result is worth more than ours.
    if (absl::Status s = WriteTextFile(json_path, json + "\n"); !s.ok()) Fail(kName, s);
  }
  EndLike(report->ending);
}

}  // namespace hz3::tool
