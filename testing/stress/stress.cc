// Stress: everything that programs do to malloc, at random, for as long as is asked. Each act runs
// in a process of its own; one that fails or hangs is reported with the command that repeats it.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "bench/lib/runfiles.h"
#include "bench/lib/tool_flags.h"
#include "testing/lib/allocator_under_test.h"
#include "testing/lib/subprocess.h"
#include "testing/stress/act.h"

ABSL_FLAG(double, minutes, 1, "how long; hours are 60 of them. At least one round of all acts");
ABSL_FLAG(unsigned, threads, 8, "threads that allocate at once in an act, 1 to 256");
ABSL_FLAG(uint64_t, seed, 1, "of the first round; each act's own is printed when it fails");
ABSL_FLAG(double, seconds, 5, "how long each act takes");
ABSL_FLAG(unsigned, forks, 500, "forks in each act of them");
ABSL_FLAG(std::string, only, "", "acts to run, separated by commas; empty: all");
ABSL_FLAG(std::string, act, "", "runs this act alone, in this process");
ABSL_FLAG(std::string, plugin, "", "the library that the act dlopen loads; empty: the built one");

namespace hz3::stress {
namespace {

// What an act needs beyond its time, on a machine that does something else too.
constexpr std::chrono::seconds kGrace{180};

ActOptions OptionsFromFlags() {
  ActOptions options;
  options.seed = absl::GetFlag(FLAGS_seed);
  options.threads = absl::GetFlag(FLAGS_threads);
  options.seconds = absl::GetFlag(FLAGS_seconds);
  options.forks = absl::GetFlag(FLAGS_forks);
  options.plugin = absl::GetFlag(FLAGS_plugin);
  return options;
}

[[noreturn]] void Refuse(const std::string& why) {
  std::fprintf(stderr, "stress: %s\n", why.c_str());
  std::exit(2);
}

const Act* FindAct(const std::string& name) {
  for (const Act& act : Acts()) {
    if (name == act.name) return &act;
  }
  return nullptr;
}

std::string ActNames() {
  std::vector<std::string> names;
  for (const Act& act : Acts()) names.emplace_back(act.name);
  return absl::StrJoin(names, ", ");
}

std::vector<const Act*> ChosenActs() {
  std::vector<const Act*> chosen;
  const std::string only = absl::GetFlag(FLAGS_only);
  if (only.empty()) {
    for (const Act& act : Acts()) chosen.push_back(&act);
    return chosen;
  }
  for (const std::string_view part : absl::StrSplit(only, ',')) {
    const std::string name(part);
    chosen.push_back(FindAct(name));
    if (chosen.back() == nullptr) {
      Refuse(absl::StrCat("there is no act '", name, "'; there are: ", ActNames()));
    }
  }
  return chosen;
}

int RunHere(const std::string& name, const ActOptions& options) {
  if (name == "exit_once") ExitOnce(options);
  const Act* act = FindAct(name);
  if (act == nullptr) Refuse(absl::StrCat("there is no act '", name, "'; there are: ", ActNames()));
  TimeIsUp(options);  // the clock starts
  act->run(options);
  return 0;
}

// Runs the act in a process; false when something was wrong.
bool RunApart(const Act& act, const ActOptions& options) {
  char self[4096];
  const ssize_t length = readlink("/proc/self/exe", self, sizeof(self));
  const std::vector<std::string> command = {
      std::string(self, static_cast<size_t>(std::max<ssize_t>(length, 0))),
      absl::StrCat("--act=", act.name),
      absl::StrCat("--seed=", options.seed),
      absl::StrCat("--threads=", options.threads),
      absl::StrCat("--seconds=", options.seconds),
      absl::StrCat("--forks=", options.forks),
      absl::StrCat("--plugin=", options.plugin)};
  testlib::RunOptions run_options;
  run_options.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(
                            std::chrono::duration<double>(options.seconds)) +
                        kGrace;
  const auto start = std::chrono::steady_clock::now();
  const testlib::RunResult result = testlib::RunProgram(command, run_options);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("%-8s seed %llu, %5.1f s: %s\n", act.name,
              static_cast<unsigned long long>(options.seed), took.count(),
              result.ok() ? "well" : "FAILED");
  if (!result.ok()) {
    std::printf("  %s\n  exit code %d, signal %d%s\n  repeat with: %s\n", result.err.c_str(),
                result.exit_code, result.signal, result.timed_out ? ", it hung" : "",
                absl::StrJoin(command, " ").c_str());
  }
  std::fflush(stdout);
  return result.ok();
}

int RunRounds(ActOptions options) {
  const std::vector<const Act*> acts = ChosenActs();
  const std::chrono::duration<double> wanted(absl::GetFlag(FLAGS_minutes) * 60);
  const auto start = std::chrono::steady_clock::now();
  unsigned runs = 0;
  unsigned failed = 0;
  do {
    for (const Act* act : acts) {
      ++runs;
      failed += RunApart(*act, options) ? 0 : 1;
    }
    ++options.seed;
  } while (std::chrono::steady_clock::now() - start < wanted);
  std::printf("stress: %u of %u acts well, lane %s\n", runs - failed, runs,
              testlib::OnHz3() ? testlib::Hz3Lane() : "none: not on hz3");
  return failed == 0 ? 0 : 1;
}

int Main(int argc, char** argv) {
  std::string help = "Stresses the allocator it is linked with. The acts:\n";
  for (const Act& act : Acts()) absl::StrAppend(&help, "  ", act.name, ": ", act.what, "\n");
  bench::ParseToolFlagsOrExit(argc, argv, help);
  ActOptions options = OptionsFromFlags();
  if (options.threads < 1 || options.threads > 256) Refuse("--threads must be from 1 to 256");
  if (options.plugin.empty())
    options.plugin = bench::FindRunfile(argv[0], "testing/stress/libplugin.so");
  const std::string act = absl::GetFlag(FLAGS_act);
  return act.empty() ? RunRounds(options) : RunHere(act, options);
}

}  // namespace
}  // namespace hz3::stress

int main(int argc, char** argv) { return hz3::stress::Main(argc, argv); }
