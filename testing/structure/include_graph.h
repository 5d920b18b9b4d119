// include_graph: who includes whom among the allocator's sources, and which of these edges, files
// and missing tests break the house rules (docs/design.md: floors).
//
// Sources are given as values, so that the rules themselves are tested on made-up trees.
// Not thread-safe; no errors: a broken rule is a line of text for people.
#ifndef HAKOZUNA_TESTING_STRUCTURE_INCLUDE_GRAPH_H_
#define HAKOZUNA_TESTING_STRUCTURE_INCLUDE_GRAPH_H_

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace hz3 {

// Path from the top of the repository ("hz3/base/bits.h") to the file's text.
using SourceTree = std::map<std::string, std::string>;

// Paths in the quoted includes of `text`, in order. <...> is the system's and left out.
std::vector<std::string> QuotedIncludes(std::string_view text);

// Place of `path` in the order of floors, lowest first, with hz3/ itself on top; -1 when `path`
// is not on any floor.
int FloorOf(std::string_view path);

// Includes that go up: a file may include its own floor and lower ones.
std::vector<std::string> UpwardIncludes(const SourceTree& tree);

// Includes of the allocator's own code that are neither hz3's nor the system's.
std::vector<std::string> ForeignIncludes(const SourceTree& tree);

// Includes of hz3 files that are not in the tree: a typo, or a package that hides its sources.
std::vector<std::string> UnknownIncludes(const SourceTree& tree);

// Circles of includes, each as "a.h -> b.h -> a.h", once.
std::vector<std::string> Cycles(const SourceTree& tree);

// Headers x.h without x_test.cc beside them, except those in `exempt`.
std::vector<std::string> HeadersWithoutTest(const SourceTree& tree,
                                            const std::set<std::string>& exempt);

}  // namespace hz3

#endif  // HAKOZUNA_TESTING_STRUCTURE_INCLUDE_GRAPH_H_
