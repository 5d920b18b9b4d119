#include "bench/lib/matches.h"

#include <fnmatch.h>

#include <algorithm>

namespace hz3::bench {

bool MatchesAny(const std::string& name, const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
  });
}

}  // namespace hz3::bench
