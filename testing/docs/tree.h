// Tree: what there is in this repository for commands to name: rules and configurations.
#ifndef TESTING_DOCS_TREE_H_
#define TESTING_DOCS_TREE_H_

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace hz3::docs {

struct Tree {
  std::map<std::string, std::string> kinds;  // of a rule, by label: cc_test, alias ...
  std::set<std::string> for_users;           // labels of public rules that are for users
  std::set<std::string> configs;             // of .bazelrc: asan, fast ...
};

// Reads what rule_list.bzl writes, and .bazelrc.
Tree ReadTree(std::string_view rules, std::string_view bazelrc);

// The same from the workspace in the runfiles of a test.
Tree LoadTree(const std::string& root);

}  // namespace hz3::docs

#endif  // TESTING_DOCS_TREE_H_
