#include "testing/structure/include_graph.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <sstream>

namespace hz3 {
namespace {

constexpr std::array<std::string_view, 10> kFloors = {"hz3/base/",    "hz3/config/",  "hz3/pages/",
                                                     "hz3/objects/", "hz3/shard/",   "hz3/thread/",
                                                     "hz3/harden/",  "hz3/policy/",  "hz3/observe/",
                                                     "hz3/"};

bool IsTestCode(std::string_view path) {
  for (std::string_view suffix : {"_test.cc", "_benchmark.cc", "_fuzz.cc"}) {
    if (path.ends_with(suffix)) return true;
  }
  return false;
}

std::string_view Trimmed(std::string_view text) {
  const size_t start = text.find_first_not_of(" \t");
  return start == std::string_view::npos ? std::string_view() : text.substr(start);
}

// The path in `line` if it is #include "path", else empty.
std::string_view QuotedInclude(std::string_view line) {
  line = Trimmed(line);
  if (!line.starts_with('#')) return {};
  line = Trimmed(line.substr(1));
  if (!line.starts_with("include")) return {};
  line = Trimmed(line.substr(std::string_view("include").size()));
  if (!line.starts_with('"')) return {};
  line.remove_prefix(1);
  return line.substr(0, line.find('"'));
}

std::string Edge(std::string_view from, std::string_view to) {
  return std::string(from) + " includes " + std::string(to);
}

// The edges of `tree` for which `broken(from, to)` holds.
template <typename Predicate>
std::vector<std::string> EdgesWhere(const SourceTree& tree, Predicate broken) {
  std::vector<std::string> edges;
  for (const auto& [from, text] : tree) {
    for (const std::string& to : QuotedIncludes(text)) {
      if (broken(from, to)) edges.push_back(Edge(from, to));
    }
  }
  return edges;
}

class CycleFinder {
 public:
  explicit CycleFinder(const SourceTree& tree) : tree_(tree) {}

  std::vector<std::string> Find() {
    for (const auto& [path, text] : tree_) Visit(path);
    return cycles_;
  }

 private:
  void Visit(const std::string& path) {
    const auto on_way = std::find(way_.begin(), way_.end(), path);
    if (on_way != way_.end()) return Report(on_way);
    const auto source = tree_.find(path);
    if (source == tree_.end() || !done_.insert(path).second) return;
    way_.push_back(path);
    for (const std::string& next : QuotedIncludes(source->second)) Visit(next);
    way_.pop_back();
  }

  void Report(std::vector<std::string>::iterator first) {
    std::string circle;
    for (auto it = first; it != way_.end(); ++it) circle += *it + " -> ";
    cycles_.push_back(circle + *first);
  }

  const SourceTree& tree_;
  std::set<std::string> done_;
  std::vector<std::string> way_;
  std::vector<std::string> cycles_;
};

}  // namespace

std::vector<std::string> QuotedIncludes(std::string_view text) {
  std::vector<std::string> paths;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    const std::string_view path = QuotedInclude(line);
    if (!path.empty()) paths.emplace_back(path);
  }
  return paths;
}

int FloorOf(std::string_view path) {
  for (size_t i = 0; i < kFloors.size(); ++i) {
    const bool inside = path.starts_with(kFloors[i]);
    const bool deeper = path.find('/', kFloors[i].size()) != std::string_view::npos;
    if (inside && !deeper) return static_cast<int>(i);
  }
  return -1;
}

std::vector<std::string> UpwardIncludes(const SourceTree& tree) {
  return EdgesWhere(tree, [](std::string_view from, std::string_view to) {
    return to.starts_with("hz3/") && FloorOf(to) > FloorOf(from);
  });
}

std::vector<std::string> ForeignIncludes(const SourceTree& tree) {
  return EdgesWhere(tree, [](std::string_view from, std::string_view to) {
    return !IsTestCode(from) && !to.starts_with("hz3/");
  });
}

std::vector<std::string> UnknownIncludes(const SourceTree& tree) {
  return EdgesWhere(tree, [&tree](std::string_view, std::string_view to) {
    return to.starts_with("hz3/") && !tree.contains(std::string(to));
  });
}

std::vector<std::string> Cycles(const SourceTree& tree) { return CycleFinder(tree).Find(); }

std::vector<std::string> HeadersWithoutTest(const SourceTree& tree,
                                            const std::set<std::string>& exempt) {
  std::vector<std::string> headers;
  for (const auto& [path, text] : tree) {
    if (!path.ends_with(".h") || exempt.contains(path)) continue;
    const std::string test = path.substr(0, path.size() - 2) + "_test.cc";
    if (!tree.contains(test)) headers.push_back(path);
  }
  return headers;
}

}  // namespace hz3
