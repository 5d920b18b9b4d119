#include "bench/real/real_row.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "bench/lib/json_writer.h"

namespace hz3::bench {
namespace {

// A program may be linked to an allocator of its own, as redis-server is to jemalloc: first in the
// loader's order, the C library provides malloc there too.
constexpr char kLibc[] = "libc.so.6";

constexpr char kLoaderWarning[] = "from LD_PRELOAD cannot be preloaded";

bool IsInPath(const std::string& program) {
  const char* variable = std::getenv("PATH");
  std::string_view path = variable == nullptr ? "" : variable;
  while (!path.empty()) {
    const size_t end = std::min(path.find(':'), path.size());
    const std::string file = std::string(path.substr(0, end)) + "/" + program;
    if (access(file.c_str(), X_OK) == 0) return true;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return false;
}

}  // namespace

std::string MissingProgram(const RealRow& row) {
  const auto missing = std::find_if_not(row.programs.begin(), row.programs.end(), IsInPath);
  return missing == row.programs.end() ? "" : *missing;
}

int Scaled(const RealPlace& place, int count) {
  return std::max(1, static_cast<int>(place.scale * count));
}

bool WriteIn(const RealPlace& place, const std::string& name, std::string_view text) {
  return WriteFile(place.directory + "/" + name, text);
}

Command CommandIn(const RealPlace& place, std::vector<std::string> argv) {
  return {.argv = std::move(argv),
          .env = {{"LC_ALL", "C"},
                  {"LD_PRELOAD", ""},
                  {"HOME", place.directory},
                  {"GIT_CONFIG_NOSYSTEM", "1"},
                  {"PYTHONHASHSEED", "1"},
                  {"PERL_HASH_SEED", "1"}},
          .timeout_s = place.timeout_s,
          .max_rss_bytes = place.max_rss_bytes,
          .directory = place.directory,
          .cancel = place.cancel};
}

std::string PrepareWith(const RealPlace& place, std::vector<std::string> argv) {
  const RunResult run = RunCommand(CommandIn(place, std::move(argv)));
  return run.Succeeded() ? "" : run.WhyFailed();
}

RealResult MeasureUnder(const std::string& preload, Command command) {
  command.env.emplace_back("LD_PRELOAD", preload.empty() ? kLibc : preload);
  const RunResult run = RunCommand(command);
  RealResult result = {run.wall_s, run.user_s + run.sys_s, run.max_rss_bytes, ""};
  if (!run.Succeeded()) {
    result.failure = run.WhyFailed();
  } else if (run.err.find(kLoaderWarning) != std::string::npos) {
    result.failure = "not preloaded: " + run.err.substr(0, run.err.find('\n'));
  }
  return result;
}

RealRow MakeFileRow(FileRow row) {
  const auto shared = std::make_shared<const FileRow>(std::move(row));
  return {.name = shared->name,
          .help = shared->help,
          .programs = {shared->argv[0]},
          .prepare = [shared](const RealPlace& place) -> std::string {
            const bool written = WriteIn(place, shared->file, shared->text(place));
            return written ? "" : "cannot write " + shared->file;
          },
          .run =
              [shared](const RealPlace& place, const std::string& preload) {
                Command command = CommandIn(place, shared->argv);
                command.env.insert(command.env.end(), shared->env.begin(), shared->env.end());
                return MeasureUnder(preload, std::move(command));
              }};
}

}  // namespace hz3::bench
