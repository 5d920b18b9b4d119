#include "tools/hz3/exit_report.h"

#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/lib/stats.h"
#include "bench/lib/table.h"

namespace hz3::tool {
namespace {

using Json = nlohmann::json;
using bench::HumanBytes;

constexpr size_t kTopClasses = 8;

uint64_t Figure(const Json& stats, const char* name) {
  const auto member = stats.find(name);
  return member != stats.end() && member->is_number_unsigned() ? member->get<uint64_t>() : 0;
}

std::string Bytes(uint64_t bytes) { return HumanBytes(static_cast<double>(bytes)); }

std::string Millis(uint64_t ns) {
  return absl::StrFormat("%.1f ms", static_cast<double>(ns) / 1e6);
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

uint64_t PeakRss(const ExitReport& report) {
  return static_cast<uint64_t>(report.ending.usage.ru_maxrss) * 1024;
}

std::string Line(const char* name, const std::string& value, const char* meaning) {
  return absl::StrFormat("  %-24s %12s   %s\n", name, value, meaning);
}

// A level of the heap: how much of what it holds is not in use.
std::string Level(const char* name, uint64_t idle, uint64_t held, const char* meaning) {
  const double share =
      held == 0 ? 0 : 100.0 * static_cast<double>(idle) / static_cast<double>(held);
  return absl::StrFormat("  %-24s %12s   %4.1f %% %s\n", name, Bytes(idle), share, meaning);
}

std::string Fragmentation(const Json& s) {
  const uint64_t handed_out = Figure(s, "handed_out_bytes");
  const uint64_t cached = std::min(Figure(s, "cached_bytes"), handed_out);
  const uint64_t in_spans = Figure(s, "free_object_bytes");
  const uint64_t dirty = Figure(s, "free_dirty_bytes");
  return absl::StrCat(
      "\nat exit, and what of it was idle (fragmentation by level)\n",
      Line("live", Bytes(handed_out - cached), ""),
      Level("in bins", cached, handed_out, "of what threads hold"),
      Level("free in spans", in_spans, handed_out + in_spans, "of spans and runs in use"),
      Level("free pages with memory", dirty, Figure(s, "committed_bytes"), "of committed memory"),
      Line("hz3's own", Bytes(Figure(s, "metadata_bytes")), "thread caches and their bins"));
}

struct ClassRow {
  uint64_t size, spans, objects, idle;
  uint64_t live_bytes() const { return (objects - idle) * size; }
};

std::vector<ClassRow> TopClasses(const Json& stats) {
  std::vector<ClassRow> rows;
  const auto classes = stats.find("classes");
  if (classes == stats.end() || !classes->is_array()) return rows;
  for (const Json& c : *classes) {
    ClassRow row = {Figure(c, "size"), Figure(c, "spans"), Figure(c, "objects"), 0};
    row.idle = std::min(row.objects, Figure(c, "free") + Figure(c, "cached"));
    rows.push_back(row);
  }
  std::stable_sort(rows.begin(), rows.end(), [](const ClassRow& a, const ClassRow& b) {
    return a.live_bytes() > b.live_bytes();
  });
  rows.resize(std::min(rows.size(), kTopClasses));
  return rows;
}

std::string ClassesText(const Json& stats) {
  const std::vector<ClassRow> rows = TopClasses(stats);
  if (rows.empty()) return "";
  bench::Table table({"  size class", "live", "objects", "spans or runs", "in use"});
  for (const ClassRow& row : rows) {
    const double share = 100.0 * static_cast<double>(row.objects - row.idle) /
                         static_cast<double>(std::max<uint64_t>(row.objects, 1));
    table.AddRow({absl::StrCat("  ", Bytes(row.size)), Bytes(row.live_bytes()),
                  absl::StrCat(row.objects - row.idle), absl::StrCat(row.spans),
                  absl::StrFormat("%.0f %%", share)});
  }
  return absl::StrCat("\ntop size classes at exit\n", table.Text());
}

std::string Pressure(const Json& s) {
  const uint64_t climbs = Figure(s, "pressure_climbs");
  const uint64_t reliefs = Figure(s, "soft_limit_reliefs");
  if (climbs + reliefs == 0)
    return "  no pressure: no allocation had to look further than its shard\n";
  return absl::StrFormat(
      "  pressure: %u climbs of the ladder, %u rescued, %u failed, %u broadcasts, %s; "
      "%u soft limit reliefs\n",
      climbs, Figure(s, "pressure_rescues"), Figure(s, "pressure_failures"),
      Figure(s, "pressure_broadcasts"), Millis(Figure(s, "pressure_ns")), reliefs);
}

std::string SlowPaths(const Json& s) {
  return absl::StrCat("\nslow paths\n",
                      absl::StrFormat("  %u batches taken from shards, %u given back\n",
                                      Figure(s, "refills"), Figure(s, "flushes")),
                      absl::StrFormat("  %u calls to the system for memory, %s\n",
                                      Figure(s, "os_calls"), Millis(Figure(s, "os_ns"))),
                      Pressure(s));
}

std::string Others(const ExitReport& report) {
  if (report.others.empty()) return "";
  uint64_t most = 0;
  for (const Json& stats : report.others) most = std::max(most, Figure(stats, "peak_used_bytes"));
  return absl::StrFormat(
      "\n%u more processes left figures; the largest had %s in use at its peak\n",
      report.others.size(), Bytes(most));
}

Json ReadJson(const std::filesystem::path& path) {
  std::ifstream file(path);
  Json json = Json::parse(file, nullptr, false);
  return json.is_object() ? json : Json();
}

}  // namespace

void ReadFigures(const std::string& folder, pid_t pid, ExitReport* report) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    Json stats = ReadJson(entry.path());
    if (stats.is_null()) continue;
    if (entry.path().filename() == std::to_string(pid)) {
      report->stats = std::move(stats);
    } else {
      report->others.push_back(std::move(stats));
    }
  }
}

