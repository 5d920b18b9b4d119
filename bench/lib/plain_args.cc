#include "bench/lib/plain_args.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace hz3::bench {
namespace {

std::optional<std::string> ParseNumber(std::string_view name, std::string_view text, Range range,
                                       uint64_t* target) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  if (!is_number || value < range.min || value > range.max) {
    return std::string(name) + " must be a number from " + std::to_string(range.min) + " to " +
           std::to_string(range.max) + ", not '" + std::string(text) + "'";
  }
  *target = value;
  return std::nullopt;
}

std::string Join(const std::vector<std::string>& words, std::string_view separator) {
  std::string joined;
  for (const std::string& word : words) {
    if (!joined.empty()) joined += separator;
    joined += word;
  }
  return joined;
}

std::string HelpLine(std::string term, std::string_view help) {
  constexpr size_t kColumn = 26;
  term.insert(0, "  ");
  term.resize(std::max(kColumn, term.size() + 2), ' ');
  return term + std::string(help) + "\n";
}

}  // namespace

void PlainArgs::Required(std::string name, std::string help, Range range, uint64_t* target) {
  positionals_.push_back({std::move(name), std::move(help), range, target, true});
}

void PlainArgs::Optional(std::string name, std::string help, Range range, uint64_t* target) {
  positionals_.push_back({std::move(name), std::move(help), range, target, false});
}

void PlainArgs::Switch(std::string name, std::string help, bool* target) {
  flags_.push_back({std::move(name), std::move(help), target});
}

void PlainArgs::Number(std::string name, std::string help, Range range, uint64_t* target) {
  flags_.push_back({std::move(name), std::move(help), NumberFlag{range, target}});
}

void PlainArgs::Text(std::string name, std::string help, std::string* target) {
  flags_.push_back({std::move(name), std::move(help), target});
}

void PlainArgs::Choice(std::string name, std::string help, std::vector<std::string> choices,
                       std::string* target) {
  flags_.push_back({std::move(name), std::move(help), ChoiceFlag{std::move(choices), target}});
}

std::optional<std::string> PlainArgs::Parse(int argc, char** argv) {
  const std::vector<std::string_view> args(argv + (argc > 0 ? 1 : 0), argv + argc);
  for (const std::string_view arg : args) {
    if (arg == "--help" || arg == "-h") help_wanted_ = true;
  }
  if (help_wanted_) return std::nullopt;
  for (size_t i = 0; i < args.size(); ++i) {
    Error error = args[i].starts_with("--") ? ParseFlag(args, &i) : ParsePositional(args[i]);
    if (error) return error;
  }
  return CheckRequired();
}

const PlainArgs::Flag* PlainArgs::Find(std::string_view name) const {
  for (const Flag& flag : flags_) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

// Moves *index on when the value is a word of its own.
PlainArgs::Error PlainArgs::ParseFlag(const std::vector<std::string_view>& args, size_t* index) {
  const std::string_view arg = args[*index].substr(2);
  const size_t equals = arg.find('=');
  const std::string name(arg.substr(0, equals));
  const Flag* flag = Find(name);
  if (flag == nullptr) return "unknown flag --" + name;
  if (bool* const* target = std::get_if<bool*>(&flag->target)) {
    if (equals != std::string_view::npos) return "--" + name + " takes no value";
    **target = true;
    return std::nullopt;
  }
  if (equals != std::string_view::npos) return Assign(*flag, arg.substr(equals + 1));
  if (*index + 1 == args.size()) return "--" + name + " needs a value";
  return Assign(*flag, args[++*index]);
}

PlainArgs::Error PlainArgs::Assign(const Flag& flag, std::string_view value) {
  const std::string name = "--" + flag.name;
  if (const NumberFlag* number = std::get_if<NumberFlag>(&flag.target)) {
    return ParseNumber(name, value, number->range, number->target);
  }
  if (const ChoiceFlag* choice = std::get_if<ChoiceFlag>(&flag.target)) {
    for (const std::string& word : choice->choices) {
      if (word == value) {
        *choice->target = word;
        return std::nullopt;
      }
    }
    return name + " must be " + Join(choice->choices, " or ") + ", not '" + std::string(value) +
           "'";
  }
  if (value.empty()) return name + " needs a value";
  *std::get<std::string*>(flag.target) = value;
  return std::nullopt;
}

PlainArgs::Error PlainArgs::ParsePositional(std::string_view text) {
  if (positionals_seen_ == positionals_.size()) {
    return "too many arguments: '" + std::string(text) + "'";
  }
  const Positional& positional = positionals_[positionals_seen_++];
  return ParseNumber(positional.name, text, positional.range, positional.target);
}

PlainArgs::Error PlainArgs::CheckRequired() const {
  if (positionals_seen_ < positionals_.size() && positionals_[positionals_seen_].required) {
    return "missing argument: " + positionals_[positionals_seen_].name;
  }
  return std::nullopt;
}

std::string PlainArgs::Help(std::string_view program) const {
  std::string text = "usage: " + std::string(program);
  for (const Positional& p : positionals_) {
    text += p.required ? " " + p.name : " [" + p.name + "=" + std::to_string(*p.target) + "]";
  }
  text += " [flags]\n" + description_ + "\n";
  for (const Positional& p : positionals_) text += HelpLine(p.name, p.help);
  for (const Flag& flag : flags_) {
    std::string term = "--" + flag.name;
    if (const ChoiceFlag* choice = std::get_if<ChoiceFlag>(&flag.target)) {
      term += "=" + Join(choice->choices, "|");
    } else if (!std::holds_alternative<bool*>(flag.target)) {
      term += std::holds_alternative<NumberFlag>(flag.target) ? "=N" : "=FILE";
    }
    text += HelpLine(std::move(term), flag.help);
  }
  return text;
}

void ParseOrExit(PlainArgs* args, int argc, char** argv) {
  const std::string_view path = argc > 0 ? argv[0] : "bench";
  const std::string_view program = path.substr(path.rfind('/') + 1);
  if (const auto error = args->Parse(argc, argv)) {
    std::fprintf(stderr, "%.*s: %s (see --help)\n", static_cast<int>(program.size()),
                 program.data(), error->c_str());
    std::exit(2);
  }
  if (args->help_wanted()) {
    std::fputs(args->Help(program).c_str(), stdout);
    std::exit(0);
  }
}

}  // namespace hz3::bench
