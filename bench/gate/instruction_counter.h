// InstructionCounter: how many instructions a program executes in user mode, by whichever tool the
// machine has: callgrind (of valgrind), which is exact, or perf, where the machine's counters can
// be had. Counts of different tools cannot be compared. Not thread-safe.
#ifndef BENCH_GATE_INSTRUCTION_COUNTER_H_
#define BENCH_GATE_INSTRUCTION_COUNTER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "bench/lib/temp_dir.h"

namespace hz3::gate {

struct InstructionCount {
  uint64_t all = 0;
  // Inside the preloaded library; the same as `all` from a tool that cannot tell.
  uint64_t inside = 0;
  std::string failure = {};  // the numbers mean nothing then
};

class InstructionCounter {
 public:
  enum class Tool { kNone, kCallgrind, kPerf };

  // "auto": the first that works here; "callgrind" or "perf": that one, or none.
  explicit InstructionCounter(const std::string& choice);

  static constexpr char kNoTool[] = "there is neither callgrind nor a working perf";

  Tool tool() const { return tool_; }
  bool works() const { return tool_ != Tool::kNone; }
  std::string tool_name() const;

  // Runs `argv` (argv[0] a path) with this library preloaded; none for an empty path.
  InstructionCount Count(const std::vector<std::string>& argv, const std::string& preload) const;

 private:
  InstructionCount CountByCallgrind(const std::vector<std::string>& argv,
                                    const std::string& preload) const;
  InstructionCount CountByPerf(const std::vector<std::string>& argv,
                               const std::string& preload) const;

  Tool tool_ = Tool::kNone;
  bench::TempDir directory_;
};

}  // namespace hz3::gate

#endif  // BENCH_GATE_INSTRUCTION_COUNTER_H_
