// Baselines: the committed figures that the gate holds a tree against, one line of text each:
//
//   row  lane  figure  made_with  value
//
// `made_with` names compiler and counter where a figure is only comparable for the same ones, "-"
// otherwise. Lines that begin with '#' are comments. Pure text; not thread-safe.
#ifndef BENCH_GATE_BASELINES_H_
#define BENCH_GATE_BASELINES_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace hz3::gate {

class Baselines {
 public:
  struct Key {
    std::string row;
    std::string lane;
    std::string figure;
    std::string made_with;

    auto operator<=>(const Key&) const = default;
  };

  // Nothing, and one line that says what is wrong and where, for text of another form.
  static std::optional<Baselines> Parse(std::string_view text, std::string* error);

  std::optional<double> Find(const Key& key) const;
  void Set(const Key& key, double value) { values_[key] = value; }

  // The file: the comment at the top of the text that was parsed, then all lines, sorted.
  std::string Text() const;

 private:
  friend std::vector<std::string> Changes(const Baselines& before, const Baselines& after);

  std::string heading_;
  std::map<Key, double> values_;
};

// One line for each figure that is new or another one, for people to argue about.
std::vector<std::string> Changes(const Baselines& before, const Baselines& after);

}  // namespace hz3::gate

#endif  // BENCH_GATE_BASELINES_H_
