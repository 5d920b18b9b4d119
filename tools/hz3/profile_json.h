// ProfileJson: a heap profile as a table of call sites for the report's page.
#ifndef TOOLS_HZ3_PROFILE_JSON_H_
#define TOOLS_HZ3_PROFILE_JSON_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "tools/hz3/pprof_reader.h"

namespace hz3::tool {

// The most call sites of a table: those that come first by any of its figures.
inline constexpr size_t kMaxProfileRows = 200;

// An object {"file", "period", "figures", "totals", "sites", "comments", "rows"}: the figures'
// names, their sums over all `sites` call sites, and rows of {"stack", "values"}, the stack's names
// innermost first, by falling inuse_space. Stacks of the same names are one row. hz3's own frames
// and malloc's are left out.
nlohmann::json ProfileTable(const std::string& name, const PprofProfile& profile,
                            const std::map<uint64_t, std::string>& symbols);

// The same from a file's content, with symbols looked up.
absl::StatusOr<nlohmann::json> ParseProfile(const std::string& name, const std::string& text);

}  // namespace hz3::tool

#endif  // TOOLS_HZ3_PROFILE_JSON_H_
