// Listing: what a function of a shared library does when nothing misses, as objdump shows it: the
// instructions from its entry to its first return, without addresses.
#ifndef TESTING_HOT_PATH_LISTING_H_
#define TESTING_HOT_PATH_LISTING_H_

#include <string>
#include <string_view>
#include <vector>

namespace hz3 {

// One line for each instruction. Operands relative to the program counter read `data(%rip)`, jumps
// out of the function `slow`. From the output of `objdump -d --no-show-raw-insn` for one function.
std::vector<std::string> HitPath(std::string_view disassembly);

// Whether the instruction calls something or is an atomic read-modify-write.
bool IsCall(std::string_view instruction);
bool IsAtomic(std::string_view instruction);

// Of a file with one section for each function, `name:` and its lines: that of `name`.
std::vector<std::string> GoldenLines(std::string_view file, std::string_view name);

}  // namespace hz3

#endif  // TESTING_HOT_PATH_LISTING_H_
