#include "hz3/observe/stats.h"

#include <algorithm>

#include "hz3/base/os_memory.h"
#include "hz3/base/refusals.h"
#include "hz3/config/config.h"
#include "hz3/objects/span_table.h"
#include "hz3/objects/watched_blocks.h"
#include "hz3/observe/segment_walk.h"

namespace hz3 {
namespace {

struct StatRow {
  const char* name;
  const char* unit;
  const char* meaning;
  uint64_t Stats::* value;
};
constexpr StatRow kRows[] = {
#define HZ3_STAT_ROW(name, unit, meaning) {#name, unit, meaning, &Stats::name},
    HZ3_STATS_TABLE(HZ3_STAT_ROW)
#undef HZ3_STAT_ROW
};

// A slot's part of the figures. Shards' segments are looked at under their owner's lease.
void AddSlots(const ShardTable& shards, Stats& stats) {
  Arena& arena = shards.arena();
  for (uint32_t i = 0; i < arena.used_slots(); ++i) {
    const Segment& segment = arena.segment(SlotIndex(i));
    if (segment.use() == Segment::Use::kSegment) ++stats.segments;
    if (segment.use() == Segment::Use::kHugeHead) {
      stats.huge_bytes += RoundUp(segment.huge.bytes, kPageSize);
    }
  }
}

void AddShard(Shard& shard, Stats& stats) {
  const Shard::Counters& c = shard.counters();
  stats.refills += c.refills.Get();
  stats.flushes += c.flushes.Get();
  stats.spans_opened += c.spans_opened.Get();
  stats.spans_closed += c.spans_closed.Get();
  stats.runs_carved += c.runs_carved.Get();
  stats.mail_collected += c.mail_collected.Get();
  stats.segments_opened += c.segments_opened.Get();
  stats.segments_closed += c.segments_closed.Get();
  stats.free_page_bytes += shard.free_pages() * kPageSize;
  stats.free_dirty_bytes += shard.dirty_free_pages() * kPageSize;
  LeaseHolder hold(shard.lease());
  shard.ForEachSpanWithRoom([&](Span& span) {
    stats.free_object_bytes += uint64_t{span.free_count()} * span.info().size;
  });
  for (unsigned i = 1; i < kClasses; ++i) {
    const SizeClass class_index(static_cast<uint8_t>(i));
    stats.cached_bytes += uint64_t{shard.stash(class_index).count()} * InfoOf(class_index).size;
  }
}

// The runs and spans of a segment, for the holder of its owner's lease.
void AddRuns(Arena& arena, const Segment& segment, ClassStatsTable& classes) {
  const PageBits& starts = segment.start_bits();
  for (unsigned i = starts.NextSet(0); i != PageBits::kNone; i = starts.NextSet(i + 1)) {
    const PageIndex page(FirstPageOf(segment.slot()).value() + i);
    const Tag tag = PlainTag(arena, page);
    if (tag == 0 || tag >= kClasses) continue;
    ++classes[tag].spans;
    if (!IsSmall(tag)) continue;
    const Span& span = SpanTable::Find(arena, page);
    classes[tag].free += span.free_count() + arena.page_mail<SpanMail>(page).Count();
  }
}

void PrintClass(const ClassStats& c, SizeClass size_class, Text& out) {
  out << "{\"size\": " << InfoOf(size_class).size << ", \"spans\": " << c.spans
      << ", \"objects\": " << c.spans * InfoOf(size_class).objects << ", \"free\": " << c.free
      << ", \"cached\": " << c.cached << "}";
}

}  // namespace

ClassStatsTable GatherClassStats(const ShardTable& shards, Registry& registry) {
  ClassStatsTable classes{};
  Arena& arena = shards.arena();
  for (uint32_t i = 0; i < arena.used_slots(); ++i) {
    WithSegment(shards, SlotIndex(i),
                [&](const Segment& segment) { AddRuns(arena, segment, classes); });
  }
  for (unsigned i = 1; i < kClasses; ++i) {
    const SizeClass c(static_cast<uint8_t>(i));
    for (unsigned s = 0; s < shards.count(); ++s) classes[i].cached += shards[s].stash(c).count();
  }
  registry.ForEach([&](const Tcache& cache) {
    for (unsigned i = 1; i < kClasses; ++i) {
      classes[i].cached += cache.CachedObjects(SizeClass(static_cast<uint8_t>(i)));
    }
  });
  return classes;
}

Stats GatherStats(const ShardTable& shards, Registry& registry, const MemBudget& budget,
                  const Pressure& pressure, size_t metadata_bytes) {
  Stats stats;
  Arena& arena = shards.arena();
  stats.arena_bytes = std::min(arena.bytes(), budget.memory_bytes());
  stats.used_slots = arena.used_slots();
  stats.free_slots = arena.free_slots();
  stats.committed_bytes = budget.committed_bytes();
  stats.peak_committed_bytes = budget.peak_committed_bytes();
  stats.peak_used_bytes = std::max(budget.peak_used_bytes(), budget.used_bytes());
  stats.commit_limit_bytes = budget.limit() == MemBudget::kNoLimit ? 0 : budget.limit();
  stats.soft_limit_bytes = budget.soft_limit() == MemBudget::kNoLimit ? 0 : budget.soft_limit();
  stats.metadata_bytes = metadata_bytes;
  stats.shards = shards.count();
  stats.threads = registry.threads();
  AddSlots(shards, stats);
  for (unsigned i = 0; i < shards.count(); ++i) AddShard(shards[i], stats);
  registry.ForEach([&](const Tcache& cache) { stats.cached_bytes += cache.CachedBytes(); });
  const uint64_t segment_bytes = stats.segments * kSegmentSize;
  const uint64_t idle = stats.free_page_bytes + stats.free_object_bytes;
  stats.handed_out_bytes = stats.huge_bytes + (segment_bytes > idle ? segment_bytes - idle : 0);
  stats.free_dirty_bytes += arena.dirty_free_pages() * kPageSize;
  const Pressure::Counters& p = pressure.counters();
  stats.pressure_climbs = p.climbs.load(std::memory_order_relaxed);
  stats.pressure_rescues = p.rescues.load(std::memory_order_relaxed);
  stats.pressure_failures = p.failures.load(std::memory_order_relaxed);
  stats.pressure_remembered = p.remembered.load(std::memory_order_relaxed);
  stats.pressure_broadcasts = p.broadcasts.load(std::memory_order_relaxed);
  stats.pressure_ns = p.ns.load(std::memory_order_relaxed);
  stats.pressure_callbacks = budget.callback().calls();
  stats.soft_limit_reliefs = budget.reliefs();
  stats.os_calls = os_counters.calls.load(std::memory_order_relaxed);
  stats.os_ns = os_counters.ns.load(std::memory_order_relaxed);
  stats.refused_memory = arena.os_refusals();
#define HZ3_READ_REFUSED(name) stats.refused_##name = refusals.name.load(std::memory_order_relaxed);
  HZ3_REFUSAL_TABLE(HZ3_READ_REFUSED)
#undef HZ3_READ_REFUSED
  return stats;
}

void PrintStats(const Stats& stats, Text& out) {
  out << "hz3 (" << kLaneName << ")\n";
  for (const StatRow& row : kRows) {
    out << "  " << row.name << " " << stats.*row.value << " " << row.unit << "  # " << row.meaning
        << "\n";
  }
}

void PrintStatsJson(const Stats& stats, const ClassStatsTable& classes, Text& out) {
  out << "{\"allocator\": \"hz3\", \"lane\": \"" << kLaneName << "\"";
  for (const StatRow& row : kRows) out << ", \"" << row.name << "\": " << stats.*row.value;
  out << ", \"classes\": [";
  const char* between = "";
  for (unsigned i = 1; i < kClasses; ++i) {
    if (classes[i].spans == 0) continue;
    out << between;
    PrintClass(classes[i], SizeClass(static_cast<uint8_t>(i)), out);
    between = ", ";
  }
  out << "]}\n";
}

void PrintStatsPrometheus(const Stats& stats, Text& out) {
  for (const StatRow& row : kRows) {
    out << "# HELP hz3_" << row.name << " " << row.meaning << " (" << row.unit << ")\n";
    out << "# TYPE hz3_" << row.name << " gauge\n";
    out << "hz3_" << row.name << " " << stats.*row.value << "\n";
  }
}

void PrintMallocInfo(const Stats& stats, Text& out) {
  const uint64_t live = stats.handed_out_bytes - stats.huge_bytes;
  out << "<malloc version=\"1\">\n<heap nr=\"0\">\n<sizes>\n</sizes>\n";
  out << "<total type=\"fast\" count=\"0\" size=\"" << stats.cached_bytes << "\"/>\n";
  out << "<total type=\"rest\" count=\"0\" size=\""
      << stats.free_object_bytes + stats.free_page_bytes << "\"/>\n";
  out << "<system type=\"current\" size=\"" << stats.committed_bytes << "\"/>\n";
  out << "<system type=\"max\" size=\"" << stats.peak_committed_bytes << "\"/>\n";
  out << "<aspace type=\"total\" size=\"" << stats.arena_bytes << "\"/>\n";
  out << "<aspace type=\"mprotect\" size=\"" << stats.used_slots * kSegmentSize << "\"/>\n";
  out << "</heap>\n";
  out << "<total type=\"fast\" count=\"0\" size=\"" << stats.cached_bytes << "\"/>\n";
  out << "<total type=\"rest\" count=\"0\" size=\""
      << stats.free_object_bytes + stats.free_page_bytes << "\"/>\n";
  out << "<total type=\"mmap\" count=\"0\" size=\"" << stats.huge_bytes << "\"/>\n";
  out << "<total type=\"live\" count=\"0\" size=\"" << live << "\"/>\n";
  out << "<system type=\"current\" size=\"" << stats.committed_bytes << "\"/>\n";
  out << "<system type=\"max\" size=\"" << stats.peak_committed_bytes << "\"/>\n";
  out << "<aspace type=\"total\" size=\"" << stats.arena_bytes << "\"/>\n";
  out << "<aspace type=\"mprotect\" size=\"" << stats.used_slots * kSegmentSize << "\"/>\n";
  out << "</malloc>\n";
}

}  // namespace hz3
