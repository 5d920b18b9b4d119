#include "tools/hz3/flags.h"

#include <unistd.h>

#include <algorithm>
#include <optional>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bench/lib/tool_flags.h"

ABSL_FLAG(std::string, lane, "scale", "of hz3: scale (many threads), fast (few) or hardened");
ABSL_FLAG(std::string, library, "", "this hz3 library instead of the one that came with the tool");
ABSL_FLAG(bool, stats, false, "print what the program needed of memory when it has ended");
ABSL_FLAG(std::string, json, "", "write the same as JSON to this file");
ABSL_FLAG(std::string, heap_profile, "", "write a heap profile to this file when the program ends");
ABSL_FLAG(bool, leak_report, false, "print by call site what was not freed when the program ends");
ABSL_FLAG(int64_t, profile_interval, 0,
          "bytes between two sampled blocks, 1 for every block; 0: 524288, leak_report: 1");
ABSL_FLAG(std::string, color, "auto", "auto (on a terminal), always or never");
ABSL_FLAG(int32_t, interval_ms, 0, "between two looks; 0: 1000 for top, 100 for record");
ABSL_FLAG(int32_t, iterations, 0, "stop after so many looks; 0: when the process ends");
ABSL_FLAG(int32_t, tiles, 8, "most segments to draw in the terminal; 0: all");
ABSL_FLAG(std::string, html, "", "write the map as one HTML page to this file instead");
ABSL_FLAG(std::string, output, "", "-o: the file to write; empty: hz3.jsonl, report: hz3.html");
ABSL_FLAG(int32_t, pid, 0, "record this process, which runs already");
ABSL_FLAG(double, duration_s, 0, "stop recording after this time; 0: when the process ends");
ABSL_FLAG(std::string, gate, "", "a JSON file of the gate or of bench:peers; may be repeated");
ABSL_FLAG(bool, partial, false, "take a recording that was cut off as far as it goes");

namespace hz3::tool {
namespace {

using absl::InvalidArgumentError;
using absl::StrCat;

// A flag on the command line, as --name or --name=value.
struct FlagWord {
  std::string name;
  std::optional<std::string> value;
};

FlagWord Split(std::string_view word) {
  word.remove_prefix(2);
  const size_t equals = word.find('=');
  if (equals == std::string_view::npos) return {std::string(word), std::nullopt};
  return {std::string(word.substr(0, equals)), std::string(word.substr(equals + 1))};
}

bool IsBool(const std::string& name) {
  const absl::CommandLineFlag* flag = absl::FindCommandLineFlag(name);
  return flag != nullptr && flag->IsOfType<bool>();
}

bool IsNegated(const std::string& name) { return name.starts_with("no") && IsBool(name.substr(2)); }

class Parser {
 public:
  Parser(const std::vector<std::string>& args, const std::vector<std::string_view>& names,
         bool takes_program)
      : args_(args), names_(names), takes_program_(takes_program) {}

  absl::StatusOr<CommandLine> Parse() {
    for (at_ = 0; at_ < args_.size(); ++at_) {
      const std::string& arg = args_[at_];
      if (arg == "-h" || arg == "--help") {
        line_.help = true;
        return line_;
      }
      if (takes_program_ && (arg == "--" || !arg.starts_with("-"))) {
        const auto first = static_cast<std::ptrdiff_t>(arg == "--" ? at_ + 1 : at_);
        line_.program.assign(args_.begin() + first, args_.end());
        break;
      }
      if (absl::Status status = ParseOne(arg); !status.ok()) return status;
    }
    std::vector<std::string> none;
    if (const auto error = bench::SetToolFlags(flags_, &none)) return InvalidArgumentError(*error);
    return line_;
  }

 private:
  absl::Status ParseOne(const std::string& arg) {
    if (arg == "-o") return ParseFlag({"output", std::nullopt});
    if (arg.starts_with("--")) return ParseFlag(Split(arg));
    if (arg.starts_with("-") && arg != "-") return InvalidArgumentError("unknown flag " + arg);
    line_.words.push_back(arg);
    return absl::OkStatus();
  }

  absl::Status ParseFlag(FlagWord word) {
    const std::string name = IsNegated(word.name) ? word.name.substr(2) : word.name;
    if (std::find(names_.begin(), names_.end(), name) == names_.end()) {
      return InvalidArgumentError(StrCat("unknown flag --", word.name));
    }
    if (!word.value && !IsBool(name)) {
      if (at_ + 1 >= args_.size())
        return InvalidArgumentError(StrCat("--", name, " needs a value"));
      word.value = args_[++at_];
    }
    if (name == "gate") {
      line_.gates.push_back(*word.value);
    } else {
      flags_.push_back(word.value ? StrCat("--", word.name, "=", *word.value)
                                  : StrCat("--", word.name));
    }
    return absl::OkStatus();
  }

  const std::vector<std::string>& args_;
  const std::vector<std::string_view>& names_;
  const bool takes_program_;
  size_t at_ = 0;
  CommandLine line_;
  std::vector<std::string> flags_;
};

}  // namespace

absl::StatusOr<CommandLine> ReadCommandLine(const std::vector<std::string>& args,
                                            const std::vector<std::string_view>& names,
                                            bool takes_program) {
  return Parser(args, names, takes_program).Parse();
}

std::string FlagsHelp(const std::vector<std::string_view>& names) {
  std::string text;
  for (const std::string_view name : names) {
    const absl::CommandLineFlag* flag = absl::FindCommandLineFlag(name);
    std::string term = StrCat("  --", name);
    const std::string initial = flag->DefaultValue();
    if (!flag->IsOfType<bool>() && !initial.empty()) absl::StrAppend(&term, "=", initial);
    term.resize(std::max<size_t>(22, term.size() + 2), ' ');
    absl::StrAppend(&text, term, flag->Help(), "\n");
  }
  return text;
}

absl::StatusOr<int> IntervalMs() {
  const int interval = absl::GetFlag(FLAGS_interval_ms);
  if (interval < 0 || interval > 3'600'000) {
    return InvalidArgumentError("--interval_ms must be 1..3600000");
  }
  return interval;
}

absl::StatusOr<bool> UseColor() {
  const std::string color = absl::GetFlag(FLAGS_color);
  if (color == "always") return true;
  if (color == "never") return false;
  if (color == "auto") return isatty(STDOUT_FILENO) != 0;
  return InvalidArgumentError("--color is auto, always or never, not '" + color + "'");
}

absl::StatusOr<int> PidOf(const CommandLine& line, std::string_view command) {
  int pid;
  if (line.words.size() != 1) return InvalidArgumentError(StrCat(command, " takes one process id"));
  if (!absl::SimpleAtoi(line.words[0], &pid) || pid <= 0) {
    return InvalidArgumentError(StrCat("'", line.words[0], "' is no process id"));
  }
  return pid;
}

}  // namespace hz3::tool
