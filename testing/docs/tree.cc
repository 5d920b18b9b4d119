#include "testing/docs/tree.h"

#include <sstream>

#include "testing/docs/files.h"

namespace hz3::docs {

Tree ReadTree(std::string_view rules, std::string_view bazelrc) {
  Tree tree;
  std::istringstream words{std::string(rules)};
  for (std::string kind, label, use; words >> kind >> label >> use;) {
    tree.kinds[label] = kind;
    if (use == "public") tree.for_users.insert(label);
  }
  // "build:asan --copt=..."
  std::istringstream lines{std::string(bazelrc)};
  for (std::string line; std::getline(lines, line);) {
    const std::string first = line.substr(0, line.find(' '));
    const size_t colon = first.find(':');
    if (colon != std::string::npos) tree.configs.insert(first.substr(colon + 1));
  }
  return tree;
}

Tree LoadTree(const std::string& root) {
  return ReadTree(ReadFile(root + "/testing/docs/rules.txt"), ReadFile(root + "/.bazelrc"));
}

}  // namespace hz3::docs
