// TextMap: the map of a heap for a terminal, as colours or as letters.
#ifndef TOOLS_HZ3_TEXT_MAP_H_
#define TOOLS_HZ3_TEXT_MAP_H_

#include <cstddef>
#include <string>

#include "tools/hz3/heap_view.h"

namespace hz3::tool {

struct TextMapOptions {
  bool color = false;
  size_t columns = 80;    // of the terminal
  size_t most_tiles = 0;  // 0: all
};

// A letter for a page: '.' free clean, ':' free dirty, 0 to 9 a span by how full it is, 'm' medium,
// 'L' large, '@' in a mailbox.
char PageLetter(const HeapView& view, const Run& run);

// The legend, then the tiles, each with a line that says what it is.
std::string TextMap(const HeapView& view, const TextMapOptions& options);

// The bytes of each kind in lines, with a bar of `columns`.
std::string OccupancyText(const Occupancy& occupancy, size_t columns);

}  // namespace hz3::tool

#endif  // TOOLS_HZ3_TEXT_MAP_H_
