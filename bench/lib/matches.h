// Names that a command line chooses by shell patterns.
#ifndef BENCH_LIB_MATCHES_H_
#define BENCH_LIB_MATCHES_H_

#include <string>
#include <vector>

namespace hz3::bench {

// Whether the name matches one of the patterns of a shell (*, ?, [abc]).
bool MatchesAny(const std::string& name, const std::vector<std::string>& patterns);

}  // namespace hz3::bench

#endif  // BENCH_LIB_MATCHES_H_
