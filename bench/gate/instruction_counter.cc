#include "bench/gate/instruction_counter.h"

#include <fstream>
#include <iterator>
#include <optional>

#include "bench/gate/counter_output.h"
#include "bench/lib/subprocess.h"

namespace hz3::gate {
namespace {

using bench::RunResult;

constexpr double kTimeoutS = 120;
constexpr char kProbe[] = "/bin/true";

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::vector<std::string> Joined(std::vector<std::string> first,
                                const std::vector<std::string>& rest) {
  first.insert(first.end(), rest.begin(), rest.end());
  return first;
}

// Decay looks at the clock, which no two runs read alike.
constexpr std::pair<const char*, const char*> kNoDecay = {"HZ3_DECAY_MS", "never"};

}  // namespace

InstructionCounter::InstructionCounter(const std::string& choice) {
  for (const Tool tool : {Tool::kCallgrind, Tool::kPerf}) {
    tool_ = tool;
    if (choice != "auto" && choice != tool_name()) continue;
    if (Count({kProbe}, "").failure.empty()) return;
  }
  tool_ = Tool::kNone;
}

std::string InstructionCounter::tool_name() const {
  switch (tool_) {
    case Tool::kNone:
      return "none";
    case Tool::kCallgrind:
      return "callgrind";
    case Tool::kPerf:
      return "perf";
  }
  return "";
}

InstructionCount InstructionCounter::Count(const std::vector<std::string>& argv,
                                           const std::string& preload) const {
  switch (tool_) {
    case Tool::kNone:
      return {0, 0, kNoTool};
    case Tool::kCallgrind:
      return CountByCallgrind(argv, preload);
    case Tool::kPerf:
      return CountByPerf(argv, preload);
  }
  return {};
}

InstructionCount InstructionCounter::CountByCallgrind(const std::vector<std::string>& argv,
                                                      const std::string& preload) const {
  const std::string out = directory_.path() + "/callgrind.out";
  const RunResult run = bench::RunCommand(
      {.argv =
           Joined({"valgrind", "--tool=callgrind", "--quiet", "--callgrind-out-file=" + out}, argv),
       .env = {{"LD_PRELOAD", preload}, kNoDecay},
       // A start reads the environment: the caller's would be counted.
       .only_path = true,
       .timeout_s = kTimeoutS});
  if (!run.Succeeded()) return {0, 0, run.WhyFailed()};
  const std::string text = Contents(out);
  const std::optional<uint64_t> all = AllInstructions(text);
  if (!all) return {0, 0, "callgrind wrote no count"};
  const uint64_t inside = preload.empty() ? 0 : InstructionsInside(text, BaseName(preload));
  if (!preload.empty() && inside == 0) return {0, 0, "not preloaded"};
  return {*all, inside};
}

InstructionCount InstructionCounter::CountByPerf(const std::vector<std::string>& argv,
                                                 const std::string& preload) const {
  const std::string out = directory_.path() + "/perf.out";
  // perf itself stays with the C library's malloc; what env executes is the same in each run.
  const RunResult run =
      bench::RunCommand({.argv = Joined({"perf", "stat", "-x,", "-e", "instructions:u", "-o", out,
                                         "--", "env", "LD_PRELOAD=" + preload},
                                        argv),
                         .env = {{"LD_PRELOAD", ""}, kNoDecay},
                         .only_path = true,
                         .timeout_s = kTimeoutS});
  if (!run.Succeeded()) return {0, 0, run.WhyFailed()};
  const std::optional<uint64_t> all = PerfInstructions(Contents(out));
  if (!all) return {0, 0, "perf cannot count instructions here"};
  return {*all, *all};
}

}  // namespace hz3::gate
