#include "bench/lib/tool_flags.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bench/lib/runfiles.h"

namespace hz3::bench {
namespace {

using Error = std::optional<std::string>;

// The value that follows a flag's name, where there is one.
class Values {
 public:
  Values(const std::vector<std::string>& args, size_t* index) : args_(args), index_(*index) {}

  std::optional<std::string> TakeNext() {
    if (index_ + 1 >= args_.size()) return std::nullopt;
    return args_[++index_];
  }

 private:
  const std::vector<std::string>& args_;
  size_t& index_;
};

Error Set(absl::CommandLineFlag* flag, const std::string& value) {
  std::string error;
  if (flag->ParseFrom(value, &error)) return std::nullopt;
  return absl::StrCat("--", flag->Name(), " does not take '", value, "'");
}

Error SetOne(std::string_view arg, Values values) {
  const size_t equals = arg.find('=');
  const std::string name(arg.substr(0, equals));
  absl::CommandLineFlag* flag = absl::FindCommandLineFlag(name);
  if (flag != nullptr && equals != std::string_view::npos) {
    return Set(flag, std::string(arg.substr(equals + 1)));
  }
  if (flag != nullptr && flag->IsOfType<bool>()) return Set(flag, "true");
  if (flag != nullptr) {
    const std::optional<std::string> value = values.TakeNext();
    return value ? Set(flag, *value) : absl::StrCat("--", name, " needs a value");
  }
  if (name.starts_with("no")) {
    flag = absl::FindCommandLineFlag(name.substr(2));
    if (flag != nullptr && flag->IsOfType<bool>()) return Set(flag, "false");
  }
  return absl::StrCat("unknown flag --", name);
}

void PrintHelp(std::string_view program, std::string_view description) {
  std::printf("usage: %.*s [flags]\n%.*s\n%s", static_cast<int>(program.size()), program.data(),
              static_cast<int>(description.size()), description.data(), ToolFlagsHelp().c_str());
}

}  // namespace

std::optional<std::string> SetToolFlags(const std::vector<std::string>& args,
                                        std::vector<std::string>* positionals) {
  for (size_t i = 0; i < args.size(); ++i) {
    if (!args[i].starts_with("--")) {
      positionals->push_back(args[i]);
      continue;
    }
    if (Error error = SetOne(std::string_view(args[i]).substr(2), Values(args, &i))) return error;
  }
  return std::nullopt;
}

std::string ToolFlagsHelp() {
  std::map<std::string, absl::CommandLineFlag*> sorted;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (!absl::StrContains(flag->Filename(), "absl/")) sorted[std::string(name)] = flag;
  }
  std::string text;
  for (const auto& [name, flag] : sorted) {
    std::string term = absl::StrCat("  --", name);
    const std::string initial = flag->DefaultValue();
    if (!flag->IsOfType<bool>() && !initial.empty()) absl::StrAppend(&term, "=", initial);
    term.resize(std::max<size_t>(26, term.size() + 2), ' ');
    absl::StrAppend(&text, term, flag->Help(), "\n");
  }
  return text;
}

void ParseToolFlagsOrExit(int argc, char** argv, std::string_view description) {
  GoWhereUserIs();
  const std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
  const std::string_view path = argc > 0 ? argv[0] : "tool";
  const std::string program(path.substr(path.rfind('/') + 1));
  for (const std::string& arg : args) {
    if (arg != "--help" && arg != "-h") continue;
    PrintHelp(program, description);
    std::exit(0);
  }
  std::vector<std::string> positionals;
  Error error = SetToolFlags(args, &positionals);
  if (!error && !positionals.empty()) error = "unexpected argument '" + positionals[0] + "'";
  if (!error) return;
  std::fprintf(stderr, "%s: %s (see --help)\n", program.c_str(), error->c_str());
  std::exit(2);
}

}  // namespace hz3::bench
