#include "testing/hot_path/listing.h"

#include <cctype>

namespace hz3 {
namespace {

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

// Blanks become one; what follows '#' or '<' is objdump's comment.
std::string Tidy(std::string_view text) {
  std::string tidy;
  for (const char c : text.substr(0, text.find_first_of("#<"))) {
    const bool blank = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (!blank) {
      tidy += c;
    } else if (!tidy.empty() && tidy.back() != ' ') {
      tidy += ' ';
    }
  }
  while (!tidy.empty() && tidy.back() == ' ') tidy.pop_back();
  return tidy;
}

// "sub 0x1f4a6(%rip),%rax" -> "sub data(%rip),%rax".
std::string WithoutDisplacement(std::string instruction) {
  const size_t rip = instruction.find("(%rip)");
  if (rip == std::string::npos) return instruction;
  const size_t from = instruction.find_last_of(" ,*", rip) + 1;
  return instruction.replace(from, rip - from, "data");
}

std::string Normal(std::string instruction) {
  const bool jump = instruction[0] == 'j';
  if (jump) return instruction.substr(0, instruction.find(' ')) + " slow";
  return WithoutDisplacement(std::move(instruction));
}

bool StartsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

}  // namespace

std::vector<std::string> HitPath(std::string_view disassembly) {
  std::vector<std::string> path;
  for (const std::string_view line : Lines(disassembly)) {
    // "    34a0:\tcmp    $0x8000,%rdi"; the function's own line ends with the colon.
    const size_t colon = line.find(":\t");
    if (colon == std::string_view::npos || line[0] != ' ') continue;
    const std::string instruction = Tidy(line.substr(colon + 2));
    if (instruction.empty()) continue;
    path.push_back(Normal(instruction));
    if (StartsWith(path.back(), "ret")) break;
  }
  return path;
}

bool IsCall(std::string_view instruction) { return StartsWith(instruction, "call"); }

bool IsAtomic(std::string_view instruction) {
  // xchg with memory locks without being told to.
  const bool locks = StartsWith(instruction, "lock ") || StartsWith(instruction, "mfence");
  return locks || (StartsWith(instruction, "xchg") && instruction.find('(') != instruction.npos);
}

std::vector<std::string> GoldenLines(std::string_view file, std::string_view name) {
  std::vector<std::string> lines;
  bool inside = false;
  for (const std::string_view line : Lines(file)) {
    if (!line.empty() && line.back() == ':') {
      inside = line.substr(0, line.size() - 1) == name;
    } else if (inside && !line.empty()) {
      lines.emplace_back(line.substr(line.find_first_not_of(' ')));
    }
  }
  return lines;
}

}  // namespace hz3
