#include "tools/hz3/text_map.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/lib/stats.h"

namespace hz3::tool {
namespace {

// A row of a tile has so many pages: two tiles fit beside each other from 132 columns on.
constexpr unsigned kRowPages = 64;
constexpr unsigned kTileRows = kTilePages / kRowPages;
constexpr const char* kReset = "\x1b[0m";

struct Color {
  unsigned red, green, blue;
};

constexpr Color kFreeClean = {58, 64, 72};
constexpr Color kFreeDirty = {150, 128, 88};
constexpr Color kSparse = {174, 208, 238};
constexpr Color kFull = {24, 100, 190};
constexpr Color kMedium = {64, 160, 90};
constexpr Color kLarge = {140, 90, 205};
constexpr Color kMail = {235, 100, 40};

// How full a span is, in tenths, 9 only when nothing is free.
unsigned Tenths(const HeapView& view, const Run& run) {
  const unsigned objects = run.tag < view.classes.size() ? view.classes[run.tag].objects : 0;
  return objects == 0 ? 9 : std::min(9u, run.value * 9 / objects);
}

Color Blend(const Color& from, const Color& to, unsigned ninths) {
  const auto blend = [ninths](unsigned a, unsigned b) {
    return (a * (9 - ninths) + b * ninths) / 9;
  };
  return {blend(from.red, to.red), blend(from.green, to.green), blend(from.blue, to.blue)};
}

Color PageColor(const HeapView& view, const Run& run) {
  switch (run.kind) {
    case PageKind::kFreeClean:
      return kFreeClean;
    case PageKind::kFreeDirty:
      return kFreeDirty;
    case PageKind::kSmall:
      return Blend(kSparse, kFull, Tenths(view, run));
    case PageKind::kMedium:
      return kMedium;
    case PageKind::kLarge:
      return kLarge;
    case PageKind::kMail:
      return kMail;
  }
  return kFreeClean;
}

std::string Paint(const Color& top, const Color& bottom) {
  return absl::StrFormat("\x1b[38;2;%u;%u;%um\x1b[48;2;%u;%u;%um\u2580", top.red, top.green,
                         top.blue, bottom.red, bottom.green, bottom.blue);
}

std::string Swatch(const Color& color) { return Paint(color, color) + kReset; }

std::string Legend(bool color) {
  if (!color) {
    return ". free clean   : free dirty   0-9 small, by fullness   m medium   L large   @ "
           "mailbox\n";
  }
  return absl::StrCat(Swatch(kFreeClean), " free clean  ", Swatch(kFreeDirty), " free dirty  ",
                      Swatch(kSparse), Swatch(Blend(kSparse, kFull, 4)), Swatch(kFull),
                      " small, by fullness  ", Swatch(kMedium), " medium  ", Swatch(kLarge),
                      " large  ", Swatch(kMail), " mailbox\n");
}

// A tile as lines, the first of which says what it is; all of them kRowPages wide.
std::vector<std::string> TileLines(const HeapView& view, const Tile& tile, bool color) {
  const std::array<Run, kTilePages> pages = PagesOf(tile);
  const std::string owner =
      tile.shard == Tile::kNoShard ? "" : absl::StrCat("  shard ", static_cast<int>(tile.shard));
  std::vector<std::string> lines = {absl::StrFormat(
      "%-64s", absl::StrFormat("%#x%s", view.base + tile.slot * kTilePages * kPageBytes, owner))};
  for (unsigned row = 0; row < kTileRows; row += color ? 2 : 1) {
    std::string line;
    for (unsigned i = row * kRowPages; i < (row + 1) * kRowPages; ++i) {
      if (color) {
        line += Paint(PageColor(view, pages[i]), PageColor(view, pages[i + kRowPages]));
      } else {
        line += PageLetter(view, pages[i]);
      }
    }
    lines.push_back(color ? line + kReset : line);
  }
  return lines;
}

}  // namespace

char PageLetter(const HeapView& view, const Run& run) {
  switch (run.kind) {
    case PageKind::kFreeClean:
      return '.';
    case PageKind::kFreeDirty:
      return ':';
    case PageKind::kSmall:
      return static_cast<char>('0' + Tenths(view, run));
    case PageKind::kMedium:
      return 'm';
    case PageKind::kLarge:
      return 'L';
    case PageKind::kMail:
      return '@';
  }
  return '?';
}

std::string TextMap(const HeapView& view, const TextMapOptions& options) {
  std::string text = Legend(options.color);
  const size_t shown =
      options.most_tiles == 0 ? view.tiles.size() : std::min(options.most_tiles, view.tiles.size());
  const size_t across = std::max<size_t>(1, (options.columns + 2) / (kRowPages + 2));
  for (size_t i = 0; i < shown; i += across) {
    std::vector<std::string> lines;
    for (size_t k = i; k < std::min(shown, i + across); ++k) {
      const std::vector<std::string> tile = TileLines(view, view.tiles[k], options.color);
      lines.resize(tile.size());
      for (size_t n = 0; n < tile.size(); ++n) {
        absl::StrAppend(&lines[n], lines[n].empty() ? "" : "  ", tile[n]);
      }
    }
    for (const std::string& line : lines) absl::StrAppend(&text, line, "\n");
  }
  if (shown < view.tiles.size()) {
    absl::StrAppend(&text, "... and ", view.tiles.size() - shown,
                    " more segments: --tiles=0 draws all, --html makes a page\n");
  }
  if (view.clean_slots > 0) {
    absl::StrAppend(&text, view.clean_slots, " slots are free and hold no memory\n");
  }
  return text;
}

std::string OccupancyText(const Occupancy& o, size_t columns) {
  const std::pair<const char*, uint64_t> rows[] = {
      {"live, small", o.live_small},      {"live, medium", o.live_runs},
      {"live, large", o.live_large},      {"cached in bins", o.cached},
      {"in mailboxes", o.mail},           {"free in spans", o.free_in_spans},
      {"free pages, dirty", o.free_dirty}};
  uint64_t total = 1;
  for (const auto& [name, bytes] : rows) total += bytes;
  const size_t width = columns > 50 ? columns - 50 : 10;
  std::string text;
  for (const auto& [name, bytes] : rows) {
    const double share = static_cast<double>(bytes) / static_cast<double>(total);
    const auto filled = static_cast<size_t>(share * static_cast<double>(width) + 0.5);
    absl::StrAppendFormat(&text, "  %-18s %10s  %5.1f %%  %s\n", name,
                          bench::HumanBytes(static_cast<double>(bytes)), share * 100,
                          std::string(filled, '#'));
  }
  return text;
}

}  // namespace hz3::tool
