// Command lines of benches that must stay tiny processes: positional numbers and a few flags,
// declared once, from which the help text follows too. (The tools around them use abseil's flags.)
#ifndef BENCH_LIB_PLAIN_ARGS_H_
#define BENCH_LIB_PLAIN_ARGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hz3::bench {

struct Range {
  uint64_t min;
  uint64_t max;
};

// Declare everything, then Parse once. The targets must outlive the object and keep their values
// where the command line does not name them. Not thread-safe.
class PlainArgs {
 public:
  explicit PlainArgs(std::string description) : description_(std::move(description)) {}

  // Positional numbers come in the order of their declaration, optional ones last.
  void Required(std::string name, std::string help, Range range, uint64_t* target);
  void Optional(std::string name, std::string help, Range range, uint64_t* target);

  // Flags: `--name`, `--name=value` and `--name value`.
  void Switch(std::string name, std::string help, bool* target);
  void Number(std::string name, std::string help, Range range, uint64_t* target);
  void Text(std::string name, std::string help, std::string* target);
  void Choice(std::string name, std::string help, std::vector<std::string> choices,
              std::string* target);

  // Returns one line that says what is wrong, or nothing when the command line is good. With
  // --help nothing else is checked.
  std::optional<std::string> Parse(int argc, char** argv);
  bool help_wanted() const { return help_wanted_; }

  std::string Help(std::string_view program) const;

 private:
  struct Positional {
    std::string name;
    std::string help;
    Range range;
    uint64_t* target;
    bool required;
  };
  struct NumberFlag {
    Range range;
    uint64_t* target;
  };
  struct ChoiceFlag {
    std::vector<std::string> choices;
    std::string* target;
  };
  struct Flag {
    std::string name;
    std::string help;
    std::variant<bool*, std::string*, NumberFlag, ChoiceFlag> target;
  };
  using Error = std::optional<std::string>;

  const Flag* Find(std::string_view name) const;
  Error ParseFlag(const std::vector<std::string_view>& args, size_t* index);
  Error ParsePositional(std::string_view text);
  Error CheckRequired() const;
  static Error Assign(const Flag& flag, std::string_view value);

  std::string description_;
  std::vector<Positional> positionals_;
  std::vector<Flag> flags_;
  size_t positionals_seen_ = 0;
  bool help_wanted_ = false;
};

// Parses argv and handles what is the same in each program: --help prints the help and ends the
// process with 0, a bad command line prints one line on stderr and ends it with 2.
void ParseOrExit(PlainArgs* args, int argc, char** argv);

}  // namespace hz3::bench

#endif  // BENCH_LIB_PLAIN_ARGS_H_
