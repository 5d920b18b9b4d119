#include "tools/hz3/testing/sample_views.h"

#include <cmath>

namespace hz3::tool {
namespace {

constexpr uint8_t kSmallTag = 4;
constexpr uint8_t kMediumTag = 49;

Run MakeRun(unsigned pages, PageKind kind, uint8_t tag, unsigned value) {
  return {static_cast<uint16_t>(pages), kind, tag, static_cast<uint16_t>(value)};
}

// Small spans of many degrees, then the rest of the kinds; what is left of the tile is clean.
Tile SampleTile(uint32_t slot, unsigned step) {
  Tile tile = {slot, static_cast<uint8_t>(slot % 2), {}};
  const unsigned shift = (slot * 7 + step * 3) % 40;
  for (unsigned i = 0; i < 16; ++i) {
    tile.runs.push_back(MakeRun(4, PageKind::kSmall, kSmallTag, (i * 4 + shift) % 65));
  }
  tile.runs.push_back(MakeRun(2 * (10 + shift), PageKind::kMedium, kMediumTag, 0));
  tile.runs.push_back(MakeRun(60, PageKind::kLarge, 0, 0));
  tile.runs.push_back(MakeRun(24, PageKind::kMail, kMediumTag, 1));
  tile.runs.push_back(MakeRun(50 + shift, PageKind::kFreeDirty, 0, 0));
  unsigned used = 0;
  for (const Run& run : tile.runs) used += run.pages;
  tile.runs.push_back(MakeRun(kTilePages - used, PageKind::kFreeClean, 0, 0));
  return tile;
}

void AddClasses(HeapView* view, unsigned step) {
  view->classes.resize(60);
  view->classes[kSmallTag] = {64, 64, 1, 1000 + step * 50, 9000, 300, 2000};
  view->classes[kMediumTag] = {8192, 1, 2, 400 + step * 10, 0, 12, 60};
  for (uint8_t tag = 10; tag < 20; ++tag) {
    view->classes[tag] = {tag * 16u, 4096u / (tag * 16u), 1, tag * 3u + step, 20, 0, 30};
  }
}

void AddFigures(HeapView* view, unsigned step) {
  constexpr uint64_t kMiB = 1 << 20;
  const auto wave = static_cast<uint64_t>(20 + 15 * std::sin(step / 5.0));
  view->occupancy = {wave * kMiB, 12 * kMiB, (5 + step / 4) * kMiB,  3 * kMiB,
                     kMiB / 2,    2 * kMiB,  (40 - wave) * kMiB / 2, 30 * kMiB};
  const Occupancy& o = view->occupancy;
  view->committed = o.live() + o.cached + o.mail + o.free_in_spans + o.free_dirty;
  view->peak_committed = 80 * kMiB;
  view->peak_used = 70 * kMiB;
  view->events.refills = step * 1000;
  view->events.climbs = step > 20 ? (step - 20) * 3 : 0;
  view->events.failures = step > 30 ? step - 30 : 0;
  view->events.broadcasts = step > 25 ? 1 : 0;
  view->threads = 8;
  view->shards = 2;
}

HeapView ViewOf(unsigned segments, unsigned step) {
  HeapView view;
  view.lane = "scale";
  view.base = 0x7f0000000000;
  view.arena_bytes = uint64_t{512} << 30;
  AddClasses(&view, step);
  AddFigures(&view, step);
  for (uint32_t slot = 0; slot < segments; ++slot) view.tiles.push_back(SampleTile(slot, step));
  return view;
}

Json RecordingOf(unsigned samples, unsigned segments) {
  Json recording =
      RecordingHeader({"/usr/bin/sample program", 4711, "2026-01-31 12:00:00 UTC", 100});
  recording["samples"] = Json::array();
  recording["partial"] = false;
  recording["ending"] = "exit 0";
  Sampler sampler;
  for (unsigned step = 0; step < samples; ++step) {
    // Segments come and go.
    const HeapView view = ViewOf(segments + step % 3, step);
    if (step == 0) recording.update(HeapHeader(view));
    recording["samples"].push_back(
        sampler.Sample(view, {view.committed + (8 << 20), 0}, step * 0.1));
  }
  return recording;
}

}  // namespace

HeapView SampleView(unsigned step) { return ViewOf(12, step); }

Json SampleRecording(unsigned samples) { return RecordingOf(samples, 12); }

Json LargeRecording(unsigned segments) { return RecordingOf(2, segments); }

}  // namespace hz3::tool
