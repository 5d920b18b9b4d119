#include "tools/hz3/profile_json.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/hz3/symbolizer.h"

namespace hz3::tool {
namespace {

using Json = nlohmann::json;
using Stack = std::vector<std::string>;
using Values = std::vector<int64_t>;
using Row = std::pair<Stack, Values>;

// As the profile's drop_frames says for pprof.
bool IsAllocatorsOwn(std::string_view name) {
  static const std::set<std::string, std::less<>> kNames = {
      "malloc",        "calloc",         "realloc", "reallocarray", "memalign",
      "aligned_alloc", "posix_memalign", "valloc",  "pvalloc"};
  for (const std::string_view prefix : {"operator new", "_Zn", "hz3::", "_ZN3hz3"}) {
    if (absl::StartsWith(name, prefix)) return true;
  }
  return kNames.contains(name.substr(0, name.find(' ')));
}

// What lies inside of the outermost of the allocator's frames is the allocator's.
Stack StackOf(const PprofSample& sample, const std::map<uint64_t, std::string>& symbols) {
  Stack stack;
  for (const uint64_t id : sample.locations) {
    const auto symbol = symbols.find(id);
    stack.push_back(symbol == symbols.end() ? absl::StrCat("location ", id) : symbol->second);
  }
  const auto own = std::find_if(stack.rbegin(), stack.rend(), IsAllocatorsOwn);
  stack.erase(stack.begin(), own.base());
  return stack;
}

// Those that are among the first by any figure.
std::vector<Row> FirstRows(const std::vector<Row>& rows, size_t figures) {
  std::set<size_t> chosen;
  for (size_t figure = 0; figure < figures; ++figure) {
    std::vector<size_t> order(rows.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return rows[a].second[figure] > rows[b].second[figure];
    });
    order.resize(std::min(order.size(), kMaxProfileRows / figures));
    chosen.insert(order.begin(), order.end());
  }
  std::vector<Row> first;
  for (const size_t i : chosen) first.push_back(rows[i]);
  return first;
}

}  // namespace

Json ProfileTable(const std::string& name, const PprofProfile& profile,
                  const std::map<uint64_t, std::string>& symbols) {
  const size_t figures = profile.figures.size();
  std::map<Stack, Values> by_stack;
  Values totals(figures);
  for (const PprofSample& sample : profile.samples) {
    Values& values = by_stack[StackOf(sample, symbols)];
    values.resize(figures);
    for (size_t i = 0; i < figures; ++i) {
      values[i] += sample.values[i];
      totals[i] += sample.values[i];
    }
  }
  std::vector<Row> rows = FirstRows({by_stack.begin(), by_stack.end()}, figures);
  const auto key = static_cast<size_t>(std::max(profile.FigureIndex("inuse_space"), 0));
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const Row& a, const Row& b) { return a.second[key] > b.second[key]; });
  Json table = {{"file", name},
                {"period", profile.period},
                {"totals", totals},
                {"sites", by_stack.size()},
                {"comments", profile.comments},
                {"figures", Json::array()},
                {"rows", Json::array()}};
  for (const auto& figure : profile.figures) table["figures"].push_back(figure.name);
  for (const auto& [stack, values] : rows) {
    table["rows"].push_back({{"stack", stack}, {"values", values}});
  }
  return table;
}

absl::StatusOr<Json> ParseProfile(const std::string& name, const std::string& text) {
  const auto profile = ParsePprof(text);
  if (!profile.ok()) {
    return absl::Status(profile.status().code(),
                        absl::StrCat(name, ": ", profile.status().message()));
  }
  return ProfileTable(name, *profile, SymbolsOf(*profile));
}

}  // namespace hz3::tool
