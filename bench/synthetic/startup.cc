#include "bench/synthetic/startup.h"

#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

namespace hz3::bench {
namespace {

constexpr char kProgram[] = "/bin/true";

bool StartOnce() {
  char program[] = "true";
  char* const argv[] = {program, nullptr};
  pid_t child = 0;
  if (posix_spawn(&child, kProgram, nullptr, nullptr, argv, environ) != 0) return false;
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

rusage ChildrenUsage() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  return usage;
}

double CpuSeconds(const rusage& usage) { return Seconds(usage.ru_utime) + Seconds(usage.ru_stime); }

}  // namespace

SyntheticResult RunStartup(const SyntheticOptions& options) {
  SyntheticResult result;
  const double children_before = CpuSeconds(ChildrenUsage());

  const Stopwatch watch;
  for (uint64_t i = 0; i < options.ops; ++i) {
    if (!StartOnce()) ++result.alloc_failed;
  }
  watch.Stop(&result);

  const rusage children = ChildrenUsage();
  result.ops = options.ops;
  result.cpu_s += CpuSeconds(children) - children_before;
  result.extra.emplace_back("child_peak_rss_bytes", static_cast<double>(children.ru_maxrss) * 1024);
  return result;
}

}  // namespace hz3::bench
