#include "bench/arena_fill_report.h"

#include <algorithm>
#include <utility>

namespace hz3::bench {
namespace {

constexpr double kMib = 1 << 20;

std::string Count(double value) { return Fixed(value, 0); }

std::string OrDash(const Summary& summary, int decimals) {
  return summary.count == 0 ? "-" : Fixed(summary.median, decimals);
}

std::string Note(const FillRow& row) {
  if (row.failures.empty()) return "";
  return std::to_string(row.failures.size()) + " of " +
         std::to_string(row.runs.size() + row.failures.size()) + " runs: " + row.failures.front();
}

double PercentOfArena(const FillRow& row) {
  return row.job.arena_mib == 0 ? 0 : 100 / (static_cast<double>(row.job.arena_mib) * kMib);
}

std::string NameOf(const FillJob& job) {
  return job.workload + " " + job.allocator.name + " " + std::to_string(job.arena_mib) + " MiB";
}

double Ratio(const Summary& a, const Summary& b) {
  return a.count == 0 || b.median <= 0 ? 0 : a.median / b.median;
}

std::string RatioText(double ratio) { return ratio == 0 ? "-" : Fixed(ratio, 2); }

}  // namespace

Summary LiveShare(const FillRow& row) {
  std::vector<double> shares;
  for (const ReportFields& run : row.runs) {
    const double live = run.Number("live_at_first_failure").value_or(-1);
    if (live >= 0) shares.push_back(live * PercentOfArena(row));
  }
  return Summarize(std::move(shares));
}

Summary PossibleShare(const FillRow& row) {
  std::vector<double> shares;
  for (const ReportFields& run : row.runs) {
    const double live = run.Number("live_at_first_failure").value_or(-1);
    const double survivors = run.Number("survivor_bytes").value_or(0);
    const double pinned = run.Number("pinned_bytes").value_or(0);
    if (live >= 0) shares.push_back((live - survivors + pinned) * PercentOfArena(row));
  }
  return Summarize(std::move(shares));
}

Summary LiveOfRss(const FillRow& unlimited) {
  std::vector<double> shares;
  for (const ReportFields& run : unlimited.runs) {
    const double rss = run.Number("peak_rss_bytes").value_or(0) -
                       run.Number("own_rss_bytes").value_or(0) -
                       run.Number("bare_rss_bytes").value_or(0);
    if (rss > 0) shares.push_back(run.Number("peak_live_bytes").value_or(0) / rss * 100);
  }
  return Summarize(std::move(shares));
}

const char kShareLegend[] =
    "live: rounded live bytes at the first failed malloc, over the arena: median (min..max). "
    "Blocks\n"
    "of up to 2048 bytes count as hz3's size class for every allocator, larger ones as whole "
    "pages.\n"
    "Blocks in rings are live. possible: what survivors of an earlier phase pin counts as live "
    "too.\n"
    "strict: when all threads had stopped, with 2049..3840 bytes rounded to hz3's class instead of "
    "a\n"
    "page. still had: blocks of the failed size that one thread got after that. failing: ns of a\n"
    "further failing malloc, one thread; and CPU ns, all threads at once. live/RSS: the same live\n"
    "bytes without any limit, all written, over the peak RSS without the bench's own; blocks that "
    "an\n"
    "allocator does not round up to pages can make it exceed 100.\n"
    "hz3 has an arena of that size, the others that much address space beyond what the bare\n"
    "process needs (RLIMIT_AS); where they reserve it in large pieces, live/RSS says more.\n";

Table ShareTable(const std::vector<ShareRow>& rows) {
  Table table({"workload", "allocator", "arena MiB", "runs", "live %", "possible %", "strict %",
               "still had %", "failed size", "failing ns", "all ns", "remote %", "live/RSS %", ""});
  for (const ShareRow& row : rows) {
    const FillRow& fill = row.fill;
    const double percent = PercentOfArena(fill);
    table.AddRow({fill.job.workload, fill.job.allocator.name, std::to_string(fill.job.arena_mib),
                  std::to_string(fill.runs.size()), WithRange(LiveShare(fill), 1),
                  WithRange(PossibleShare(fill), 1), OrDash(fill.Of("strict_at_rest", percent), 1),
                  OrDash(fill.Of("still_had_bytes", percent), 1), OrDash(fill.Of("failed_size"), 0),
                  OrDash(fill.Of("failing_ns"), 0), OrDash(fill.Of("failing_all_ns"), 0),
                  OrDash(fill.Of("remote_share", 100), 0), OrDash(LiveOfRss(row.unlimited), 0),
                  Note(fill)});
  }
  return table;
}

const char kSmallestLegend[] =
    "The smallest arena, in steps of 2 MiB, in which no allocation failed in any run, by "
    "bisection;\n"
    "overhead: what it is larger than the most rounded bytes that were live in it.\n";

Table SmallestTable(const std::vector<SmallestRow>& rows) {
  Table table({"workload", "allocator", "live MiB", "smallest arena MiB", "overhead %", ""});
  for (const SmallestRow& row : rows) {
    const double arena = static_cast<double>(row.found.arena_mib);
    const double live = row.found.peak_live_bytes / kMib;
    const bool found = row.found.arena_mib > 0;
    table.AddRow(
        {row.job.workload, row.job.allocator.name, found ? Fixed(live, 1) : "-",
         found ? Count(arena) : "-", found && live > 0 ? Fixed((arena / live - 1) * 100, 1) : "-",
         found ? ""
               : "none up to the limit" +
                     (row.found.failure.empty() ? std::string() : ": " + row.found.failure)});
  }
  return table;
}

double SpeedRow::CpuRatio() const {
  return Ratio(fixed.Of("cpu_ns_per_op"), unlimited.Of("cpu_ns_per_op"));
}

double SpeedRow::WallRatio() const {
  return Ratio(unlimited.Of("ops_per_s"), fixed.Of("ops_per_s"));
}

const char kSpeedLegend[] =
    "Steady churn at a live set of so many % of the arena, in it and without a limit, "
    "interleaved.\n"
    "Medians; times is arena over no limit. failed: most failed mallocs of a run in the arena, in "
    "%\n"
    "of its operations; one operation is one malloc, failed or not, or one free.\n";

Table SpeedTable(const std::vector<SpeedRow>& rows) {
  Table table({"workload", "allocator", "arena MiB", "live %", "runs", "CPU ns/op", "no limit",
               "times", "M ops/s", "no limit", "times", "failed %", ""});
  for (const SpeedRow& row : rows) {
    const FillJob& job = row.fixed.job;
    double failed = 0;
    for (const ReportFields& run : row.fixed.runs) {
      const double ops = run.Number("ops").value_or(0);
      if (ops > 0) failed = std::max(failed, run.Number("alloc_failed").value_or(0) / ops * 100);
    }
    table.AddRow({job.workload, job.allocator.name, std::to_string(job.arena_mib),
                  std::to_string(job.target_pct), std::to_string(row.fixed.runs.size()),
                  WithRange(row.fixed.Of("cpu_ns_per_op"), 1),
                  OrDash(row.unlimited.Of("cpu_ns_per_op"), 1), RatioText(row.CpuRatio()),
                  OrDash(row.fixed.Of("ops_per_s", 1e-6), 2),
                  OrDash(row.unlimited.Of("ops_per_s", 1e-6), 2), RatioText(row.WallRatio()),
                  Fixed(failed, 3), Note(row.fixed) + Note(row.unlimited)});
  }
  return table;
}

std::vector<std::string> MissedShares(const std::vector<ShareRow>& rows, const Wanted& wanted,
                                      WorkloadShare workload_share) {
  std::vector<std::string> missed;
  for (const ShareRow& row : rows) {
    const FillRow& fill = row.fill;
    if (!fill.job.allocator.is_ours) continue;
    const std::string name = NameOf(fill.job) + ": ";
    if (!fill.failures.empty()) missed.push_back(name + Note(fill));
    const double least = wanted.check
                             ? std::max(wanted.min_share, workload_share(fill.job.workload))
                             : wanted.min_share;
    const Summary share = PossibleShare(fill);
    // A run in which nothing failed shows no share: it did not fill the arena.
    if (least > 0 && share.count < fill.runs.size()) missed.push_back(name + "nothing failed");
    if (share.count > 0 && share.min < least) {
      missed.push_back(name + Fixed(share.min, 1) + " % live, wanted " + Fixed(least, 1));
    }
    const Summary failing = fill.Of("failing_ns");
    if (wanted.check && failing.median > wanted.max_failing_ns) {
      missed.push_back(name + Count(failing.median) + " ns for a failing malloc, wanted at most " +
                       Count(wanted.max_failing_ns));
    }
  }
  return missed;
}

std::vector<std::string> MissedSpeeds(const std::vector<SpeedRow>& rows, const Wanted& wanted) {
  std::vector<std::string> missed;
  for (const SpeedRow& row : rows) {
    if (!row.fixed.job.allocator.is_ours) continue;
    const std::string name =
        NameOf(row.fixed.job) + " at " + std::to_string(row.fixed.job.target_pct) + " % live: ";
    const std::string note = Note(row.fixed) + Note(row.unlimited);
    if (!note.empty()) missed.push_back(name + note);
    if (wanted.check && row.CpuRatio() > wanted.max_slowdown) {
      missed.push_back(name + Fixed(row.CpuRatio(), 2) + " times as slow, wanted at most " +
                       Fixed(wanted.max_slowdown, 2));
    }
  }
  return missed;
}

std::vector<std::string> MissedSmallest(const std::vector<SmallestRow>& rows) {
  std::vector<std::string> missed;
  for (const SmallestRow& row : rows) {
    if (!row.job.allocator.is_ours || row.found.arena_mib > 0) continue;
    missed.push_back(row.job.workload + " " + row.job.allocator.name + ": no arena was enough");
  }
  return missed;
}

namespace {

void WriteJob(const FillJob& job, JsonWriter* json) {
  json->Key("workload");
  json->String(job.workload);
  json->Key("allocator");
  json->String(job.allocator.name);
  json->Key("arena_mib");
  json->Uint(job.arena_mib);
  json->Key("scale_mib");
  json->Uint(job.scale_mib);
  json->Key("target_pct");
  json->Uint(job.target_pct);
}

void WriteRun(const ReportFields& run, JsonWriter* json) {
  json->BeginObject();
  for (const auto& [key, value] : run.all()) {
    json->Key(key);
    if (run.Number(key).has_value()) {
      json->Raw(value);
    } else {
      json->String(value);
    }
  }
  json->EndObject();
}

}  // namespace

void WriteFillRow(const FillRow& row, JsonWriter* json) {
  json->BeginObject();
  WriteJob(row.job, json);
  json->Key("runs");
  json->BeginArray();
  for (const ReportFields& run : row.runs) WriteRun(run, json);
  json->EndArray();
  json->Key("failures");
  json->BeginArray();
  for (const std::string& failure : row.failures) json->String(failure);
  json->EndArray();
  json->EndObject();
}

void WriteSmallestRow(const SmallestRow& row, JsonWriter* json) {
  json->BeginObject();
  WriteJob(row.job, json);
  json->Key("smallest_arena_mib");
  json->Uint(row.found.arena_mib);
  json->Key("peak_live_bytes");
  json->Double(row.found.peak_live_bytes);
  json->EndObject();
}

}  // namespace hz3::bench
