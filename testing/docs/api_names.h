// ApiNames: the names that hz3 offers to others, as the sources say, and those that a page has in
// its tables.
#ifndef TESTING_DOCS_API_NAMES_H_
#define TESTING_DOCS_API_NAMES_H_

#include <set>
#include <string>
#include <string_view>

namespace hz3::docs {

using Names = std::set<std::string>;

// Functions, types and constants that a C header declares: hz3_..., HZ3_..., without its guard.
Names DeclaredNames(std::string_view header);

// What a linker version script makes global, patterns as they stand there.
Names ExportedPatterns(std::string_view version_script);

// Variables of the environment that a source names in string literals: "HZ3_...".
Names EnvironmentVariables(std::string_view source);

// The code in the first cell of each row of a page's tables, without parameters: `name(x)` is name.
Names NamesInTables(std::string_view page);

// The names with hz3's prefixes in the code of a page, in tables or not: `hz3_...`, `HZ3_...`.
Names NamesInText(std::string_view page);

}  // namespace hz3::docs

#endif  // TESTING_DOCS_API_NAMES_H_
