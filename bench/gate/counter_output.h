// What the tools that count instructions wrote: callgrind (of valgrind) and perf. Pure functions.
#ifndef BENCH_GATE_COUNTER_OUTPUT_H_
#define BENCH_GATE_COUNTER_OUTPUT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hz3::gate {

// Instructions of the whole program; nothing when the text has no such line.
std::optional<uint64_t> AllInstructions(std::string_view text);

// Instructions executed inside the object files of this name (no path), without what they called.
uint64_t InstructionsInside(std::string_view text, std::string_view object);

// The count of a line of `perf stat -x, -e instructions:u`; nothing when there is none, as on
// machines whose kernel or hypervisor offers no counter.
std::optional<uint64_t> PerfInstructions(std::string_view text);

}  // namespace hz3::gate

#endif  // BENCH_GATE_COUNTER_OUTPUT_H_