std::string ExitReportText(const ExitReport& report) {
  const rusage& usage = report.ending.usage;
  const Json& s = report.stats;
  std::string text = absl::StrFormat("\nhz3: %s: %s after %.2f s (%.2f s user, %.2f s system)\n",
                                     report.program, report.ending.Text(), report.wall_s,
                                     Seconds(usage.ru_utime), Seconds(usage.ru_stime));
  if (s.is_null()) {
    absl::StrAppend(
        &text, Line("peak resident", Bytes(PeakRss(report)), ""),
        "  The program left no figures: it did not end by exit(3), or does not run on hz3\n"
        "  (statically linked, or with raised privileges).\n");
  } else {
    absl::StrAppend(
        &text,
        Line("peak live", Bytes(Figure(s, "peak_used_bytes")), "whole pages, with what bins held"),
        Line("peak committed", Bytes(Figure(s, "peak_committed_bytes")),
             "with free pages kept for reuse"),
        Line("peak resident", Bytes(PeakRss(report)), "with the program itself and its stacks"),
        Fragmentation(s), ClassesText(s), SlowPaths(s));
  }
  return text + Others(report);
}

Json ExitReportJson(const ExitReport& report) {
  const int status = report.ending.status;
  return {{"program", report.program},
          {"exit_code", WIFEXITED(status) ? Json(WEXITSTATUS(status)) : Json()},
          {"signal", WIFSIGNALED(status) ? Json(WTERMSIG(status)) : Json()},
          {"wall_s", report.wall_s},
          {"user_s", Seconds(report.ending.usage.ru_utime)},
          {"system_s", Seconds(report.ending.usage.ru_stime)},
          {"peak_rss_bytes", PeakRss(report)},
          {"stats", report.stats},
          {"other_processes", report.others}};
}

}  // namespace hz3::tool
