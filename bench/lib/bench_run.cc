#include "bench/lib/bench_run.h"

#include <utility>

namespace hz3::bench {
namespace {

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool RanUnder(const Allocator& allocator, const ReportFields& fields) {
  return allocator.preload.empty() || fields.Text("malloc") == BaseName(allocator.preload);
}

}  // namespace

BenchRun RunBench(const Allocator& allocator, Command command) {
  command.env.emplace_back("LD_PRELOAD", allocator.preload);
  const RunResult run = RunCommand(command);
  BenchRun result = {ReportFields(run.out), run.wall_s, ""};
  if (!run.Succeeded()) {
    result.failure = run.WhyFailed();
  } else if (!RanUnder(allocator, result.fields)) {
    result.failure = "not preloaded: " + run.err.substr(0, run.err.find('\n'));
  }
  return result;
}

}  // namespace hz3::bench
