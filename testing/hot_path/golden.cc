#include "testing/hot_path/golden.h"

#include "bench/lib/subprocess.h"

namespace hz3 {

bool HasObjdump() {
  return bench::RunCommand({.argv = {"objdump", "--version"}}).end ==
         bench::RunResult::End::kExited;
}

std::string Disassembly(const std::string& library, const std::string& function,
                        std::string* failure) {
  const bench::RunResult result = bench::RunCommand(
      {.argv = {"objdump", "-d", "--no-show-raw-insn", "--disassemble=" + function, library}});
  if (!result.Succeeded()) *failure = "objdump: " + result.WhyFailed();
  return result.out;
}

std::string GoldenFile(const std::string& library_bytes) {
  const auto holds = [&](const char* text) {
    return library_bytes.find(text) != std::string::npos;
  };
  if (holds("clang version 14.")) return "clang14.txt";
  if (holds("clang version")) return "";
  return holds("GCC: (Debian 12.") ? "gcc12.txt" : "";
}

std::string GoldenText(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += "  " + line + "\n";
  return text;
}

}  // namespace hz3
