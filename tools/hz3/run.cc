#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>

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

// Runs the program to its end; what the folder holds then is from its processes.
absl::StatusOr<ExitReport> RunAndReport(const CommandLine& line, const std::string& library,
                                        int* not_started) {
  const bench::TempDir folder;
  if (folder.path().empty()) {
    return absl::UnavailableError(
        absl::StrCat("cannot make a temporary directory: ", std::strerror(errno)));
  }
  Variables variables = PreloadVariables(library);
  variables.emplace_back("HZ3_STATS_AT_EXIT", folder.path() + "/%p");
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
  return report;
}

}  // namespace

int RunCommand(const CommandLine& line, std::string_view argv0) {
  if (line.program.empty()) return Fail(kName, absl::InvalidArgumentError("there is no program"));
  const auto library = FindLibrary(argv0);
  if (!library.ok()) return Fail(kName, library.status());
  const std::string json_path = absl::GetFlag(FLAGS_json);
  if (!absl::GetFlag(FLAGS_stats) && json_path.empty()) {
    return BecomeProgram(line.program, PreloadVariables(*library));
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
