// Symbolizer: names for the addresses of a profile, from the files of its modules by addr2line(1),
// where that is installed and the file is still there; else those that the profile holds; else the
// module and the place in it.
#ifndef TOOLS_HZ3_SYMBOLIZER_H_
#define TOOLS_HZ3_SYMBOLIZER_H_

#include <cstdint>
#include <map>
#include <string>

#include "tools/hz3/pprof_reader.h"

namespace hz3::tool {

// By the location's id: "function file:line", or as much of that as is known.
std::map<uint64_t, std::string> SymbolsOf(const PprofProfile& profile);

}  // namespace hz3::tool

#endif  // TOOLS_HZ3_SYMBOLIZER_H_
